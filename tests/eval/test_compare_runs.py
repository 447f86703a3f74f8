"""Two runs: paired over what both hold, with what changed between them left out and named."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from eval.compare_runs import compare
from eval.records import (
    Item,
    Score,
    read_lines,
    read_run_info,
    write_lines,
    write_run_info,
)
from eval.report.model import Report
from tests.eval.made_up_run import MODEL_NAME, NUM_ITEMS, PSNR, make_run
from uare.errors import InputError


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    return make_run(tmp_path / "a"), make_run(tmp_path / "b")


def shift_psnr(run: Path, by: float) -> None:
    path = run / "sr" / MODEL_NAME / "scores.jsonl"
    scores = [
        dataclasses.replace(one, value=one.value + by) if one.protocol == PSNR and one.value else one
        for one in read_lines(path, Score)
    ]
    write_lines(path, scores)


def row_of(report: Report, subject: str, metric: str) -> dict[str, object]:
    table = next(section for section in report.sections if section.id == "sr").tables[0]
    row = next(row for row in table.rows if row[0].text == subject and row[1].text == metric)
    return {column.name: cell for column, cell in zip(table.columns, row, strict=True)}


def test_a_run_against_itself_is_a_tie_everywhere(runs: tuple[Path, Path]) -> None:
    report = compare(*runs)
    verdicts = {row[-1].text for section in report.sections for table in section.tables for row in table.rows}
    assert verdicts == {"tie"}
    assert report.problems == ()


def test_a_gain_of_the_second_run_is_positive_and_better(runs: tuple[Path, Path]) -> None:
    shift_psnr(runs[1], 0.25)
    row = row_of(compare(*runs), MODEL_NAME, PSNR)
    assert row["difference"].value == pytest.approx(0.25)  # type: ignore[attr-defined]
    assert row["wins"].value == NUM_ITEMS  # type: ignore[attr-defined]
    assert row["verdict"].mark == "better"  # type: ignore[attr-defined]
    back = row_of(compare(*runs[::-1]), MODEL_NAME, PSNR)
    assert back["verdict"].text == "worse"  # type: ignore[attr-defined]


def test_pictures_that_changed_or_are_in_one_run_alone_are_left_out_and_named(
    runs: tuple[Path, Path],
) -> None:
    path = runs[1] / "sr" / "items.jsonl"
    items = read_lines(path, Item)
    write_lines(path, [dataclasses.replace(items[0], lq_sha256="another"), *items[1:-1]])
    report = compare(*runs)
    row = row_of(report, MODEL_NAME, PSNR)
    assert row["n"].value == NUM_ITEMS - 2  # type: ignore[attr-defined]
    assert any("1 pictures or their crops changed" in one for one in report.problems)
    assert any("1 pictures are in run A alone" in one for one in report.problems)


def test_a_metric_of_another_version_is_left_out_and_named(runs: tuple[Path, Path]) -> None:
    info = read_run_info(runs[1])
    metrics = tuple(dataclasses.replace(one, version="2") if one.id == PSNR else one for one in info.metrics)
    write_run_info(dataclasses.replace(info, metrics=metrics), runs[1])
    report = compare(*runs)
    table = next(section for section in report.sections if section.id == "sr").tables[0]
    assert PSNR not in {row[1].text for row in table.rows}
    assert any(PSNR in one and "version 2" in one for one in report.problems)


def test_judges_are_compared_by_their_rank_correlation(runs: tuple[Path, Path]) -> None:
    path = runs[1] / "iqa" / MODEL_NAME / "scores.jsonl"
    turned = [
        dataclasses.replace(one, value=-one.value if one.value else None) for one in read_lines(path, Score)
    ]
    write_lines(path, turned)
    table = next(section for section in compare(*runs).sections if section.id == "iqa").tables[0]
    row = next(row for row in table.rows if row[0].text == MODEL_NAME)
    assert (row[2].value, row[3].value) == (pytest.approx(1), pytest.approx(-1))
    assert row[5].mark == "worse"


def test_the_gallery_puts_both_runs_side_by_side(runs: tuple[Path, Path]) -> None:
    gallery = next(section for section in compare(*runs).sections if section.id == "sr").gallery
    assert gallery is not None
    assert gallery.left == f"A: {MODEL_NAME}"
    assert [one.name for one in gallery.cases[0].versions] == [
        "input",
        f"B: {MODEL_NAME}",
        f"A: {MODEL_NAME}",
        "reference",
    ]


def test_runs_that_share_nothing_cannot_be_compared(tmp_path: Path) -> None:
    a, b = make_run(tmp_path / "a", suites=("sr",)), make_run(tmp_path / "b", suites=("iqa",))
    with pytest.raises(InputError, match="cannot be compared"):
        compare(a, b)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"run\.json"):
        compare(tmp_path, tmp_path)
