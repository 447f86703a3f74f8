"""Classical baselines as subjects: rows of `eval.baselines`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eval.adapters.subject import Answer, text_digest
from eval.baselines import BASELINES, BICUBIC, IDENTITY, Baseline
from eval.metrics import Array
from eval.records import CLASSICAL, RESTORE, UNTOUCHED, Item, SubjectInfo

EVERY = "all"


@dataclass(frozen=True, kw_only=True)
class ClassicalSubject:
    """One classical restorer."""

    baseline: Baseline

    @property
    def info(self) -> SubjectInfo:
        name = self.baseline.name
        kind = UNTOUCHED if name == IDENTITY else CLASSICAL
        return SubjectInfo(name=name, folder=name, kind=kind, source="", digest=text_digest(name))

    def takes(self, item: Item) -> bool:
        if item.kind != RESTORE or (self.baseline.name == BICUBIC and item.scale == 1):
            return False
        return self.baseline.applies_to(item.group)

    def digest_of(self, item: Item) -> str:
        return self.info.digest

    def prepare(self) -> None:
        pass

    def predict(self, item: Item, picture: Array) -> Answer:
        enlarged = self.baseline.enlarge(picture, item.scale)
        return Answer(picture=self.baseline.function(enlarged))


def classical_subjects(names: Sequence[str]) -> list[ClassicalSubject]:
    """The classical baselines of these names in the order of the table, `all` for every one."""
    return [ClassicalSubject(baseline=row) for row in BASELINES if EVERY in names or row.name in names]
