"""Fine-grained comparison as a section of reports: the paper's table 3 for every judge of the run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from eval.fine_grained import PAIRS, JudgeResult, TaskResult, fine_grained
from eval.intervals import MeanInterval
from eval.records import Run
from eval.report.model import Cell, Column, Section, Table, count, estimate, number, word
from eval.suites.fgrestore import BY_CONTENT, BY_PAIR

PAPER_TABLE = Path(__file__).with_name("fgrestore_table3.json")
DECIMALS = 3
AVERAGE = "average"


def fine_grained_section(run: Run) -> Section | None:
    """A table for each way of holding out; None where no set of pairs was judged."""
    tables: list[Table] = []
    details: list[Table] = []
    shown: list[list[JudgeResult]] = []
    for title, tag in ((BY_CONTENT, BY_CONTENT), (BY_PAIR, BY_PAIR), ("all of the set", None)):
        if tag is None and tables:
            continue  # the set has splits: all of it would be a mix of them
        rows = fine_grained(run, tag)
        if rows and rows not in shown:  # a set that is all for testing holds out the same in every way
            shown.append(rows)
            tables.append(_main(rows, title))
            details += [_ties(rows, title), _pooled(rows, title)]
    if not tables:
        return None
    return Section(
        id="fine-grained",
        title="Fine-grained pairs",
        text=(
            "SRCC and PLCC of scores with people's scores over pictures, within each origin and averaged by "
            "numbers of pictures; ACC: share of pairs with the right verdict, where equal scores are the "
            "verdict that both are equal. The average is the plain mean over tasks that have a value. "
            "Intervals draw whole scenes. Metrics for which lower is better are turned round first.",
            *dict.fromkeys(
                note for suite in run.suites if suite.info.name == PAIRS for note in suite.info.notes
            ),
        ),
        tables=(*tables, quoted_table()),
        details=tuple(details),
    )


def quoted_table() -> Table:
    """The paper's own rows: people's votes on other pictures, so nothing to rank ours against."""
    paper = json.loads(PAPER_TABLE.read_text(encoding="utf-8"))
    columns = [Column(name="method")]
    columns += [
        Column(name=f"{task} {statistic}", better="higher")
        for task in paper["tasks"]
        for statistic in paper["statistics"]
    ]
    return Table(
        title="FGRestore, table 3, quoted",
        columns=tuple(columns),
        rows=tuple(
            (word(row["method"], "quoted"), *(number(value, DECIMALS, "quoted") for value in row["values"]))
            for row in paper["rows"]
        ),
        notes=(
            "Of the paper's own set, which people judged; a dash stands where it had no references. Other "
            "pictures, restorers and labels than above: the rows cannot be compared across the tables.",
        ),
    )


def _main(rows: Sequence[JudgeResult], title: str) -> Table:
    tasks = _tasks(rows)
    columns = [Column(name="judge"), Column(name="kind")]
    for task in (*tasks, AVERAGE):
        columns += [Column(name=f"{task} {name}", better="higher") for name in ("SRCC", "PLCC", "ACC")]
    cells = []
    for row in rows:
        line = [word(row.judge), word(row.kind)]
        for task in tasks:
            one = row.tasks.get(task, TaskResult())
            line += [
                _number(one.srcc, one.num_images),
                _number(one.plcc, one.num_images),
                _interval(one.accuracy),
            ]
        line += [number(row.average(name), DECIMALS) for name in ("srcc", "plcc", "accuracy")]
        cells.append(tuple(line))
    numbers = ", ".join(
        f"{task} {max((row.tasks[task].num_pairs for row in rows if task in row.tasks), default=0)}"
        for task in tasks
    )
    return Table(
        title=f"Fine-grained pairs, {title}",
        columns=tuple(columns),
        rows=tuple(cells),
        notes=(f"Pairs: {numbers}.",),
    )


def _ties(rows: Sequence[JudgeResult], title: str) -> Table:
    return _by_task(
        rows,
        f"Accuracy over pairs that people could tell apart, {title}",
        lambda one: number(one.accuracy_without_ties, DECIMALS),
        "accuracy_without_ties",
        "Judges with a verdict of equality have to lean to one side here.",
    )


def _pooled(rows: Sequence[JudgeResult], title: str) -> Table:
    return _by_task(
        [row for row in rows if row.average("srcc_pooled") is not None],
        f"SRCC over all origins of a task at once, {title}",
        lambda one: _number(one.srcc_pooled, one.num_images),
        "srcc_pooled",
        "Origins have scales of their own, which pooling takes for one.",
    )


def _by_task(
    rows: Sequence[JudgeResult], title: str, cell: Callable[[TaskResult], Cell], average: str, note: str
) -> Table:
    tasks = _tasks(rows)
    columns = [Column(name="judge"), Column(name="kind")]
    columns += [Column(name=task, better="higher") for task in (*tasks, AVERAGE)]
    columns.append(Column(name="pairs"))
    return Table(
        title=title,
        columns=tuple(columns),
        rows=tuple(
            (
                word(row.judge),
                word(row.kind),
                *(cell(row.tasks.get(task, TaskResult())) for task in tasks),
                number(row.average(average), DECIMALS),
                count(sum(one.num_pairs for one in row.tasks.values())),
            )
            for row in rows
        ),
        notes=(note,),
    )


def _tasks(rows: Sequence[JudgeResult]) -> list[str]:
    return list(dict.fromkeys(task for row in rows for task in row.tasks))


def _number(value: float | None, n: int) -> Cell:
    return number(None, DECIMALS) if value is None else estimate(value, None, DECIMALS, n)


def _interval(found: MeanInterval | None) -> Cell:
    if found is None:
        return number(None, DECIMALS)
    ends = (found.low, found.high) if found.num_groups > 1 else None
    return estimate(found.mean, ends, DECIMALS, found.num_values)
