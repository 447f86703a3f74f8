"""Pairs of what people judged, and the tables of who orders them alike."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.human_pairs import DIFFERENT, SAME, TO_REFERENCE, TRIPLE, main, pairs_of, triple_of
from eval.human_pairs_tables import HumanPair, Scored, pairs_section, scores_section
from eval.suites.suite import Candidate


def scored(name: str, group: str, mos: float | None, reference: str | None = None) -> Candidate:
    return Candidate(
        id=name, group=group, lq=Path(f"{name}.png"), gt=Path(reference) if reference else None, mos=mos
    )


def pair(kind: str = SAME) -> HumanPair:
    return HumanPair(kind=kind, dataset="x", better=Path("a"), worse=Path("b"), references=(None, None))


def test_pairs_stay_within_a_set_and_the_preferred_comes_first() -> None:
    found = pairs_of(
        [
            scored("a", "one", 2.0, "ref"),
            scored("b", "one", 4.0, "ref"),
            scored("c", "one", 3.0, "other"),
            scored("tie", "one", 3.0),
            scored("d", "two", 5.0),
        ]
    )
    assert [(one.kind, one.better.stem, one.worse.stem) for one in found] == [
        (SAME, "b", "a"),
        (DIFFERENT, "c", "a"),
        (DIFFERENT, "tie", "a"),
        (DIFFERENT, "b", "c"),
        (DIFFERENT, "b", "tie"),
    ]


def test_the_triple_counts_only_where_all_of_it_is_there(tmp_path: Path) -> None:
    reference, better, worse = TRIPLE
    for name in (reference, better):
        (tmp_path / f"{name}.webp").touch()
    assert triple_of(tmp_path) == []
    (tmp_path / f"{worse}.webp").touch()
    (found,) = triple_of(tmp_path)
    assert (found.kind, found.better.stem, found.worse.stem) == (TO_REFERENCE, better, worse)


def test_shares_state_how_many_were_answered_and_left_open() -> None:
    pairs = [pair(), pair(), pair(DIFFERENT), pair(DIFFERENT)]
    section = pairs_section(pairs, {"judge": [1.0, 0.0, -1.0, 2.0], "psnr": [0.5, None, None, None]})
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in section.tables[0].rows}
    assert rows["judge"] == ["1 of 2, 1 about equal", "1 of 2", "2 of 4, 1 about equal"]
    assert rows["psnr"] == ["1 of 1", "–", "1 of 1"]
    assert [cell.text for cell in section.details[0].rows[1]][-2:] == ["about equal", "–"]
    assert "far too few" in section.text[0]


def test_correlations_are_given_over_all_and_within_sets_of_three() -> None:
    values = [
        Scored(dataset=name, name=str(place), opinion=opinion, values={"score": score})
        for place, (name, opinion, score) in enumerate(
            [("one", 1, 3), ("one", 2, 2), ("one", 3, 1), ("two", 4, 4), ("two", 5, 5)]
        )
    ]
    rows = {row[0].text: [cell.value for cell in row[1:]] for row in scores_section(values).tables[0].rows}
    assert rows == {"all sets": [5, pytest.approx(0.6)], "one": [3, pytest.approx(-1)]}


def test_a_folder_without_pairs_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "scores.json").write_text(json.dumps({"images": [{"file": "a.png", "score": 3}]}))
    assert main([str(tmp_path), "--output", str(tmp_path / "page.md")]) == 2
    assert "no two pictures" in capsys.readouterr().err
