"""What attributes are worth, measured on raters whose worth is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from data.degradations import TYPES
from data.labels import attribute_scores
from data.records import DegradationRecord
from eval import attributes as measured
from eval.attributes import CLEAN, Rated, attribute_rows, confusion, rate_all, worst_harms
from eval.check_attributes import section_of
from eval.metrics import Array
from eval.report.markdown import section_lines
from uare.ratings import OVERALL
from uare.vocabulary import ATTRIBUTES, HARMED_BY

PHOTOS = tuple(f"photo{number}" for number in range(6))


def rated(is_honest: bool) -> list[Rated]:
    """An honest rater says the labels; the other says 3 of everything."""
    found = []
    for photo in PHOTOS:
        for kind, severity in [(CLEAN, 0), *((kind, level) for kind in TYPES for level in range(1, 6))]:
            labels = attribute_scores([DegradationRecord(kind, severity)] if severity else [])
            scores = {**labels, OVERALL: 5.0 - 0.8 * severity}
            if not is_honest:
                scores = dict.fromkeys(scores, 3.0)
            found.append(Rated(photo=photo, type=kind, severity=severity, labels=labels, scores=scores))
    return found


def test_who_says_the_labels_follows_them_and_raises_no_false_alarm() -> None:
    for row in attribute_rows(rated(True)):
        assert row.followed.value == pytest.approx(1.0)
        assert row.own_harm.mean == pytest.approx(1.0)
        assert row.own_fall.mean == pytest.approx(3.2 if row.attribute == "colour fidelity" else 4.0)
        assert row.other_fall.mean == 0.0


def test_who_says_the_same_of_everything_ranks_nothing() -> None:
    for row in attribute_rows(rated(False)):
        assert np.isnan(row.followed.value)
        assert (row.own_harm.mean, row.own_fall.mean, row.other_fall.mean) == (0.0, 0.0, 0.0)


def test_the_worst_harms_are_among_those_that_bear_on_an_attribute() -> None:
    assert worst_harms("sharpness") == ["blur", "lowres"]
    for name in ATTRIBUTES:
        assert set(worst_harms(name)) <= set(HARMED_BY[name])


def test_an_attribute_falls_with_its_own_harms_alone() -> None:
    found = confusion(rated(True))
    assert found["noise"]["noise"].mean == pytest.approx(1.0)
    assert found["noise"]["blur"].mean == 0.0
    assert all(found[OVERALL][kind].mean == pytest.approx(1.0) for kind in TYPES)


def test_the_same_pictures_are_rated_at_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("skimage.data")
    monkeypatch.setattr(measured, "SIDE_PX", 64)

    def rate(picture: Array) -> dict[str, float]:
        return {OVERALL: float(picture.sum())}

    def sums(photos: Sequence[str]) -> list[float]:
        return [one.scores[OVERALL] for one in rate_all(rate, photos)]

    first = sums(("coffee", "rocket"))
    assert len(first) == 2 * (1 + 5 * len(TYPES))
    assert first == sums(("coffee", "rocket"))


def test_the_page_says_what_is_not_rated(tmp_path: Path) -> None:
    text = "\n".join(section_lines(section_of("model", rated(True))))
    assert "Composition is not rated" in text
    assert "| sharpness | 1.000 [1.000, 1.000] |" in text
    assert "(0.00)" in text
