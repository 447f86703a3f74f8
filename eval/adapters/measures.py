"""The pictures of scoring suites as they are, so that metrics of them become columns beside our score."""

from __future__ import annotations

from pathlib import Path

from eval.adapters.subject import Answer
from eval.metrics import Array
from eval.records import MEASURES, SCORE, UNTOUCHED, Item, SubjectInfo


class PicturesThemselves:
    """Answers with the picture it was asked about."""

    info = SubjectInfo(name=MEASURES, folder=MEASURES, kind=UNTOUCHED, source="", digest="")

    def takes(self, item: Item) -> bool:
        return item.kind == SCORE

    def digest_of(self, item: Item) -> str:
        return self.info.digest

    def prepare(self) -> None:
        pass

    def predict(self, item: Item, picture: Array) -> Answer:
        return Answer(file=Path(item.lq).resolve())
