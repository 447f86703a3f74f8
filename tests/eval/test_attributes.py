"""What attributes are worth, measured on raters whose worth is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.degradations import TYPES
from eval.adapters.model import ModelSubject
from eval.adapters.subject import Answer
from eval.attribute_tables import HARMED, attribute_section
from eval.attributes import attribute_rows, confusion, rated_by, worst_harms
from eval.records import (
    SCORE,
    Item,
    Prediction,
    Run,
)
from eval.report.markdown import section_lines
from eval.runner import prediction_digest
from eval.suites import attributes as suite_of_attributes
from eval.suites.attributes import labels_of
from eval.suites.items import list_items, make_item
from eval.suites.suite import Candidate, Request
from eval.suites.synthetic import CLEAN
from eval.suites.table import suites_named
from tests.eval.made_up_run import judged_run
from uare.ratings import OVERALL
from uare.results import Assessment
from uare.vocabulary import ATTRIBUTES, HARMED_BY

PHOTOS = tuple(f"photo{number}" for number in range(6))


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.correlations.NUM_RESAMPLES", 20)


def item_of(photo: str, kind: str, severity: int) -> Item:
    return Item(
        id=f"{photo}-{kind}-{severity}",
        group=kind,
        kind=SCORE,
        lq="lq.png",
        gt="gt.png",
        scale=1,
        mos=None,
        tags=(f"severity {severity}",) if severity else (),
        lq_sha256=f"{photo}-{kind}-{severity}",
        gt_sha256=photo,
        crop=None,
        labels=labels_of(kind, severity),
    )


def run_of(say: Callable[[Item], dict[str, float]], name: str = HARMED, photos: int = 6) -> Run:
    """A run in which one judge says what it says of every item; without attributes its score alone."""
    items = [
        item_of(photo, kind, severity)
        for photo in PHOTOS[:photos]
        for kind, severity in [(CLEAN, 0), *((kind, level) for kind in TYPES for level in range(1, 6))]
    ]
    predictions = {}
    for item in items:
        said = dict(say(item))
        predictions[item.id] = Prediction(
            item=item.id,
            file=None,
            score=said.pop(OVERALL),
            text=None,
            elapsed_s=1,
            problem=None,
            attributes=said,
        )
    return judged_run(items, predictions, name)


def honest(item: Item) -> dict[str, float]:
    return item.labels


def indifferent(item: Item) -> dict[str, float]:
    return dict.fromkeys(item.labels, 3.0)


def rated(say: Callable[[Item], dict[str, float]]) -> list:
    (suite,) = run_of(say).suites
    return rated_by(suite, suite.subjects[0])


def test_who_says_the_labels_follows_them_and_raises_no_false_alarm() -> None:
    for row in attribute_rows(rated(honest)):
        assert row.own_harm.mean == pytest.approx(1.0)
        assert row.own_fall.mean == pytest.approx(3.2 if row.attribute == "colour fidelity" else 4.0)
        assert row.other_fall.mean == 0.0


def test_who_says_the_same_of_everything_ranks_nothing() -> None:
    for row in attribute_rows(rated(indifferent)):
        assert (row.own_harm.mean, row.own_fall.mean, row.other_fall.mean) == (0.0, 0.0, 0.0)


def test_the_worst_harms_are_among_those_that_bear_on_an_attribute() -> None:
    assert worst_harms("sharpness") == ["blur", "lowres"]
    for name in ATTRIBUTES:
        assert set(worst_harms(name)) <= set(HARMED_BY[name])


def test_an_attribute_falls_with_its_own_harms_alone() -> None:
    found = confusion(rated(honest))
    assert found["noise"]["noise"].mean == pytest.approx(1.0)
    assert found["noise"]["blur"].mean == 0.0
    assert all(found[OVERALL][kind].mean == pytest.approx(1.0) for kind in TYPES)


def test_the_section_has_srcc_and_plcc_of_every_attribute_and_says_what_is_not_rated() -> None:
    section = attribute_section(run_of(honest))
    assert section is not None
    text = "\n".join(section_lines(section))
    assert "Composition is not rated" in text
    rows = {row[1].text: [cell.value for cell in row[2:]] for row in section.tables[0].rows}
    assert set(rows) == {OVERALL, *ATTRIBUTES}
    assert all(row == pytest.approx([216, 1, 1, 1], abs=1e-6) for row in rows.values())
    assert "(0.00)" in text


def test_another_suite_with_labels_has_the_correlations_alone() -> None:
    section = attribute_section(run_of(honest, name="spaq"))
    assert section is not None and len(section.tables) == 1


def test_a_judge_without_attributes_has_no_section() -> None:
    assert attribute_section(run_of(lambda item: {OVERALL: item.labels[OVERALL]})) is None


def test_a_photo_of_which_a_version_is_missing_is_left_out_of_what_needs_all() -> None:
    run = run_of(honest, photos=2)
    (suite,) = run.suites
    judge = suite.subjects[0]
    del judge.predictions["photo1-noise-5"]
    assert {one.photo for one in rated_by(suite, judge)} == {"photo0"}
    section = attribute_section(run)
    assert section is not None
    assert section.tables[0].rows[0][2].value == 71


def test_the_suite_lists_every_harm_with_its_labels_and_the_same_pictures_at_every_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("skimage.data")
    monkeypatch.setattr(suite_of_attributes, "SIDE_PX", 48)
    monkeypatch.setattr(suite_of_attributes, "PHOTOS", ("coffee",))
    (suite,) = suites_named([HARMED])
    first, again = (
        list_items(suite, Request(data_root=tmp_path, limit=None, made_dir=tmp_path / name))
        for name in ("a", "b")
    )
    assert len(first.items) == 1 + 5 * len(TYPES)
    assert [one.lq_sha256 for one in first.items] == [one.lq_sha256 for one in again.items]
    by_id = {item.id: item for item in first.items}
    assert set(by_id["coffee-clean"].labels.values()) == {5.0}
    assert by_id["coffee-noise-5"].labels == labels_of("noise", 5)
    assert len({item.gt_sha256 for item in first.items}) == 1


class Seer:
    """A pipeline that sees one thing."""

    def assess(self, image: Image.Image, /) -> Assessment:
        return Assessment(
            score=3, level="fair", distribution={}, attributes={"noise": 2}, degradations=(), text=""
        )


def test_a_model_hands_over_its_attributes_and_labels_are_worth_a_prediction_of_their_own(
    tmp_path: Path,
) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    plain, labelled = (
        make_item(Candidate(id="a", group="", lq=tmp_path / "a.png", labels=labels), SCORE)
        for labels in ({}, {"noise": 3.0})
    )
    subject = ModelSubject("seer", "", "0", Seer, seed=0)  # type: ignore[arg-type]
    answer = subject.predict(labelled, np.zeros((16, 16, 3)))
    assert answer == Answer(score=3, text="", attributes={"noise": 2})
    assert prediction_digest(plain, subject) != prediction_digest(labelled, subject)
