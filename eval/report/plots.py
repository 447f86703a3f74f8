"""Which plots a restoring suite gets: fidelity against looks, and shapes over metrics and over groups."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from eval.records import (
    CLASSICAL,
    MADE_ELSEWHERE,
    MODEL,
    PEER,
    UNTOUCHED,
    Item,
    MetricInfo,
    SubjectRun,
    SuiteRun,
)
from eval.report.means import measured_metrics, values_of
from eval.report.model import Point, Radar, Scatter

MOST_SERIES = 5  # of a radar plot: more cover each other
LEAST_SERIES = 3  # of the shape over metrics: of two, one is the rim and the other the innermost ring
MOST_AXES = 12
LEAST_AXES = 3


def restoring_plots(suite: SuiteRun, metrics: Sequence[MetricInfo]) -> tuple[Scatter | Radar, ...]:
    """The plots that the suite has values for."""
    measured = measured_metrics(suite, metrics)
    with_reference = [one for one in measured if one.needs_reference]
    without = [one for one in measured if not one.needs_reference]
    plots: list[Scatter | Radar | None] = []
    if with_reference and without:
        plots.append(_scatter(suite, with_reference[0], without[0]))
    elif len(measured) > 1:
        plots.append(_scatter(suite, measured[0], measured[-1]))
    plots.append(_metrics_radar(suite, measured))
    if measured:
        plots.append(_groups_radar(suite, measured[0]))
    return tuple(plot for plot in plots if plot)


def _scatter(suite: SuiteRun, across: MetricInfo, up: MetricInfo) -> Scatter | None:
    """A point for each subject, over the pictures for which it has both."""
    points = []
    for subject in suite.subjects:
        xs, ys = (values_of(subject, suite.items, one.id) for one in (across, up))
        common = [item for item in xs if item in ys]
        if common:
            x, y = (fmean(values[item] for item in common) for values in (xs, ys))
            points.append(Point(name=subject.info.name, series=subject.info.kind, x=x, y=y))
    if len(points) < 2:
        return None
    return Scatter(
        title=f"{across.name} and {up.name}, means over pictures",
        x_name=_axis_name(across),
        y_name=_axis_name(up),
        points=tuple(points),
        named=True,
    )


def _axis_name(metric: MetricInfo) -> str:
    arrow = "higher is better" if metric.higher_is_better else "lower is better"
    return f"{metric.id} ({arrow})"


def _metrics_radar(suite: SuiteRun, metrics: Sequence[MetricInfo]) -> Radar | None:
    """Each axis runs from the worst to the best mean of the subjects shown."""
    axes = list(metrics[:MOST_AXES])
    means = _full_means(suite, [(suite.items, metric) for metric in axes])
    if len(axes) < LEAST_AXES or len(means) < LEAST_SERIES:
        return None
    series: dict[str, list[float]] = {name: [] for name in means}
    for place, metric in enumerate(axes):
        column = [values[place] for values in means.values()]
        worst, best = sorted((min(column), max(column)), reverse=not metric.higher_is_better)
        for name, values in means.items():
            series[name].append(_share(values[place], worst, best))
    return Radar(
        title="Shape over metrics: the rim is the best mean shown, the innermost ring the worst",
        axes=tuple(metric.id for metric in axes),
        series={name: tuple(shares) for name, shares in series.items()},
    )


def _groups_radar(suite: SuiteRun, metric: MetricInfo) -> Radar | None:
    """One metric over the groups; all axes share one scale."""
    groups = [group for group in suite.info.groups if any(item.group == group for item in suite.items)]
    parts = [([item for item in suite.items if item.group == group], metric) for group in groups]
    means = _full_means(suite, parts)
    if not LEAST_AXES <= len(groups) <= MOST_AXES or len(means) < 2:
        return None
    every = [value for values in means.values() for value in values]
    worst, best = sorted((min(every), max(every)), reverse=not metric.higher_is_better)
    return Radar(
        title=f"{metric.id} over groups: innermost ring {worst:.{metric.decimals}f}, "
        f"rim {best:.{metric.decimals}f}",
        axes=tuple(groups),
        series={name: tuple(_share(one, worst, best) for one in values) for name, values in means.items()},
    )


def _share(value: float, worst: float, best: float) -> float:
    """A place between the innermost ring (0.25) and the rim; in the centre, shapes could not be seen."""
    return 1.0 if best == worst else 0.25 + 0.75 * (value - worst) / (best - worst)


def _full_means(
    suite: SuiteRun, parts: Sequence[tuple[Sequence[Item], MetricInfo]]
) -> dict[str, list[float]]:
    """Means of each part for the subjects that have all, models first and few enough to be told apart."""
    rank = {MODEL: 0, MADE_ELSEWHERE: 1, UNTOUCHED: 2, PEER: 3, CLASSICAL: 4}
    ordered: list[SubjectRun] = sorted(suite.subjects, key=lambda one: rank.get(one.info.kind, 5))
    means: dict[str, list[float]] = {}
    for subject in ordered:
        found = [values_of(subject, items, metric.id) for items, metric in parts]
        if all(found) and len(means) < MOST_SERIES:
            means[subject.info.name] = [fmean(values.values()) for values in found]
    return means
