"""Ratings read out of answers: what is written is read back, and nothing that is malformed raises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uare.analysis import format_assessment
from uare.ratings import OVERALL, RatingForm, format_scores, parse_ratings
from uare.vocabulary import ATTRIBUTES, LEVELS

MG_IQA = RatingForm(
    kind="scores", attributes=("sharpness", "colour fidelity", "noise", "composition"), thinks=True
)
BARE = RatingForm(kind="scores", attributes=("sharpness", "noise"))
LEVEL_FORM = RatingForm()
VALUES = {"sharpness": 1.25, "colour fidelity": 4.0, "noise": 5.0, "composition": 3.5, OVERALL: 2.75}
WHOLE = (
    '<think>Edges are soft.</think><answer>{"sharpness": 1.25, "color_fidelity": 4.00, '
    '"noise_level": 5.00, "composition": 3.50, "overall": 2.75}</answer>'
)
NOTHING = (None, None, None)


def test_what_is_written_is_read_back() -> None:
    found = parse_ratings(format_scores(VALUES, MG_IQA, "Edges are soft."), MG_IQA)
    assert found.values == VALUES
    assert found.format_ok
    assert found.reasoning == "Edges are soft."


def test_the_papers_names_are_ours() -> None:
    found = parse_ratings(WHOLE, MG_IQA)
    assert (found.values, found.format_ok) == (VALUES, True)


def test_the_question_names_all_that_is_to_be_rated_and_what_noise_means() -> None:
    asked = MG_IQA.question
    assert all(name in asked for name in (*MG_IQA.attributes, OVERALL, "<think>", "<answer>"))
    assert "5.00 means that there is none" in asked
    assert "<think>" not in BARE.question


@pytest.mark.parametrize("level", LEVELS)
def test_the_quality_answer_is_read_by_its_levels(level: str) -> None:
    answer = format_assessment(level, dict.fromkeys(ATTRIBUTES, level))
    found = parse_ratings(answer, LEVEL_FORM)
    assert found.values == dict.fromkeys((OVERALL, *ATTRIBUTES), float(LEVELS[level]))
    assert found.format_ok
    assert found.reasoning == ""


# Answer -> (sharpness, noise, overall); none of them is of the form asked for.
MALFORMED: dict[str, tuple[float | None, float | None, float | None]] = {
    "": NOTHING,
    "{": NOTHING,
    "}": NOTHING,
    "}{": NOTHING,
    "null": NOTHING,
    "<answer>": NOTHING,
    "<answer></answer>": NOTHING,
    "</answer><answer>": NOTHING,
    "<answer>[1, 2, 3]</answer>": NOTHING,
    "<answer>null</answer>": NOTHING,
    "<answer>4.5</answer>": NOTHING,
    '{"sharpness": 3, "noise": 4, "overall": 2}': (3.0, 4.0, 2.0),  # without tags
    '<answer>{"sharpness": 3, "noise": 4, "overall": 2}': (3.0, 4.0, 2.0),  # never closed
    '<answer>{"sharpness": 3, "noise": 4, "overall": 2}</answer> Done.': (3.0, 4.0, 2.0),
    'Sure! <answer>{"sharpness": 3, "noise": 4, "overall": 2}</answer>': (3.0, 4.0, 2.0),
    '<answer>{"noise": 4, "sharpness": 3, "overall": 2}</answer>': (3.0, 4.0, 2.0),  # another order
    '<answer>{"sharpness": 3, "overall": 2}</answer>': (3.0, None, 2.0),
    '<answer>{"sharpness": 3, "noise": 4, "overall": 2, "mood": 5}</answer>': (3.0, 4.0, 2.0),
    '<answer>{"sharpness": 0.5, "noise": 5.01, "overall": 2}</answer>': (None, None, 2.0),
    '<answer>{"sharpness": NaN, "noise": Infinity, "overall": -Infinity}</answer>': NOTHING,
    '<answer>{"sharpness": "NaN", "noise": "3.5", "overall": "good"}</answer>': (None, 3.5, None),
    '<answer>{"sharpness": true, "noise": null, "overall": [3]}</answer>': NOTHING,
    '<answer>{"sharpness": {"score": 3}, "noise": 4, "overall": 2}</answer>': (None, 4.0, 2.0),
    '<answer>{"sharpness": 3, "noise": 4, "overall": 2</answer>': (3.0, 4.0, 2.0),  # no JSON
    "<answer>{'sharpness': 3, 'noise': 4, 'overall': 2}</answer>": (3.0, 4.0, 2.0),
    "<answer>sharpness: 3.0, Noise Level = 4.0, Overall Quality: 2</answer>": (3.0, 4.0, 2.0),
    "sharpness: 3\nnoise: 4\noverall: 2": (3.0, 4.0, 2.0),
    "Sharpness 3 out of 5": NOTHING,
    '<answer>{"overall": 1}</answer><answer>{"overall": 4}</answer>': (None, None, 4.0),
    '<think>{"overall": 1}</think>': (None, None, 1.0),
    '<answer>{"overall": 1, "overall": 4}</answer>': (None, None, 4.0),
    '<answer>{"overall": 1e400, "noise": -0}</answer>': NOTHING,
    f'<answer>{{"overall": {"9" * 5000}}}</answer>': NOTHING,
    "<answer>" + "{" * 3000 + "</answer>": NOTHING,
    "<answer>" + '{"a":' * 3000 + "1" + "}" * 3000 + "</answer>": NOTHING,
    "<answer>" * 50 + '{"overall": 2}': (None, None, 2.0),
    "overall: 3 " * 2 + "overall: 9": (None, None, None),  # the last word counts
    "\x00\ud800 \N{PILE OF POO}": NOTHING,
    "overall:\n\n\n\n\n\n3": NOTHING,
    "The quality of this image is good.": NOTHING,  # of the other form
}


@pytest.mark.parametrize("text", MALFORMED, ids=lambda text: repr(text)[:40])
def test_a_malformed_answer_gives_what_it_states_and_nothing_else(text: str) -> None:
    found = parse_ratings(text, BARE)
    assert tuple(found.values.values()) == MALFORMED[text]
    assert not found.format_ok


LEVELS_MALFORMED: dict[str, tuple[float | None, float | None]] = {  # -> overall, noise
    "": (None, None),
    "The quality of this image is": (None, None),
    "The quality of this image is superb. Noise: good.": (None, 4.0),
    "The quality of this image is good. Noise: good.": (4.0, 4.0),
    "the Quality of the image is **Poor**! noise: BAD": (2.0, 1.0),
    "Some reasons. The quality of this image is fair.": (3.0, None),
    "Noise: good. The quality of this image is fair.": (3.0, None),
    "The quality of this image is good. The quality of this image is bad.": (1.0, None),
    '<answer>{"overall": 3}</answer>': (None, None),
}


@pytest.mark.parametrize("text", LEVELS_MALFORMED, ids=lambda text: repr(text)[:40])
def test_a_malformed_quality_answer_gives_the_levels_it_states(text: str) -> None:
    found = parse_ratings(text, LEVEL_FORM)
    assert (found.values[OVERALL], found.values["noise"]) == LEVELS_MALFORMED[text]
    assert not found.format_ok


def test_words_before_the_levels_are_the_reasoning() -> None:
    found = parse_ratings("Edges are soft. The quality of this image is fair.", LEVEL_FORM)
    assert found.reasoning == "Edges are soft."


def test_the_reasoning_of_an_answer_without_its_tags_is_what_stands_before() -> None:
    found = parse_ratings('It is soft. {"overall": 2}', MG_IQA)
    assert (found.reasoning, found.values[OVERALL]) == ("It is soft.", 2.0)


@given(st.text(alphabet=st.sampled_from('<>{}[]":,.0123456789 answerthinkovl/\n\\-eE'), max_size=200))
def test_nothing_raises_and_every_value_lies_on_the_scale(text: str) -> None:
    for form in (MG_IQA, BARE, LEVEL_FORM):
        found = parse_ratings(text, form)
        assert tuple(found.values) == form.names
        assert all(value is None or 1 <= value <= 5 for value in found.values.values())


def test_a_long_answer_is_read_in_no_time() -> None:
    for text in ("a " * 10_000, "overall" * 4_000, "quality of this image is" * 1_000, '"' * 10_000):
        for form in (MG_IQA, LEVEL_FORM):
            parse_ratings(text, form)
