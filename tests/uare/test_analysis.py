"""Analyses written by our template, by other models, cut off or scrambled: read as far as they can be."""

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.labels import HARM
from data.records import DegradationRecord
from data.texts import analysis_of
from uare.analysis import (
    ATTRIBUTE_PREFIXES,
    QUALITY_PREFIX,
    find_degradations,
    format_analysis,
    format_assessment,
    level_of,
    parse_analysis,
    parse_assessment,
    reason_for,
)
from uare.prompts import RESTORE, restore_instruction
from uare.results import Analysis, Degradation
from uare.vocabulary import ATTRIBUTES, DEGRADATIONS, HARMED_BY, LEVELS, SEVERITIES

CONTENT = "A dark, muted scene with some fine detail."
RECORDS = st.lists(
    st.builds(DegradationRecord, st.sampled_from(sorted(DEGRADATIONS)), st.integers(1, 5)),
    max_size=4,
    unique_by=lambda record: record.type,
)


def found(text: str) -> list[tuple[str, int | None]]:
    return [(one.type, one.severity) for one in find_degradations(text)]


@given(RECORDS, st.sampled_from([None, CONTENT]), st.integers(0, 9))
def test_what_we_write_is_read_back_exactly(
    records: list[DegradationRecord], content: str | None, seed: int
) -> None:
    analysis = analysis_of(records, content, random.Random(seed))
    assert parse_analysis(format_analysis(analysis)) == analysis


@given(RECORDS, st.data())
def test_a_text_cut_off_anywhere_keeps_what_it_had(
    records: list[DegradationRecord], data: st.DataObject
) -> None:
    whole = analysis_of(records, CONTENT, random.Random(0))
    cut = data.draw(st.integers(0, len(whole.text)))
    part = parse_analysis(whole.text[:cut])
    assert part.text == whole.text[:cut]
    if "Plan:" in whole.text[:cut]:  # everything before the plan was complete
        assert (part.intent, part.content, part.quality) == (whole.intent, whole.content, whole.quality)
        assert part.degradations == whole.degradations


@given(st.text())
def test_any_text_is_read_without_an_exception(text: str) -> None:
    assert parse_analysis(text).text == text
    parse_assessment(text)


PIECES = (
    *DEGRADATIONS.values(),
    *SEVERITIES.values(),
    "Quality:",
    "**Plan**",
    "(1) User intent",
    "no",
    "\n",
    ".",
)


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_scrambled_vocabulary_is_read_without_an_exception(pieces: list[str]) -> None:
    analysis = parse_analysis(" ".join(pieces))
    assert all(one.type in DEGRADATIONS for one in analysis.degradations)
    assert all(one.severity is None or one.severity in SEVERITIES for one in analysis.degradations)


@pytest.mark.parametrize("text", ["*" * 50_000, "* " * 25_000, "quality" + " " * 50_000, "slight a " * 5_000])
def test_long_runs_of_marks_are_read_in_no_time(text: str) -> None:
    start = time.perf_counter()
    parse_analysis(text)
    assert time.perf_counter() - start < 1  # unbounded repetition took minutes here


def test_lines_may_come_in_any_order() -> None:
    analysis = parse_analysis(
        "Result: A clean photo.\nQuality: It shows serious haze.\nIntent: You want it clear."
    )
    assert analysis.intent == "You want it clear."
    assert analysis.result == "A clean photo."
    assert analysis.plan is None
    assert analysis.degradations == (Degradation(type="haze", severity=4),)


@pytest.mark.parametrize(
    "headings",
    [
        (
            "**User Intent:**",
            "**Current Quality Analysis:**",
            "**Enhancement Plan:**",
            "**Expected Result:**",
        ),
        (
            "(1) User intent:",
            "(2) current quality analysis:",
            "(3) Enhancement plan:",
            "(4) Expected result:",
        ),
        ("## 1. User Intent\n", "## 2. Quality Analysis\n", "## 3. Plan\n", "## 4. Expected Outcome\n"),
        ("INTENT:", "QUALITY:", "PLAN:", "RESULT:"),
        ("1. **User intent**:", "2. **Current quality**:", "3. **Plan**:", "4. **Result**:"),
        ("(1) User intent", "(2) Current quality analysis", "(3) Enhancement plan", "(4) Expected result"),
    ],
)
def test_the_headings_of_other_models_are_known(headings: tuple[str, str, str, str]) -> None:
    bodies = (
        "Make it clear.",
        "A street. Heavy noise and mild blur.",
        "Denoise, then sharpen.",
        "A clean photo.",
    )
    joint = "\n" if headings[0] == "(1) User intent" else " "
    text = "\n".join(f"{heading}{joint}{body}" for heading, body in zip(headings, bodies, strict=True))
    analysis = parse_analysis(text)
    assert (analysis.intent, analysis.plan, analysis.result) == (bodies[0], bodies[2], bodies[3])
    assert (analysis.content, analysis.quality) == ("A street.", "Heavy noise and mild blur.")
    assert [(one.type, one.severity) for one in analysis.degradations] == [("noise", 4), ("blur", 1)]


def test_a_text_without_headings_is_all_quality() -> None:
    analysis = parse_analysis("The photo has severe motion blur.")
    assert analysis.quality == "The photo has severe motion blur."
    assert analysis.degradations == (Degradation(type="blur", severity=4),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It shows obvious noise and slight blur.", [("noise", 3), ("blur", 1)]),
        ("It shows no visible defects.", []),
        ("There is no noise, but heavy JPEG compression artifacts.", [("jpeg", 4)]),
        ("A very blurry, underexposed photo.", [("blur", None), ("lowlight", None)]),
        ("Noise is everywhere; on closer look it is serious noise.", [("noise", 4)]),
        (
            "slight low light, moderate low resolution and catastrophic rain",
            [("lowlight", 1), ("lowres", 2), ("rain", 5)],
        ),
        ("A brown training ground behind a terrain of drains.", []),
    ],
)
def test_degradations_are_read_from_words(text: str, expected: list[tuple[str, int | None]]) -> None:
    assert found(text) == expected


def test_missing_parts_are_left_out_when_writing() -> None:
    assert format_analysis(Analysis(plan="1) nothing.")) == "Plan: 1) nothing."


def test_the_quality_answer_has_its_prefixes_and_is_read_back() -> None:
    attributes = dict(zip(ATTRIBUTES, LEVELS, strict=True))
    text = format_assessment("fair", attributes)
    assert text == (
        "The quality of this image is fair. Sharpness: excellent. Colour fidelity: good. Noise: fair. "
        "Artefacts: poor. Exposure: bad."
    )
    assert text.startswith(QUALITY_PREFIX)
    assert all(prefix in text for prefix in ATTRIBUTE_PREFIXES.values())
    assert parse_assessment(text) == ("fair", attributes)


def test_a_quality_answer_cut_off_has_only_what_it_states() -> None:
    assert parse_assessment("The quality of this image is poor. Sharpness: good. Colour") == (
        "poor",
        {"sharpness": "good"},
    )


def test_the_level_of_a_score_is_the_nearest() -> None:
    assert [level_of(score) for score in (1.0, 1.4, 2.6, 4.2, 5.0)] == [
        "bad",
        "bad",
        "fair",
        "good",
        "excellent",
    ]


def test_restore_instructions_name_what_is_given() -> None:
    assert restore_instruction([]) == RESTORE
    assert restore_instruction(["noise"]) == "enhance this image with noise"
    assert (
        restore_instruction(["noise", "blur", "jpeg"])
        == "enhance this image with noise, blur and JPEG artifacts"
    )


def test_a_reason_names_the_defects_that_bear_on_the_attribute() -> None:
    defects = (Degradation(type="blur", severity=4), Degradation(type="noise", severity=1))
    assert reason_for("sharpness", "poor", defects) == "Sharpness is poor: serious blur."
    assert reason_for("noise", "good", defects) == "Noise is good: slight noise."
    assert reason_for("exposure", "excellent", defects) == "Exposure is excellent."


def test_a_reason_says_where_level_and_description_disagree() -> None:
    blurred = (Degradation(type="blur", severity=4),)
    assert reason_for("sharpness", "good", blurred) == "Sharpness is good, although serious blur is named."
    unexplained = "Noise is bad, without a named defect that explains it."
    assert reason_for("noise", "bad", blurred) == unexplained


def test_what_harms_an_attribute_is_what_its_labels_follow_from() -> None:
    told = {name: {kind for kind, harms in HARM.items() if name in harms} for name in ATTRIBUTES}
    assert {name: set(kinds) for name, kinds in HARMED_BY.items()} == told
