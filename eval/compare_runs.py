"""Two runs against each other: paired differences over the pictures that both hold, with intervals.

Subjects are paired by name; where each run has one model and their names differ, these two are paired too.
Pictures are paired by name and content: what changed on disk between the runs is left out and listed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from eval.correlations import Correlation, difference_interval
from eval.records import MODEL, RESTORE, Item, MetricInfo, Run, SubjectRun, SuiteRun, read_run
from eval.report.build import partial_run
from eval.report.cases import Maker, chosen, files_of
from eval.report.differences import COLUMNS, difference_cells
from eval.report.judges import agreement_over, judges_of
from eval.report.means import direction, mean_of, measured_metrics, values_of
from eval.report.model import (
    Cell,
    Column,
    Gallery,
    Order,
    Report,
    Section,
    Table,
    count,
    estimate,
    mean,
    number,
    word,
)
from uare.errors import InputError

DECIMALS = 3  # of correlations
Pair = tuple[SubjectRun, SubjectRun]


def compare(a: Path, b: Path) -> Report:
    """The report on run B against run A: above zero B is better. InputError where they share no picture."""
    first, second = read_run(a), read_run(b)
    problems: list[str] = []
    metrics = _common_metrics(first, second, problems)
    sections = []
    for suite in first.suites:
        other = next((one for one in second.suites if one.info.name == suite.info.name), None)
        if not suite.items or other is None or not other.items:
            continue
        items = _common_items(suite, other, problems)
        pairs = _pairs(suite, other)
        if items and pairs:
            sections.append(_section(replace(suite, items=items), other, pairs, metrics, first, second))
    if not sections:
        reasons = "; ".join(problems) or "they have no suite, subject and picture in common"
        raise InputError(f"{a} and {b} cannot be compared: {reasons}; run both on the same data")
    partial = [
        f"Run {name}: {text}"
        for name, run in zip("AB", (first, second), strict=True)
        if (text := partial_run(run))
    ]
    report = Report(
        title=f"Run B ({b.name}) against run A ({a.name})",
        command=f"A: {first.info.command}\nB: {second.info.command}",
        git_hash=_both(first.info.git_hash or "unknown", second.info.git_hash or "unknown"),
        versions={
            name: _both(first.info.versions.get(name, "none"), second.info.versions.get(name, "none"))
            for name in dict.fromkeys([*first.info.versions, *second.info.versions])
        },
        seed=first.info.seed,
        partial=" ".join(partial) or None,
        data_sha256={
            one.name: _both(one.data_sha256, other.data_sha256)
            for one in first.info.suites
            for other in second.info.suites
            if one.name == other.name and one.num_items and other.num_items
        },
        sections=tuple(sections),
        problems=tuple(problems),
    )
    return report.with_partial_notes()


def _both(a: str, b: str) -> str:
    return a if a == b else f"{a} → {b}"


def _common_metrics(a: Run, b: Run, problems: list[str]) -> list[MetricInfo]:
    """The metrics of both; one of another version or protocol stays out, since its values are others."""
    known = {metric.id: metric for metric in b.info.metrics}
    common = []
    for metric in a.info.metrics:
        other = known.get(metric.id)
        if other is None:
            continue
        mine, theirs = (f"{one.protocol}, version {one.version}" for one in (metric, other))
        if mine != theirs:
            problems.append(f"{metric.id} was left out: run A used {mine}; run B used {theirs}")
            continue
        common.append(metric)
    return common


def _common_items(a: SuiteRun, b: SuiteRun, problems: list[str]) -> tuple[Item, ...]:
    known = {item.id: item for item in b.items}
    same = tuple(item for item in a.items if item.id in known and _key(item) == _key(known[item.id]))
    changed = sum(item.id in known for item in a.items) - len(same)
    if changed:
        problems.append(
            f"{a.info.name}: {changed} pictures or their crops changed between the runs; left out"
        )
    for name, mine, theirs in (("A", a, b), ("B", b, a)):
        alone = {item.id for item in mine.items} - {item.id for item in theirs.items}
        if alone:
            problems.append(f"{a.info.name}: {len(alone)} pictures are in run {name} alone; left out")
    return same


def _key(item: Item) -> tuple[object, ...]:
    return (item.lq_sha256, item.gt_sha256, item.crop, item.mos, item.scale)


def _pairs(a: SuiteRun, b: SuiteRun) -> list[Pair]:
    """Those of one name, models first; before them the two models where each run has one of its own."""
    pairs = [(one, other) for one in a.subjects if (other := b.subject(one.info.name)) is not None]
    pairs.sort(key=lambda pair: pair[0].info.kind != MODEL)
    mine, theirs = ([one for one in suite.subjects if one.info.kind == MODEL] for suite in (a, b))
    if len(mine) == len(theirs) == 1 and mine[0].info.name != theirs[0].info.name:
        pairs.insert(0, (mine[0], theirs[0]))
    return pairs


def _section(
    a: SuiteRun, b: SuiteRun, pairs: Sequence[Pair], metrics: Sequence[MetricInfo], first: Run, second: Run
) -> Section:
    title, seed = f"{a.info.title} (n = {len(a.items)})", first.info.seed
    if a.info.kind != RESTORE:
        b = replace(b, items=a.items)
        table = _judges_table(a, b, metrics, title, seed)
        return Section(id=a.info.name, title=a.info.title, tables=(table,))
    measured = [one for one in measured_metrics(a, metrics) if one in measured_metrics(b, metrics)]
    rows = []
    for one, other in pairs:
        for metric in measured:
            before, after = (values_of(subject, a.items, metric.id) for subject in (one, other))
            cells = difference_cells(after, before, a.items, metric, seed)
            if cells:
                both = [item for item in a.items if item.id in before and item.id in after]
                means = (mean(mean_of(values, both, seed), metric.decimals) for values in (before, after))
                rows.append((word(_pair_name(one, other)), *cells[:2], *means, *cells[2:]))
    table = Table(
        title=title,
        columns=(
            Column(name="subject"),
            *COLUMNS[:2],
            Column(name="run A"),
            Column(name="run B"),
            *COLUMNS[2:],
        ),
        rows=tuple(rows),
        notes=("Above zero run B is better, whatever the metric's direction.",),
    )
    folders = (first.folder / a.info.name, second.folder / b.info.name)
    found = _gallery(a.items, pairs[0], measured, folders)
    return Section(id=a.info.name, title=a.info.title, tables=(table,), gallery=found)


def _pair_name(a: SubjectRun, b: SubjectRun) -> str:
    return a.info.name if a.info.name == b.info.name else f"{b.info.name} against {a.info.name}"


def _gallery(
    items: Sequence[Item], pair: Pair, metrics: Sequence[MetricInfo], folders: tuple[Path, Path]
) -> Gallery | None:
    """Where B lost and gained most against A, by the first pair: that of the models if there is one."""
    differences: dict[str, dict[str, float]] = {item.id: {} for item in items}
    for metric in metrics:
        before, after = (values_of(one, items, metric.id) for one in pair)
        for item, value in after.items():
            if item in before:
                differences[item][f"{metric.id}, B - A"] = value - before[item]
    makers = [
        Maker(
            name=f"{run}: {one.info.name}",
            files=files_of(one, folder),
            values=differences if run == "B" else {},
            leads=run == "B",
        )
        for run, one, folder in zip("BA", reversed(pair), reversed(folders), strict=True)
    ]
    orders = [Order(name=f"{one.id}, B - A", better=direction(one), decimals=one.decimals) for one in metrics]
    return chosen(items, makers, orders, {}, left=makers[1].name)


def _judges_table(a: SuiteRun, b: SuiteRun, metrics: Sequence[MetricInfo], title: str, seed: int) -> Table:
    theirs = {judge.name: judge for judge in judges_of(b, metrics)}
    rows = []
    for judge in judges_of(a, metrics):
        if judge.name not in theirs:
            continue
        scores = (judge.scores, theirs[judge.name].scores)
        both = [item for item in a.items if item.mos is not None and all(item.id in one for one in scores)]
        before, after = (agreement_over(one, both, seed).srcc for one in scores)
        rows.append((word(judge.name), count(len(both)), *_srcc_cells(before, after)))
    columns = ("judge", "n", "SRCC in run A", "SRCC in run B", "difference", "verdict")
    return Table(title=title, columns=tuple(Column(name=name) for name in columns), rows=tuple(rows))


def _srcc_cells(before: Correlation, after: Correlation) -> tuple[Cell, ...]:
    values = [None if math.isnan(one.value) else one.value for one in (before, after)]
    shown = [number(value, DECIMALS) for value in values]
    interval = difference_interval(after, before)
    if interval is None:
        return (*shown, word("–"), word("tie"))
    low, high = interval
    cell = estimate(after.value - before.value, interval, DECIMALS)
    if low <= 0 <= high:
        return (*shown, cell, word("tie"))
    return (*shown, cell, word("better", "better") if low > 0 else word("worse", "worse"))
