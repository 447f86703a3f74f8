"""Which pictures a reader should see: the worst and the best of each model, in all their versions.

Where the untouched input is a subject, cases are ordered by the gain over it first: the plain value of a
metric says more about how hard a picture is than about what was done to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eval.records import MADE_ELSEWHERE, MODEL, UNTOUCHED, Item, MetricInfo, SubjectRun, SuiteRun, picture_of
from eval.report.means import direction, measured_metrics
from eval.report.model import Case, Gallery, Order, Version
from eval.scenes import Scenes

NUM_CASES = 4  # of the worst and of the best of each subject
MOST_CASES = 24  # of a suite: pictures weigh some 40 kB a version
MOST_SUBJECTS = 6  # whose versions a case shows


def gallery(suite: SuiteRun, metrics: Sequence[MetricInfo], folder: Path, scenes: Scenes) -> Gallery | None:
    """The cases of a restoring suite; None where nobody restored anything."""
    measured = measured_metrics(suite, metrics)
    untouched = next((one for one in suite.subjects if one.info.kind == UNTOUCHED), None)
    shown = _shown(suite.subjects)
    if not shown or not measured:
        return None
    orders = _orders(measured, has_input=untouched is not None)
    values = {
        one.info.name: {item.id: _values(one, untouched, item, measured) for item in suite.items}
        for one in shown
    }
    models = [one for one in shown if one.info.kind in (MODEL, MADE_ELSEWHERE)] or shown[:1]
    chosen: dict[str, None] = {}  # an ordered set
    for subject in models:
        of_subject = values[subject.info.name]
        ranked = _worst_first(list(of_subject), of_subject, orders[0])
        chosen |= dict.fromkeys([*ranked[:NUM_CASES], *ranked[::-1][:NUM_CASES]])
    by_id = {item.id: item for item in suite.items}
    names = list(chosen)[:MOST_CASES]
    first = values[models[0].info.name]
    ordered = _worst_first(names, first, orders[0])
    ordered += [name for name in names if name not in ordered]
    return Gallery(
        about=f"The {NUM_CASES} worst and the {NUM_CASES} best pictures of each model by {orders[0].name}: "
        f"{len(names)} of {len(suite.items)}.",
        subjects=tuple(one.info.name for one in [*models, *(one for one in shown if one not in models)]),
        orders=tuple(orders),
        cases=tuple(_case(by_id[name], shown, values, folder / suite.info.name, scenes) for name in ordered),
    )


def _shown(subjects: Sequence[SubjectRun]) -> list[SubjectRun]:
    """Models and results of others before baselines; the untouched input is a version of its own."""
    restored = [one for one in subjects if one.info.kind != UNTOUCHED and one.predictions]
    first = [one for one in restored if one.info.kind in (MODEL, MADE_ELSEWHERE)]
    return [*first, *(one for one in restored if one not in first)][:MOST_SUBJECTS]


def _orders(measured: Sequence[MetricInfo], *, has_input: bool) -> list[Order]:
    with_reference_first = sorted(measured, key=lambda metric: not metric.needs_reference)
    plain = [
        Order(name=metric.id, better=direction(metric), decimals=metric.decimals)
        for metric in with_reference_first
    ]
    gains = [
        Order(name=_gain_name(order.name), better=order.better, decimals=order.decimals) for order in plain
    ]
    return [*gains, *plain] if has_input else plain


def _gain_name(protocol: str) -> str:
    return f"{protocol} against input"


def _values(
    subject: SubjectRun, untouched: SubjectRun | None, item: Item, measured: Sequence[MetricInfo]
) -> dict[str, float]:
    found: dict[str, float] = {}
    for metric in measured:
        value = subject.value(item.id, metric.id)
        if value is None:
            continue
        found[metric.id] = value
        before = untouched.value(item.id, metric.id) if untouched else None
        if before is not None:
            found[_gain_name(metric.id)] = value - before
    return found


def _worst_first(names: Sequence[str], values: dict[str, dict[str, float]], order: Order) -> list[str]:
    """Those that have a value, the worst first; equal ones in their order."""
    sign = 1 if order.better == "higher" else -1
    have = [name for name in names if order.name in values.get(name, {})]
    return sorted(have, key=lambda name: sign * values[name][order.name])


def _case(
    item: Item,
    shown: Sequence[SubjectRun],
    values: dict[str, dict[str, dict[str, float]]],
    folder: Path,
    scenes: Scenes,
) -> Case:
    versions = [Version(name="input", file=item.lq, box=item.crop, values={})]
    for subject in shown:
        prediction = subject.predictions.get(item.id)
        file = picture_of(prediction, folder / subject.info.folder) if prediction else None
        if file is not None:
            name = subject.info.name
            versions.append(Version(name=name, file=str(file), box=None, values=values[name][item.id]))
    if item.gt is not None:
        box = None if item.crop is None else tuple(item.scale * edge for edge in item.crop)
        versions.append(Version(name="reference", file=item.gt, box=box, values={}))
    tags = tuple(dict.fromkeys([*item.tags, *scenes.get(item.id, ())]))
    return Case(name=item.id, group=item.group, tags=tags, versions=tuple(versions))
