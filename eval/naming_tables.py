"""Are all harms of a photo named? The written analyses of photos with several harms at once, as a section."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data.degradations import COMBINATIONS
from eval.intervals import mean_with_interval
from eval.records import MODEL, Run, SubjectRun, SuiteRun
from eval.report.means import source_of
from eval.report.model import Cell, Column, Section, Table, count, mean, percent, word
from uare.analysis import parse_analysis

COMBINED = "synthetic-combinations"  # the suite
COLUMNS = ("harms", "all named, %", "each named, %", "wrongly named, a photo", "photos")
TYPES_OF = {one.name: frozenset(one.types) for one in COMBINATIONS}


@dataclass(frozen=True, kw_only=True)
class Named:
    """What an analysis of one photo named, against what was done to it."""

    photo: str
    group: str
    done: frozenset[str]
    said: frozenset[str]

    @property
    def all_named(self) -> bool:
        return self.done <= self.said

    @property
    def share_named(self) -> float:
        return len(self.done & self.said) / len(self.done)

    @property
    def num_wrong(self) -> int:
        return len(self.said - self.done)


def naming_section(run: Run) -> Section | None:
    """How often all of two or three harms are named; None if no model wrote of such photos."""
    suite = next((one for one in run.suites if one.info.name == COMBINED), None)
    if suite is None:
        return None
    models = [one for one in suite.subjects if one.info.kind == MODEL]
    named = {one.info.name: named_by(suite, one) for one in models}
    tables = [_table(name, found, run.info.seed) for name, found in named.items() if found]
    if not tables:
        return None
    return Section(
        id="naming",
        title="Are all harms named?",
        text=("Harms are named right whatever severity is said with them. Intervals are drawn over photos.",),
        tables=tuple(tables),
    )


def named_by(suite: SuiteRun, subject: SubjectRun) -> list[Named]:
    """What a subject's analyses named, of the items that it wrote about."""
    found = []
    for item in suite.items:
        prediction = subject.predictions.get(item.id)
        if prediction is None or prediction.text is None or item.group not in TYPES_OF:
            continue
        found.append(
            Named(
                photo=source_of(item),
                group=item.group,
                done=TYPES_OF[item.group],
                said=frozenset(one.type for one in parse_analysis(prediction.text).degradations),
            )
        )
    return found


def _table(subject: str, found: Sequence[Named], seed: int) -> Table:
    groups = list(dict.fromkeys(one.group for one in found))
    sizes = sorted({len(one.done) for one in found})
    parts = [(group, [one for one in found if one.group == group]) for group in groups]
    parts += [(f"{size} harms", [one for one in found if len(one.done) == size]) for size in sizes]
    parts.append(("all", list(found)))
    return Table(
        title=f"{subject}: harms that come together",
        columns=tuple(Column(name=name) for name in COLUMNS),
        rows=tuple((word(title), *_cells(part, seed)) for title, part in parts),
    )


def _cells(part: Sequence[Named], seed: int) -> tuple[Cell, ...]:
    photos = [one.photo for one in part]
    return (
        percent(mean_with_interval([float(one.all_named) for one in part], seed, photos)),
        percent(mean_with_interval([one.share_named for one in part], seed, photos)),
        mean(mean_with_interval([float(one.num_wrong) for one in part], seed, photos), 2),
        count(len(part)),
    )
