"""Which pictures a reader should see: the worst and the best of each model, in all their versions.

Where the untouched input is a subject, cases are ordered by the gain over it first: the plain value of a
metric says more about how hard a picture is than about what was done to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.records import (
    MADE_ELSEWHERE,
    MODEL,
    PEER,
    UNTOUCHED,
    Item,
    MetricInfo,
    SubjectRun,
    SuiteRun,
    picture_of,
)
from eval.report.means import direction, measured_metrics
from eval.report.model import Case, Gallery, Order, Version
from eval.scenes import Scenes

NUM_CASES = 4  # of the worst and of the best of each subject
MOST_CASES = 24  # of a suite: pictures weigh some 40 kB a version
MOST_SUBJECTS = 6  # whose versions a case shows

INPUT, REFERENCE = "input", "reference"  # names of versions that no subject made

Values = dict[str, dict[str, float]]  # item -> what cases are ordered by -> value


@dataclass(frozen=True, kw_only=True)
class Maker:
    """Someone whose pictures are shown."""

    name: str
    files: dict[str, Path]  # by item
    values: Values
    leads: bool  # whether its own worst and best cases are shown


def gallery(suite: SuiteRun, metrics: Sequence[MetricInfo], folder: Path, scenes: Scenes) -> Gallery | None:
    """The cases of a restoring suite; None where nobody restored anything."""
    measured = measured_metrics(suite, metrics)
    untouched = next((one for one in suite.subjects if one.info.kind == UNTOUCHED), None)
    makers = [
        Maker(
            name=one.info.name,
            files=files_of(one, folder / suite.info.name),
            values={item.id: _values(one, untouched, item, measured) for item in suite.items},
            leads=one.info.kind in (MODEL, MADE_ELSEWHERE),
        )
        for one in _shown(suite.subjects)
    ]
    orders = _orders(measured, has_input=untouched is not None)
    return chosen(suite.items, makers, orders, scenes)


def chosen(
    items: Sequence[Item],
    makers: Sequence[Maker],
    orders: Sequence[Order],
    scenes: Scenes,
    left: str = INPUT,
) -> Gallery | None:
    """The worst and best cases, by the first order, of each maker that leads (of the first if none does)."""
    if not makers or not orders:
        return None
    leading = [one for one in makers if one.leads] or [makers[0]]
    picked: dict[str, None] = {}  # an ordered set
    for maker in leading:
        ranked = _worst_first([item.id for item in items], maker.values, orders[0])
        picked |= dict.fromkeys([*ranked[:NUM_CASES], *ranked[::-1][:NUM_CASES]])
    names = list(picked)[:MOST_CASES]
    ordered = _worst_first(names, leading[0].values, orders[0])
    ordered += [name for name in names if name not in ordered]
    by_id = {item.id: item for item in items}
    return Gallery(
        about=f"The {NUM_CASES} worst and the {NUM_CASES} best pictures of each model by {orders[0].name}: "
        f"{len(names)} of {len(items)}.",
        subjects=tuple(one.name for one in [*leading, *(one for one in makers if one not in leading)]),
        left=left,
        orders=tuple(orders),
        cases=tuple(_case(by_id[name], makers, scenes) for name in ordered),
    )


def files_of(subject: SubjectRun, suite_folder: Path) -> dict[str, Path]:
    """The subject's pictures by item."""
    found = {
        name: picture_of(prediction, suite_folder / subject.info.folder)
        for name, prediction in subject.predictions.items()
    }
    return {name: path for name, path in found.items() if path is not None}


def _shown(subjects: Sequence[SubjectRun]) -> list[SubjectRun]:
    """Models, results of others, networks, then filters; the untouched input is a version of its own."""
    restored = [one for one in subjects if one.info.kind != UNTOUCHED and one.predictions]
    ranks = {MODEL: 0, MADE_ELSEWHERE: 1, PEER: 2}
    return sorted(restored, key=lambda one: ranks.get(one.info.kind, len(ranks)))[:MOST_SUBJECTS]


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


def _worst_first(names: Sequence[str], values: Values, order: Order) -> list[str]:
    """Those that have a value, the worst first; equal ones in their order."""
    sign = 1 if order.better == "higher" else -1
    have = [name for name in names if order.name in values.get(name, {})]
    return sorted(have, key=lambda name: sign * values[name][order.name])


def _case(item: Item, makers: Sequence[Maker], scenes: Scenes) -> Case:
    versions = [Version(name=INPUT, file=item.lq, box=item.crop, values={})]
    for maker in makers:
        if item.id in maker.files:
            values = maker.values.get(item.id, {})
            versions.append(Version(name=maker.name, file=str(maker.files[item.id]), box=None, values=values))
    if item.gt is not None:
        box = None
        if item.crop is not None:
            left, top, right, bottom = (item.scale * edge for edge in item.crop)
            box = (left, top, right, bottom)
        versions.append(Version(name=REFERENCE, file=item.gt, box=box, values={}))
    tags = tuple(dict.fromkeys([*item.tags, *scenes.get(item.id, ())]))
    return Case(name=item.id, group=item.group, tags=tags, versions=tuple(versions))
