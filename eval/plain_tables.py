"""Means per suite, group and subject as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eval.intervals import mean_with_interval
from eval.records import Item, MetricInfo, Run, SubjectRun, SuiteRun
from uare.writing import write_atomically


def write_tables(run: Run) -> None:
    """Writes `report.md` into the run's folder."""
    lines = ["# Evaluation", "", f"    {run.info.command}", ""]
    for suite in run.suites:
        lines += _suite_lines(suite, run)
    lines += ["## Problems", "", *([f"- {one}" for one in run.info.problems] or ["None."])]
    content = ("\n".join(lines) + "\n").encode("utf-8")
    write_atomically(run.folder / "report.md", lambda stream: stream.write(content), overwrite=True)


def _suite_lines(suite: SuiteRun, run: Run) -> list[str]:
    if suite.info.missing:
        return []
    lines = [f"## {suite.info.title}", ""]
    if suite.info.num_items < suite.info.num_listed:
        lines += [f"Partial run: {suite.info.num_items} of {suite.info.num_listed} items.", ""]
    for group in suite.info.groups:
        items = [item for item in suite.items if item.group == group]
        metrics = [one for one in run.info.metrics if not one.unavailable]
        rows = [[group, "n", *(f"{one.name} {one.unit}".strip() for one in metrics)]]
        rows += [_row(subject, items, metrics, run.info.seed) for subject in suite.subjects]
        lines += [*_table(rows), ""]
    return lines


def _row(subject: SubjectRun, items: Sequence[Item], metrics: Sequence[MetricInfo], seed: int) -> list[str]:
    cells = []
    for metric in metrics:
        values = [subject.value(item.id, metric.id) for item in items]
        known = [value for value in values if value is not None]
        cells.append(mean_with_interval(known, seed).text(metric.decimals) if known else "–")
    return [subject.info.name, str(len(items)), *cells]


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    return [line(rows[0]), line("---" for _ in rows[0]), *(line(row) for row in rows[1:])]
