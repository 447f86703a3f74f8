"""People's opinions become soft labels, and answers whose mean is the opinion."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.labels import level_weights, opinion_weights, preference_weights
from data.opinions import choice_exchange, question_exchange, score_exchange
from data.phrasings import RICH
from data.samples import ChoiceSource, Picture, QuestionSource, ScoreSource
from data.texts import COMPARE_QUESTIONS, COMPARE_WITH_REFERENCE_QUESTIONS, SCORE_QUESTIONS
from uare.analysis import VERDICT_PREFIX, parse_assessment
from uare.errors import InputError
from uare.vocabulary import LEVELS

PICTURE = Picture(name="a.png", data=b"")


def mean_of(weights: dict[str, float]) -> float:
    return sum(LEVELS[level] * share for level, share in weights.items())


@pytest.mark.parametrize(
    ("mos", "spread", "by_mass", "expected"),
    [
        # SciPy's normal distribution put through the formulas of DeQA-Score's gen_soft_label.py
        (3.4, 0.6, True, [0.03283554, 0.40091297, 0.50006049, 0.06579790, 0.00039310]),
        (2.2, 0.25, True, [0.01971534, 0.01971543, 0.12344173, 0.81510892, 0.02201859]),
        (2.2, 0.25, False, [0.03868546, 0.03868546, 0.04526908, 0.83866359, 0.03869640]),
        # cut off at 0 there, and then made to sum to 1
        (3.4, 0.6, False, [0.01796001, 0.40503634, 0.53510099, 0.04284893, 0.0]),
        (4.6, 0.5, True, [0.57551482, 0.42928739, 0.00831501, 0.0, 0.0]),
    ],
)
def test_soft_labels_are_those_of_deqa_score(
    mos: float, spread: float, by_mass: bool, expected: list[float]
) -> None:
    weights = opinion_weights(mos, spread, by_mass=by_mass)
    assert list(weights) == list(LEVELS)
    assert list(weights.values()) == pytest.approx([one / sum(expected) for one in expected], abs=2e-8)


@given(st.floats(1, 5), st.floats(0, 4) | st.none(), st.booleans())
def test_soft_labels_are_distributions_about_the_opinion(
    mos: float, spread: float | None, by_mass: bool
) -> None:
    weights = opinion_weights(mos, spread, by_mass=by_mass)
    assert sum(weights.values()) == pytest.approx(1)
    assert min(weights.values()) >= 0
    assert mean_of(weights) == pytest.approx(mos, abs=0.1 + 1e-9)


@pytest.mark.parametrize(("mos", "spread"), [(3.7, None), (3.7, 0.19), (1.0, 0.5), (5.0, 0.5)])
def test_without_a_useful_spread_the_two_neighbouring_levels_share(mos: float, spread: float | None) -> None:
    assert opinion_weights(mos, spread) == level_weights(mos)


def test_the_label_does_not_jump_where_its_scale_is_undefined() -> None:
    at, beside = opinion_weights(3.0, 0.6), opinion_weights(3.0001, 0.6)
    assert list(at.values()) == pytest.approx(list(beside.values()), abs=1e-3)
    assert at["good"] == pytest.approx(at["poor"], abs=1e-5)


def test_a_wider_spread_gives_a_wider_label() -> None:
    narrow, wide = opinion_weights(3.0, 0.5), opinion_weights(3.0, 1.0)
    assert narrow["fair"] > wide["fair"]
    assert narrow["excellent"] < wide["excellent"]


@pytest.mark.parametrize(
    ("mos", "spread"), [(0.9, 0.5), (5.1, 0.5), (3.0, -0.1), (3.0, float("nan")), (3.0, 17.2)]
)
def test_soft_labels_refuse_numbers_off_the_scale(mos: float, spread: float) -> None:
    with pytest.raises(InputError):
        opinion_weights(mos, spread)


@given(st.floats(0, 1))
def test_verdict_shares_have_the_preference_as_their_mean_and_swap_with_the_images(preference: float) -> None:
    weights, swapped = preference_weights(preference), preference_weights(1 - preference)
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["A"] + weights["neither"] / 2 == pytest.approx(preference)
    assert (weights["A"], weights["B"]) == pytest.approx((swapped["B"], swapped["A"]))


def test_verdicts_that_all_agree_on_are_certain() -> None:
    assert preference_weights(1) == {"A": 1, "B": 0, "neither": 0}
    assert preference_weights(0) == {"A": 0, "B": 1, "neither": 0}
    assert preference_weights(0.5) == {"A": 0, "B": 0, "neither": 1}
    with pytest.raises(InputError):
        preference_weights(1.1)


def test_score_answers_are_read_back_and_their_mean_is_the_opinion() -> None:
    source = ScoreSource(id="1", picture=PICTURE, mos=3.4, mos_std=0.6)
    rng = random.Random(0)
    exchanges = [score_exchange(source, rng) for _ in range(2000)]
    levels = []
    for exchange in exchanges:
        overall, attributes = parse_assessment(exchange.answer)
        assert overall is not None and attributes == {}  # nobody was asked about attributes
        levels.append(LEVELS[overall])
    assert sum(levels) / len(levels) == pytest.approx(3.4, abs=0.05)
    assert {exchange.question for exchange in exchanges} == set(SCORE_QUESTIONS)
    assert not any("attributes" in question for question in SCORE_QUESTIONS)


def test_choices_are_answered_as_people_preferred() -> None:
    rng = random.Random(0)
    for preference, word in ((1.0, "A"), (0.5, "neither"), (0.0, "B")):
        source = ChoiceSource(id="1", first=PICTURE, second=PICTURE, preference=preference)
        exchange = choice_exchange(source, rng)
        assert exchange.answer == f"{VERDICT_PREFIX} {word}."
        assert exchange.question in COMPARE_QUESTIONS
    divided = ChoiceSource(id="1", first=PICTURE, second=PICTURE, preference=0.8)
    answers = Counter(choice_exchange(divided, rng).answer for _ in range(1000))
    assert answers[f"{VERDICT_PREFIX} A."] / 1000 == pytest.approx(0.6, abs=0.05)
    assert answers[f"{VERDICT_PREFIX} B."] == 0


def test_a_choice_with_a_reference_is_asked_about_it() -> None:
    source = ChoiceSource(id="1", first=PICTURE, second=PICTURE, preference=1, reference=PICTURE)
    assert choice_exchange(source, random.Random(0)).question in COMPARE_WITH_REFERENCE_QUESTIONS
    rich = {choice_exchange(source, random.Random(seed), grammar=RICH).question for seed in range(200)}
    assert len(rich) > 20 and all("reference" in question for question in rich)


def test_questions_come_as_they_are() -> None:
    source = QuestionSource(id="1", pictures=(PICTURE,), question=" What is wrong?\n", answer="It is noisy. ")
    exchange = question_exchange(source)
    assert (exchange.question, exchange.answer) == ("What is wrong?", "It is noisy.")
