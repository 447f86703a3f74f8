"""Tables of a restoring and of a judging suite: known means, best and ties, gaps, parts, partial runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from eval.records import QUOTED, Item, Run, read_run
from eval.report.build import build_report
from eval.report.differences import difference_table
from eval.report.judges import judge_tables
from eval.report.means import mean_tables, parts_of
from eval.report.model import Cell, Report, Table, count, mean, word
from tests.eval.made_up_run import (
    INPUT_NAME,
    LPIPS,
    MODEL_NAME,
    NIQE,
    NUM_ITEMS,
    PSNR,
    RIVAL_NAME,
    TWIN_NAME,
    make_run,
    psnr_of,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return read_run(make_run(tmp_path_factory.mktemp("run")))


def cell(table: Table, row: str, column: str) -> Cell:
    place = [one.name for one in table.columns].index(column)
    return next(cells[place] for cells in table.rows if cells[0].text == row)


def whole(run: Run) -> Table:
    return mean_tables(run.suites[0], run.info.metrics, 0)[0][0]


def test_means_are_those_of_the_values_with_n_and_an_interval_around_them(run: Run) -> None:
    found = cell(whole(run), MODEL_NAME, PSNR)
    expected = sum(psnr_of(MODEL_NAME, k) for k in range(NUM_ITEMS)) / NUM_ITEMS
    assert found.value == pytest.approx(expected)
    assert found.n == NUM_ITEMS
    assert found.low is not None and found.high is not None
    assert found.low < expected < found.high


def test_the_best_is_marked_and_what_chance_may_explain_is_a_tie(run: Run) -> None:
    table = whole(run)
    marks = {name: cell(table, name, PSNR).mark for name in (INPUT_NAME, RIVAL_NAME, MODEL_NAME, TWIN_NAME)}
    # The model's gains go from -2 to 3.5 dB, so that none of the others can be told apart from it.
    assert marks == {INPUT_NAME: "tie", RIVAL_NAME: "tie", MODEL_NAME: "best", TWIN_NAME: "tie"}


def test_a_difference_on_every_picture_is_no_tie_however_small(run: Run) -> None:
    suite = run.suites[0]
    few = tuple(one for one in suite.subjects if one.info.name in (INPUT_NAME, RIVAL_NAME))
    two = dataclasses.replace(suite, subjects=few)
    table = mean_tables(two, run.info.metrics, 0)[0][0]
    assert cell(table, RIVAL_NAME, PSNR).mark == "best"
    assert cell(table, INPUT_NAME, PSNR).mark == ""  # 0.25 dB less on each
    assert cell(table, RIVAL_NAME, NIQE).mark == "best"  # lower is better


def test_a_mean_over_fewer_pictures_states_its_n_and_never_wins(run: Run) -> None:
    found = cell(whole(run), RIVAL_NAME, "gmsd")
    assert (found.n, found.mark) == (NUM_ITEMS - 1, "")


def test_a_metric_without_any_value_has_no_column_but_its_reason_stands_in_the_metrics(run: Run) -> None:
    assert LPIPS not in [column.name for column in whole(run).columns]
    section = build_report(run).sections[-1]
    assert cell(section.tables[0], LPIPS, "unavailable").text == "its weights are not here"


def test_groups_and_tags_are_tabulated_but_nothing_twice(run: Run) -> None:
    suite = run.suites[0]
    assert {name: len(items) for name, items in parts_of(suite).items()} == {"blur": 4, "noise": 4, "rain": 4}

    def tagged(item: Item) -> Item:
        tags = ("everything", "half") if item.group == "blur" else ("everything",)
        return dataclasses.replace(item, tags=(*tags, f"also {item.group}"))

    items = tuple(map(tagged, suite.items))
    parts = parts_of(dataclasses.replace(suite, items=items))
    assert list(parts) == ["blur", "noise", "rain"]  # a tag of all, or of a group again, tells nothing


def test_paired_differences_are_turned_so_that_above_zero_is_better(run: Run) -> None:
    table = difference_table(run.suites[0], run.info.metrics, 0)
    assert table is not None
    rows = {(row[0].text, row[1].text, row[2].text): row for row in table.rows}
    assert (TWIN_NAME, MODEL_NAME, PSNR) not in rows  # two models are compared once
    for metric in (PSNR, NIQE):
        row = rows[(MODEL_NAME, INPUT_NAME, metric)]
        assert row[4].value == pytest.approx(0.75)
        assert [one.value for one in row[5:8]] == [7, 4, 1]  # gains of -2, -1.5, … 3.5 dB: item 4 is equal


def test_judges_are_tabulated_with_the_scores_they_did_not_give(run: Run) -> None:
    (table,), _ = judge_tables(run.suites[1], run.info.metrics, 0)
    assert cell(table, MODEL_NAME, "SRCC").value == pytest.approx(1)
    assert (cell(table, MODEL_NAME, "n").value, cell(table, MODEL_NAME, "no score").value) == (19, 1)
    found = cell(table, NIQE, "SRCC").value
    assert found is not None and found > 0.4  # falls as opinions rise, and lower is better


def tables_of(report: Report) -> list[Table]:
    return [table for section in report.sections for table in (*section.tables, *section.details)]


def test_every_table_of_a_limited_run_says_so_and_none_of_a_full_one(tmp_path: Path, run: Run) -> None:
    limited = build_report(read_run(make_run(tmp_path, limit=3)))
    assert all("Partial run: at most 3 pictures" in table.notes[0] for table in tables_of(limited))
    assert not any("Partial" in note for table in tables_of(build_report(run)) for note in table.notes)


def test_cases_are_the_worst_and_best_of_each_model_with_all_versions(run: Run) -> None:
    gallery = build_report(run).sections[1].gallery
    assert gallery is not None
    names = [f"photo{k:02d}" for k in (0, 1, 2, 3, 8, 9, 10, 11)]
    assert [case.name for case in gallery.cases] == names
    assert [one.name for one in gallery.cases[0].versions] == [
        "input",
        MODEL_NAME,
        TWIN_NAME,
        RIVAL_NAME,
        "reference",
    ]
    assert gallery.cases[0].versions[1].values[f"{PSNR} against input"] == pytest.approx(-2)


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="found 1 cells for 0 columns"):
        Table(title="t", columns=(), rows=((word("a"),),))


def test_a_cell_without_a_mean_is_a_dash() -> None:
    assert mean(None, 2).text == "–"
    assert count(3).value == 3


def test_versions_of_one_photo_are_drawn_together(run: Run) -> None:
    suite = run.suites[0]
    of_two = tuple(dataclasses.replace(item, gt_sha256=item.group) for item in suite.items)
    apart, together = (
        whole(run),
        mean_tables(dataclasses.replace(suite, items=of_two), run.info.metrics, 0)[0][0],
    )
    alone, grouped = (cell(table, MODEL_NAME, PSNR) for table in (apart, together))
    assert grouped.value == alone.value
    assert (grouped.low, grouped.high) != (alone.low, alone.high)


def test_groups_of_opinions_are_never_put_together(run: Run) -> None:
    suite = run.suites[1]
    # The second set is rated on a scale a hundred times as large: pooled, any judge would look wrong.
    items = tuple(
        dataclasses.replace(
            item, group="ten" if k < 10 else "thousand", mos=(item.mos or 0) * (1 if k < 10 else 100)
        )
        for k, item in enumerate(suite.items)
    )
    tables, _ = judge_tables(dataclasses.replace(suite, items=items), run.info.metrics, 0)
    assert [table.title for table in tables] == [
        "Made-up opinions: ten (n = 10)",
        "Made-up opinions: thousand (n = 10)",
    ]


def test_tags_of_judged_pictures_are_tabulated_apart(run: Run) -> None:
    suite = run.suites[1]
    items = tuple(
        dataclasses.replace(item, tags=("score 0-0.2",) if k < 4 else ())
        for k, item in enumerate(suite.items)
    )
    _, details = judge_tables(dataclasses.replace(suite, items=items), run.info.metrics, 0)
    assert any(table.title == "Made-up opinions: score 0-0.2 (n = 4)" for table in details)


def test_the_title_names_what_was_measured_and_not_what_was_quoted(run: Run) -> None:
    quoted = dataclasses.replace(
        run.info.subjects[-1], name="peer (quoted)", kind=QUOTED, source="peers.json"
    )
    info = dataclasses.replace(run.info, subjects=(*run.info.subjects, quoted))
    title = build_report(dataclasses.replace(run, info=info)).title
    assert MODEL_NAME in title and "quoted" not in title
