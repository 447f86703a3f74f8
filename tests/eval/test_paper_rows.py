"""Papers' tables: quoted as published, our rows beside them, what keeps them from being compared."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from eval.metrics.table import METRICS
from eval.paper_rows import paper_section, read_paper_tables
from eval.records import Run, read_run
from eval.report.markdown import section_lines
from eval.suites.foundir import MIXED, SINGLE
from eval.suites.table import SUITES
from tests.eval.made_up_run import MODEL_NAME, make_run


def renamed(run: Run, suite: str, name: str) -> Run:
    """The run with one of its suites under another name."""
    suites = [
        dataclasses.replace(one, info=dataclasses.replace(one.info, name=name))
        if one.info.name == suite
        else one
        for one in run.suites
    ]
    return dataclasses.replace(run, suites=tuple(suites))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return renamed(renamed(read_run(make_run(tmp_path / "run")), "sr", "realsr"), "iqa", "spaq")


def test_every_published_row_has_a_value_for_every_column() -> None:
    for table in read_paper_tables():
        assert table.rows, table.title
        assert {len(values) for values in table.rows.values()} == {len(table.columns)}, table.title


def test_every_column_names_a_suite_a_part_and_a_metric_that_exist() -> None:
    suites = {suite.name for suite in SUITES}
    metrics = {metric.id for metric in METRICS} | {"score"}
    for table in read_paper_tables():
        for column in table.columns:
            assert column.suite in suites, column
            assert column.protocol in metrics, column
            assert column.suite != "foundir" or column.part in MIXED + SINGLE, column


def test_published_numbers_are_those_of_the_paper() -> None:
    tables = {table.title: table for table in read_paper_tables()}
    assert tables["UARE, table B.1: RealSR, x4"].rows["UARE (paper)"][:3] == (21.38, 0.6464, 0.3095)
    assert tables["UARE, table 3: image quality assessment"].rows["UARE (paper)"][4:6] == (0.855, 0.814)
    assert tables["UARE, table 2: FoundIR, PSNR"].rows["FoundIR"][8] == 34.27
    assert tables["UARE, table B.3: FoundIR, MANIQA"].rows["UARE (paper)"][3] == 0.4234
    ranked = tables["MG-IQA, reported SRCC"]
    found = dict(zip([one.name for one in ranked.columns], ranked.rows["MG-IQA (paper)"], strict=True))
    assert (found["SPAQ"], found["CLIVE"], found["SRIQA-Bench"]) == (0.841, 0.846, 0.651)


def test_our_row_stands_below_the_quoted_ones_with_n_and_interval(run: Run) -> None:
    section = paper_section(run)
    table = next(one for one in section.tables if one.title.startswith("UARE, table B.1"))
    quoted = [row for row in table.rows if row[0].mark == "quoted"]
    ours = next(row for row in table.rows if row[0].text == f"{MODEL_NAME}, this run")
    assert len(quoted) == 14
    assert (quoted[0][1].value, ours[1].value) == (100, 12)
    assert ours[2].text.startswith("22.58 [")
    assert all(cell.mark == "quoted" for row in quoted for cell in row[2:])
    assert not any(cell.mark == "best" for row in table.rows for cell in row)


def test_what_was_not_measured_is_named_with_its_reason(run: Run) -> None:
    notes = paper_section(run).tables[0].notes
    assert any("LPIPS" in note and "weights are not here" in note for note in notes)
    assert any("DISTS" in note and "not asked for" in note for note in notes)


def test_correlations_stand_in_the_table_of_judges(run: Run) -> None:
    table = next(one for one in paper_section(run).tables if "quality assessment" in one.title)
    ours = next(row for row in table.rows if row[0].text == f"{MODEL_NAME}, this run")
    assert ours[2].value == pytest.approx(1)  # SRCC on SPAQ
    assert ours[3].text == "–"  # KADID did not run


def test_quoted_numbers_keep_their_decimals(run: Run) -> None:
    text = "\n".join(section_lines(paper_section(run)))
    assert "0.7030" in text  # FeMASR, SSIM: JSON has 0.703


def test_a_run_without_a_paper_s_set_says_so(tmp_path: Path) -> None:
    section = paper_section(read_run(make_run(tmp_path / "run")))
    assert section.tables == ()
    assert "none of the papers' sets" in section.text[0]
