"""Tables of means: subjects in rows, metrics in columns, the best of each column and its ties marked.

A tie is what the paired differences to the best cannot tell apart from it: their 95 % interval holds zero.
"""

from __future__ import annotations

from collections.abc import Sequence

from eval.intervals import MeanInterval, mean_with_interval
from eval.records import Item, MetricInfo, SubjectRun, SuiteRun
from eval.report.model import Better, Cell, Column, Mark, Table, mean, word


def mean_tables(suite: SuiteRun, metrics: Sequence[MetricInfo], seed: int) -> tuple[list[Table], list[Table]]:
    """The table over all pictures of a restoring suite, and one for each group where there are several."""
    measured = measured_metrics(suite, metrics)
    whole = mean_table(suite, suite.items, measured, suite.info.title, seed)
    if len(suite.info.groups) < 2:
        return [whole], []
    groups = []
    for group in suite.info.groups:
        items = [item for item in suite.items if item.group == group]
        if items:
            groups.append(mean_table(suite, items, measured, f"{suite.info.title}: {group}", seed))
    return [whole], groups


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
    intervals = [mean_with_interval(list(one.values()), seed) if one else None for one in values]
    fullest = max(map(len, values), default=0)
    candidates = [place for place, one in enumerate(values) if one and len(one) == fullest]
    marks: list[Mark] = [""] * len(subjects)
    if len(candidates) > 1:
        sign = 1 if metric.higher_is_better else -1
        best = max(candidates, key=lambda place: sign * _mean(intervals[place]))
        marks[best] = "best"
        for place in candidates:
            if place != best and is_tie(differences(values[best], values[place]), seed):
                marks[place] = "tie"
    return [mean(one, metric.decimals, mark) for one, mark in zip(intervals, marks, strict=True)]


def values_of(subject: SubjectRun, items: Sequence[Item], protocol: str) -> dict[str, float]:
    """The values of a metric by item, of those items that have one."""
    found = {item.id: subject.value(item.id, protocol) for item in items}
    return {name: value for name, value in found.items() if value is not None}


def differences(a: dict[str, float], b: dict[str, float]) -> list[float]:
    """a - b for each item that both have, in the order of a."""
    return [value - b[name] for name, value in a.items() if name in b]


def is_tie(paired: Sequence[float], seed: int) -> bool:
    """True if the interval of the mean difference holds zero, or if there is one picture or none."""
    if len(paired) < 2:
        return True
    interval = mean_with_interval(paired, seed)
    return interval.low <= 0 <= interval.high


def _mean(interval: MeanInterval | None) -> float:
    assert interval is not None, "candidates have values"
    return interval.mean


def _restored(subject: SubjectRun, item: Item) -> bool:
    prediction = subject.predictions.get(item.id)
    return prediction is not None and prediction.problem is None


def _count(subject: SubjectRun, items: Sequence[Item]) -> Cell:
    count = sum(_restored(subject, item) for item in items)
    mark: Mark = "warning" if count < len(items) else ""
    return Cell(text=str(count), value=count, mark=mark)


def _seconds(subject: SubjectRun, items: Sequence[Item], seed: int) -> Cell:
    seconds = [subject.predictions[item.id].elapsed_s for item in items if _restored(subject, item)]
    return mean(mean_with_interval(seconds, seed) if any(seconds) else None, 2)
