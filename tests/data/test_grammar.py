"""A grammar writes what its rules allow, and counts it without writing it."""

import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.grammar import Grammar, Rules

GREETING = Grammar(
    {
        "greeting": ("{hello}, {whom}!", "{hello}!"),
        "hello": ("Hello", "Good {time}"),
        "time": ("morning", "evening"),
        "whom": ("you", "all of you"),
    }
)


def written(rules: Rules, symbol: str) -> set[str]:
    """Every text of a symbol, by writing them all."""
    texts: set[str] = set()
    for alternative in rules[symbol]:
        pieces = alternative.replace("}", "{").split("{")
        choices = [written(rules, piece) if index % 2 else {piece} for index, piece in enumerate(pieces)]
        texts.update("".join(chosen) for chosen in product(*choices))
    return texts


def test_texts_come_from_the_rules_and_all_of_them_come() -> None:
    rng = random.Random(0)
    drawn = {GREETING.expand("greeting", rng) for _ in range(300)}
    assert drawn == written(GREETING.rules, "greeting")
    assert "Good evening, all of you!" in drawn and len(drawn) == 9


def test_the_same_seed_gives_the_same_text() -> None:
    first, second = random.Random(5), random.Random(5)
    assert [GREETING.expand("greeting", first) for _ in range(20)] == [
        GREETING.expand("greeting", second) for _ in range(20)
    ]


def test_an_alternative_that_stands_twice_is_drawn_twice_as_often_and_counts_once() -> None:
    grammar = Grammar({"coin": ("heads", "heads", "tails")})
    rng = random.Random(0)
    heads = sum(grammar.expand("coin", rng) == "heads" for _ in range(3000))
    assert heads / 3000 == pytest.approx(2 / 3, abs=0.03)  # three standard deviations
    assert grammar.count("coin") == 2


def test_nothing_is_drawn_where_there_is_no_choice() -> None:
    rng = random.Random(0)
    before = rng.getstate()
    assert Grammar({"one": ("a {two}",), "two": ("b",)}).expand("one", rng) == "a b"
    assert rng.getstate() == before


def test_extending_replaces_symbols_and_leaves_the_first_grammar_alone() -> None:
    later = GREETING.extended({"time": ("night",), "extra": ("x",)})
    assert later.count("hello") == 2
    assert GREETING.count("hello") == 3 and "extra" not in GREETING.rules


def test_a_text_that_arises_in_two_ways_counts_once() -> None:
    grammar = Grammar({"s": ("{a}{b}", "xy"), "a": ("x", "xx"), "b": ("x", "y", "")})
    assert grammar.count("s") == len({"xx", "xy", "x", "xxx", "xxy"})


def test_more_texts_than_could_be_written_are_counted() -> None:
    digits = {"digit": tuple("0123456789"), "number": ("{digit}" * 40,)}
    assert Grammar(digits).count("number") == 10**40


ALTERNATIVES = st.lists(st.text("ab", max_size=3), min_size=1, max_size=4)
# Symbols refer to later ones only, so that nothing contains itself.
TEMPLATES = st.lists(st.sampled_from(["a", "b", "ab", "{y}", "{z}"]), max_size=4).map("".join)
LATER = st.lists(st.sampled_from(["a", "ba", "{z}"]), max_size=3).map("".join)


@given(st.lists(TEMPLATES, min_size=1, max_size=4), st.lists(LATER, min_size=1, max_size=4), ALTERNATIVES)
def test_counting_agrees_with_writing_everything(x: list[str], y: list[str], z: list[str]) -> None:
    rules = {"x": x, "y": y, "z": z}
    assert Grammar(rules).count("x") == len(written(rules, "x"))
