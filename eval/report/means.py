"""Tables of means: subjects in rows, metrics in columns, the best of each column and its ties marked.

A tie is what the paired differences to the best cannot tell apart from it: their 95 % interval holds zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eval.intervals import MeanInterval, mean_with_interval
from eval.paired import TIE, PairedComparison, compare_paired
from eval.records import Item, MetricInfo, SubjectRun, SuiteRun
from eval.report.model import Better, Cell, Column, Mark, Table, count, mean, word
from eval.scenes import KINDS


def mean_tables(suite: SuiteRun, metrics: Sequence[MetricInfo], seed: int) -> tuple[list[Table], list[Table]]:
    """The table over all pictures of a restoring suite, and those over each group and tag."""
    measured = measured_metrics(suite, metrics)
    whole = mean_table(suite, suite.items, measured, suite.info.title, seed)
    parts = parts_of(suite)
    return [whole], [
        mean_table(suite, items, measured, f"{suite.info.title}: {name}", seed)
        for name, items in parts.items()
    ]


def parts_of(suite: SuiteRun) -> dict[str, list[Item]]:
    """The groups in their order, then the tags; not what holds all pictures, or those of a group again.

    Tags that are kinds of scenes are tabulated elsewhere (`eval.report.scene_tables`).
    """
    found: dict[str, list[Item]] = {group: [] for group in suite.info.groups}
    for item in suite.items:
        found.setdefault(item.group, []).append(item)
    for item in suite.items:
        for tag in item.tags:
            if tag != item.group and tag not in KINDS:
                found.setdefault(tag, []).append(item)
    parts: dict[str, list[Item]] = {}
    for name, items in found.items():
        if 0 < len(items) < len(suite.items) and items not in parts.values():
            parts[name] = items
    return parts


def measured_metrics(suite: SuiteRun, metrics: Sequence[MetricInfo]) -> list[MetricInfo]:
    """The metrics that have a value for at least one picture of the suite."""
    protocols = {
        protocol
        for subject in suite.subjects
        for (_, protocol), score in subject.scores.items()
        if score.value is not None
    }
    return [metric for metric in metrics if metric.id in protocols]


def mean_table(
    suite: SuiteRun, items: Sequence[Item], metrics: Sequence[MetricInfo], title: str, seed: int
) -> Table:
    """Means over `items` for every subject that has a picture of one of them."""
    subjects = [one for one in suite.subjects if any(_restored(one, item) for item in items)]
    columns = [Column(name="subject"), Column(name="kind"), Column(name="n", about="restored pictures")]
    names = [[word(one.info.name), word(one.info.kind), _count(one, items)] for one in subjects]
    marked = [marked_means(subjects, items, metric, seed) for metric in metrics]
    columns += [metric_column(metric) for metric in metrics]
    columns.append(Column(name="s per picture", about="mean time of restoring", better="lower"))
    rows = [
        (*head, *(column[place] for column in marked), _seconds(subjects[place], items, seed))
        for place, head in enumerate(names)
    ]
    return Table(title=f"{title} (n = {len(items)})", columns=tuple(columns), rows=tuple(rows))


def metric_column(metric: MetricInfo) -> Column:
    """The head of a metric's column: its protocol id, which says what a bare name would leave open."""
    unit = f", {metric.unit}" if metric.unit else ""
    return Column(name=metric.id, about=f"{metric.name}{unit}: {metric.protocol}", better=direction(metric))


def direction(metric: MetricInfo) -> Better:
    """Which direction of a metric is better."""
    return "higher" if metric.higher_is_better else "lower"


def marked_means(
    subjects: Sequence[SubjectRun], items: Sequence[Item], metric: MetricInfo, seed: int
) -> list[Cell]:
    """A mean for each subject, the best and its ties marked.

    Means over other pictures cannot be compared: only subjects with as many values as the fullest take part.
    """
    values = [values_of(one, items, metric.id) for one in subjects]
    intervals = [mean_of(one, items, seed) for one in values]
    fullest = max(map(len, values), default=0)
    candidates = [place for place, one in enumerate(values) if one and len(one) == fullest]
    marks: list[Mark] = [""] * len(subjects)
    if len(candidates) > 1:
        sign = 1 if metric.higher_is_better else -1
        best = max(candidates, key=lambda place: sign * _mean(intervals[place]))
        marks[best] = "best"
        for place in candidates:
            if place != best and _is_tie(compare_values(values[best], values[place], items, metric, seed)):
                marks[place] = "tie"
    return [mean(one, metric.decimals, mark) for one, mark in zip(intervals, marks, strict=True)]


def values_of(subject: SubjectRun, items: Sequence[Item], protocol: str) -> dict[str, float]:
    """The values of a metric by item, of those items that have one."""
    found = {item.id: subject.value(item.id, protocol) for item in items}
    return {name: value for name, value in found.items() if value is not None}


def _is_tie(found: PairedComparison | None) -> bool:
    return found is None or found.verdict == TIE


def mean_of(values: Mapping[str, float], items: Sequence[Item], seed: int) -> MeanInterval | None:
    """The mean over the items that have a value; None if none has."""
    have = [item for item in items if item.id in values]
    if not have:
        return None
    return mean_with_interval([values[item.id] for item in have], seed, [source_of(item) for item in have])


def compare_values(
    a: Mapping[str, float], b: Mapping[str, float], items: Sequence[Item], metric: MetricInfo, seed: int
) -> PairedComparison | None:
    """The paired comparison over the items for which both have a value; None if there is none."""
    both = [item for item in items if item.id in a and item.id in b]
    if not both:
        return None
    return compare_paired(
        [a[item.id] for item in both],
        [b[item.id] for item in both],
        higher_is_better=metric.higher_is_better,
        seed=seed,
        groups=[source_of(item) for item in both],
    )


def source_of(item: Item) -> str:
    """What an item was made of: versions of one photo depend on each other and are drawn together."""
    return item.gt_sha256 or item.lq_sha256


def _mean(interval: MeanInterval | None) -> float:
    assert interval is not None, "candidates have values"
    return interval.mean


def _restored(subject: SubjectRun, item: Item) -> bool:
    prediction = subject.predictions.get(item.id)
    return prediction is not None and prediction.problem is None


def _count(subject: SubjectRun, items: Sequence[Item]) -> Cell:
    restored = sum(_restored(subject, item) for item in items)
    return count(restored, "warning" if restored < len(items) else "")


def _seconds(subject: SubjectRun, items: Sequence[Item], seed: int) -> Cell:
    seconds = {item.id: subject.predictions[item.id].elapsed_s for item in items if _restored(subject, item)}
    return mean(mean_of(seconds, items, seed) if any(seconds.values()) else None, 2)
