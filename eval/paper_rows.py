"""This run's rows inside the tables of papers, with what keeps the numbers from being compared.

The numbers of others are quoted from the papers (`paper_tables.json`), never measured here; ours are chosen
by protocol. Nothing is marked as best, since the rows were measured by different people.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.records import RESTORE, Item, MetricInfo, Run, SuiteRun
from eval.report.judges import agreement_over, correlation_cell, judges_of
from eval.report.means import direction, mean_of, parts_of, values_of
from eval.report.model import Cell, Column, Section, Table, count, mean, number, word

PAPER_TABLES = Path(__file__).with_name("paper_tables.json")


@dataclass(frozen=True, kw_only=True)
class PaperColumn:
    """A column of a paper, and where its counterpart stands in a run."""

    name: str
    suite: str
    part: str | None  # group or tag of the suite; None: all of it
    protocol: str  # id of a metric; "score" for what judges say
    statistic: str  # "mean", "plcc_log4" or "srcc"


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """A table as it was published."""

    paper: str
    title: str
    num_pictures: int | None  # where one number holds for the whole table
    columns: tuple[PaperColumn, ...]
    rows: dict[str, tuple[float, ...]]  # method -> a value for each column
    differences: tuple[str, ...]  # of protocol, from ours


def read_paper_tables(path: Path = PAPER_TABLES) -> list[PaperTable]:
    """The published tables that lie in the checkout."""
    return [
        PaperTable(
            paper=one["paper"],
            title=one["title"],
            num_pictures=one["num_pictures"],
            columns=tuple(PaperColumn(**column) for column in one["columns"]),
            rows={row["method"]: tuple(row["values"]) for row in one["rows"]},
            differences=tuple(one["differences"]),
        )
        for one in json.loads(path.read_text(encoding="utf-8"))
    ]


def paper_section(run: Run) -> Section:
    """The papers' tables for which this run has a value, each with a row for every subject of the run."""
    tables = [table for paper in read_paper_tables() if (table := _table(paper, run)) is not None]
    without = "This run holds none of the papers' sets, so that there is nothing to put beside them."
    text = "Italics and ❞: numbers of the papers, quoted. The other rows were measured by this run."
    return Section(
        id="papers", title="In the papers' tables", text=(text if tables else without,), tables=tuple(tables)
    )


def _table(paper: PaperTable, run: Run) -> Table | None:
    metrics = {metric.id: metric for metric in run.info.metrics}
    measured = [_measured(column, run) for column in paper.columns]
    names = list(dict.fromkeys(name for column in measured for name in column))
    if not names:
        return None
    suites = {suite.info.name: suite for suite in run.suites}
    counted = suites[paper.columns[0].suite] if paper.num_pictures is not None else None
    columns = [Column(name="method")]
    columns += [Column(name="n")] if counted else []
    columns += [_column(column, metrics.get(column.protocol)) for column in paper.columns]
    quoted_n = [count(paper.num_pictures)] if paper.num_pictures is not None else []
    our_n = [count(counted.info.num_items)] if counted else []
    decimals = [
        _decimals([values[place] for values in paper.rows.values()]) for place in range(len(measured))
    ]
    rows = [
        (
            word(method, "quoted"),
            *quoted_n,
            *(number(value, places, "quoted") for value, places in zip(values, decimals, strict=True)),
        )
        for method, values in paper.rows.items()
    ]
    rows += [
        (word(f"{name}, this run"), *our_n, *(column.get(name, word("–")) for column in measured))
        for name in names
    ]
    notes = [f"Protocol: {one}" for one in paper.differences]
    lacking: dict[str, list[str]] = {}
    for column, found in zip(paper.columns, measured, strict=True):
        if not found:
            lacking.setdefault(_reason(column, suites, metrics), []).append(column.name)
    notes += [f"Not measured here: {', '.join(names)} ({reason})." for reason, names in lacking.items()]
    return Table(title=paper.title, columns=tuple(columns), rows=tuple(rows), notes=tuple(notes))


def _decimals(values: Sequence[float]) -> int:
    """As many as the paper's column has; JSON drops zeros at the end."""
    return max(len(repr(value).partition(".")[2]) for value in values)


def _column(column: PaperColumn, metric: MetricInfo | None) -> Column:
    if column.statistic != "mean":
        return Column(name=column.name, about=column.statistic, better="higher")
    if metric is None:
        return Column(name=column.name, about=column.protocol)
    return Column(name=column.name, about=f"{metric.id}: {metric.protocol}", better=direction(metric))


def _reason(column: PaperColumn, suites: dict[str, SuiteRun], metrics: dict[str, MetricInfo]) -> str:
    suite, metric = suites.get(column.suite), metrics.get(column.protocol)
    if suite is None or not suite.items:
        return f"the suite {column.suite} did not run"
    if column.part is not None and column.part not in parts_of(suite):
        return f"no picture of {column.part}"
    if column.statistic == "mean" and metric is None:
        return "not asked for"
    return (metric.unavailable if metric else None) or f"no value of {column.protocol}"


def _measured(column: PaperColumn, run: Run) -> dict[str, Cell]:
    """Subject -> its cell in this column."""
    suite = next((one for one in run.suites if one.info.name == column.suite), None)
    if suite is None or not suite.items:
        return {}
    items = suite.items if column.part is None else parts_of(suite).get(column.part, [])
    if suite.info.kind == RESTORE:
        return _means(column, suite, items, run)
    return _correlations(column, suite, items, run)


def _means(column: PaperColumn, suite: SuiteRun, items: Sequence[Item], run: Run) -> dict[str, Cell]:
    metric = next((one for one in run.info.metrics if one.id == column.protocol), None)
    if metric is None:
        return {}
    found = {one.info.name: values_of(one, items, metric.id) for one in suite.subjects}
    return {
        name: mean(mean_of(values, items, run.info.seed), metric.decimals)
        for name, values in found.items()
        if values
    }


def _correlations(column: PaperColumn, suite: SuiteRun, items: Sequence[Item], run: Run) -> dict[str, Cell]:
    cells = {}
    for judge in judges_of(suite, run.info.metrics):
        found = agreement_over(judge.scores, items, run.info.seed)
        one = {"plcc_log4": found.plcc_log4, "srcc": found.srcc}[column.statistic]
        if not math.isnan(one.value):
            cells[judge.name] = correlation_cell(one, found.num_scores)
    return cells
