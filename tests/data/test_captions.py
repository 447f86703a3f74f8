"""A large model's captions are used where they can be trusted, and only there."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.captions import Captioner, StoredCaptions, analysis_in, captioned_analysis, content_in
from data.phrasings import RICH
from data.records import DegradationRecord
from data.samples import Picture
from data.texts import analysis_of, degradations_of
from uare.analysis import find_degradations, parse_analysis
from uare.errors import InputError
from uare.results import Degradation

PICTURE = Picture(name="a.png", data=b"")
PIXELS = "A dark, muted scene with some fine detail."  # what data.content would say
NOISE, BLUR = DegradationRecord("noise", 4), DegradationRecord("blur", 1)
FOUR_PARTS = """**User Intent:** You want it clean.
**Current Quality Analysis:** A street at night. It shows serious noise
and mild blur.
**Enhancement Plan:**
1. remove the noise
2. sharpen edges
**Expected Result:** A clean photo of the street."""


def written(path: Path, *rows: object) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def test_stored_captions_answer_by_id_and_have_nothing_to_say_about_others(tmp_path: Path) -> None:
    path = written(
        tmp_path / "captions.jsonl",
        {"id": "1", "text": "Ein Fluß."},
        {"id": "2", "text": "B c d.", "more": 1},
    )
    captions: Captioner = StoredCaptions.from_jsonl(path)
    assert captions("1", PICTURE) == "Ein Fluß."
    assert captions("2", PICTURE) == "B c d."
    assert captions("3", PICTURE) is None


def test_blank_lines_and_a_byte_order_mark_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "captions.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"id": "1", "text": "A tree."}\r\n\r\n')
    assert StoredCaptions.from_jsonl(path).texts == {"1": "A tree."}


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b'{"id": "1", "text": "torn',
        b"[]",
        b'{"id": 1, "text": "A tree."}',
        b'{"id": "1"}',
        b'{"id": "1", "text": " "}',
        b'{"id": "0", "text": "A second caption."}',
        b'{"id": "1", "text": "\xff"}',
        b"[" * 100_000,
    ],
)
def test_malformed_lines_are_named_by_number(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "captions.jsonl"
    good = b'{"id": "0", "text": "A tree."}'
    path.write_bytes(b"\n".join([good, line, b'{"id": "9", "text": "A lake."}', b"{}"]))
    with pytest.raises(InputError, match=r"captions\.jsonl has 2 lines .*: 2, 4;"):
        StoredCaptions.from_jsonl(path)


def test_a_file_of_another_kind_names_its_first_lines_only(tmp_path: Path) -> None:
    path = tmp_path / "captions.txt"
    path.write_text("a tree\n" * 1000)
    with pytest.raises(InputError, match=r"1000 lines .*: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, \.\.\.;"):
        StoredCaptions.from_jsonl(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.jsonl cannot be read"):
        StoredCaptions.from_jsonl(tmp_path / "none.jsonl")


def test_captions_that_help_nobody_are_listed() -> None:
    texts = {
        "lake": "A misty lake.",
        "street": "A street at night.",
        "whole": FOUR_PARTS,
        "part": "Plan: none.",
    }
    assert StoredCaptions(texts).unusable() == ["lake", "part"]


@pytest.mark.parametrize(
    ("caption", "content"),
    [
        ("A cyclist waits at a crossing.", "A cyclist waits at a crossing."),
        ("A cyclist waits at a crossing", "A cyclist waits at a crossing."),
        ("  A dog runs\n over a field! Trees stand behind it.", "A dog runs over a field!"),
        ("A misty lake at dawn.", None),  # would be read as haze
        ("A noisy market.", None),
        ("A pole of 3.5 m stands here.", None),  # ends at the point for our reader
        ("A house.\nPlan: paint it.", None),
        ("", None),
    ],
)
def test_a_sentence_is_taken_unless_it_would_be_misread(caption: str, content: str | None) -> None:
    assert content_in(caption) == content


PIECES = st.sampled_from(
    (
        *(
            "a",
            "tall",
            "tree",
            "in.",
            "rain",
            "3.5",
            "Dr.",
            "serious",
            "noise,",
            "mild",
            "blur",
            "no",
            "haze?",
        ),
        *("\nIntent:", "\n**Plan**", "\nQuality:", "\nResult:"),
    )
)


@given(st.text() | st.lists(PIECES, max_size=40).map(" ".join), st.integers(0, 2**32))
def test_no_caption_changes_what_is_read_back(caption: str, seed: int) -> None:
    analysis = captioned_analysis([NOISE, BLUR], caption, PIXELS, random.Random(seed), grammar=RICH)
    read_back = parse_analysis(analysis.text)
    assert read_back == analysis
    named = {one.type: one.severity for one in read_back.degradations}
    assert named.keys() == {"noise", "blur"}
    assert named["noise"] in (4, None) and named["blur"] in (1, None)  # ungraded where the caption grades not


def test_the_sentence_of_a_caption_takes_the_place_of_the_pixels_sentence() -> None:
    captioned = captioned_analysis([NOISE], "A man reads a book.", PIXELS, random.Random(0))
    assert captioned == analysis_of([NOISE], "A man reads a book.", random.Random(0))
    for caption in (None, "A foggy road."):
        fallen_back = captioned_analysis([NOISE], caption, PIXELS, random.Random(0))
        assert fallen_back == analysis_of([NOISE], PIXELS, random.Random(0))


def test_a_four_part_text_that_agrees_is_taken_under_our_headings() -> None:
    analysis = captioned_analysis([BLUR, NOISE], FOUR_PARTS, PIXELS, random.Random(0))
    assert analysis.text == (
        "Intent: You want it clean.\n"
        "Quality: A street at night. It shows serious noise and mild blur.\n"
        "Plan: 1. remove the noise 2. sharpen edges\n"
        "Result: A clean photo of the street."
    )
    assert parse_analysis(analysis.text) == analysis


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([NOISE], id="it sees a harm that is not there"),
        pytest.param([NOISE, BLUR, DegradationRecord("haze", 1)], id="it misses one"),
        pytest.param([DegradationRecord("noise", 2), BLUR], id="it has another severity"),
        pytest.param([], id="the picture is clean"),
    ],
)
def test_a_four_part_text_that_disagrees_is_replaced_as_a_whole(records: list[DegradationRecord]) -> None:
    assert captioned_analysis(records, FOUR_PARTS, PIXELS, random.Random(0)) == analysis_of(
        records, PIXELS, random.Random(0)
    )


def test_a_plan_against_harms_that_are_not_there_is_refused() -> None:
    degradations = tuple(find_degradations("serious noise and mild blur"))
    assert analysis_in(FOUR_PARTS, degradations) is not None
    assert analysis_in(FOUR_PARTS.replace("sharpen edges", "lift the haze"), degradations) is None
    assert analysis_in(FOUR_PARTS.replace("sharpen edges", "leave no haze"), degradations) is not None


def test_severities_that_nobody_knows_need_not_agree() -> None:
    unknown = (Degradation(type="noise", severity=None), Degradation(type="blur", severity=None))
    assert analysis_in(FOUR_PARTS, unknown) is not None
    ungraded = FOUR_PARTS.replace("serious ", "").replace("mild ", "")
    assert analysis_in(ungraded, find_degradations("serious noise and mild blur")) is not None
    assert analysis_in(FOUR_PARTS.rsplit("\n", 1)[0], unknown) is None  # no result


def test_severities_that_nobody_measured_are_left_to_the_captioner() -> None:
    """Photographed pairs say what harms them, but not how much."""
    seen = [DegradationRecord("noise", 5)]
    text = analysis_of(seen, None, random.Random(0)).text
    supposed = [DegradationRecord("noise", 3)]
    kept = captioned_analysis(supposed, text, None, random.Random(1), is_measured=False)
    assert kept.degradations == degradations_of(seen)
    own = captioned_analysis(supposed, text, None, random.Random(1))
    assert own.degradations == degradations_of(supposed)
