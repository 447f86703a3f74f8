"""The tables about best-of and the check of results, on made-up answers; and the cases they come from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.self_check import dev_cases, first_of_each_group, main, realsr_cases
from eval.self_check_tables import BETTER, EQUAL, WORSE, Tried, best_of_section, by_photo, verify_section

GOOD = {"psnr": 30.0, "ssim": 0.95, "ciede2000": 1.0}
BAD = {"psnr": 20.0, "ssim": 0.80, "ciede2000": 5.0}
MIXED = {"psnr": 31.0, "ssim": 0.9505, "ciede2000": 1.0}  # one of three metrics says better


def tried(way: int, values: dict[str, float], input_values: dict[str, float], **more: object) -> Tried:
    fields = {
        "group": "noise",
        "photo": "cat",
        "way": way,
        "values": values,
        "input_values": input_values,
        "points": 0.5,
        "score": 3.0,
        "input_score": 3.5,
        "by_judge": (0.6, 0.1, 0.3),
        "by_words": (0.1, 0.6, 0.3),
    }
    return Tried(**(fields | more))  # type: ignore[arg-type]


def test_the_truth_is_what_more_than_half_of_the_metrics_prefer() -> None:
    assert tried(0, GOOD, BAD).truth == BETTER
    assert tried(0, BAD, GOOD).truth == WORSE
    assert tried(0, MIXED, GOOD).truth == EQUAL


def test_choices_follow_points_score_and_reference() -> None:
    ways = [
        tried(0, BAD, BAD, points=0.2, score=4.0),
        tried(1, GOOD, BAD, points=0.9, score=1.0),
    ]
    ways += [
        tried(way, one.values, BAD, photo="dog", points=one.points, score=one.score)
        for way, one in enumerate(ways)
    ]
    assert [len(one) for one in by_photo(ways).values()] == [2, 2]
    (table,) = best_of_section(ways, seed=0).tables
    psnr = {row[0].text: row[1].value for row in table.rows}
    assert psnr == {
        "as it is done alone": 20,
        "best of all, by the judge": 30,
        "best of all, by the score": 20,
        "chosen at random": 25,
        "the best there was": 30,
    }
    gain = {row[0].text: row[2].value for row in table.rows}
    assert gain["best of all, by the judge"] == 10
    distance = next(place for place, one in enumerate(table.columns) if one.name == "ciede2000")
    best = next(row for row in table.rows if row[0].text == "the best there was")
    assert best[distance].value == 1.0  # less is better
    assert best[distance + 1].value == 4.0  # and a gain is positive


def test_verdicts_are_counted_against_the_truth() -> None:
    found = [
        tried(0, GOOD, BAD, photo="a"),  # judge right, words wrong
        tried(0, BAD, GOOD, photo="b"),  # judge writes what is worse, words withhold it
        tried(0, BAD, GOOD, photo="c", by_judge=(0.1, 0.8, 0.1), score=3.6),
    ]
    section = verify_section(found, seed=0)
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in section.tables[0].rows}
    assert rows["the judge"][0].startswith("66.7")
    assert rows["the judge"][2:] == ["1 of 2", "0 of 1"]
    assert rows["the model's words"][2:] == ["0 of 2", "1 of 1"]
    assert rows["the model's score"][2:] == ["1 of 2", "1 of 1"]
    assert rows["always better"][2:] == ["2 of 2", "0 of 1"]
    shipped = {row[0].text: row[1].value for row in section.tables[-1].rows}
    assert shipped["always better"] == pytest.approx((30 + 20 + 20) / 3, abs=0.01)
    assert shipped["the judge"] == pytest.approx((30 + 20 + 30) / 3, abs=0.01)


def test_cases_are_cut_to_the_middle_and_limited_by_group(tmp_path: Path) -> None:
    folder = tmp_path / "dev-pairs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("lq", "gt", "small"):
        side = 40 if name == "small" else 90
        Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(folder / f"{name}.png")
    pairs = [
        {"type": kind, "name": f"{kind}{n}", "lq": "lq.png", "gt": "gt.png"} for kind in "ab" for n in (1, 2)
    ]
    pairs.append({"type": "a", "name": "sizes differ", "lq": "lq.png", "gt": "small.png"})
    (folder / "pairs.json").write_text(json.dumps({"pairs": pairs}))
    cases = list(dev_cases(folder, 64))
    assert [one.name for one in cases] == ["a1", "a2", "b1", "b2"]
    whole = np.asarray(Image.open(folder / "gt.png"))
    np.testing.assert_array_equal(cases[0].reference, whole[13:77, 13:77])
    assert [one.name for one in first_of_each_group(cases, 1)] == ["a1", "b1"]
    assert realsr_cases(tmp_path / "nowhere") == []


def test_no_data_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--output", str(tmp_path / "page.md")]) == 2
    assert "holds neither dev-pairs nor realsr-osediff" in capsys.readouterr().err
