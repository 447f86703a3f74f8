"""Anything that compares two pictures as a subject: a function to probabilities, perhaps one to a score."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from eval.adapters.subject import Answer
from eval.metrics import Array
from eval.pictures import read_picture
from eval.records import COMPARE, MODEL, SCORE, Item, SubjectInfo, file_name
from uare.compare import verdict_of

# Two pictures (H, W, 3) in [0, 1] to the probabilities of (A better, B better, equal).
Compare = Callable[[Array, Array], tuple[float, float, float]]
Score = Callable[[Array], float]  # higher is better


class JudgeSubject:
    """A judge of pairs, and of single pictures where it gives scores; it restores nothing."""

    def __init__(
        self, name: str, source: str, digest: str, compare: Compare, score: Score | None = None
    ) -> None:
        """digest: of its weights; another one, and stored answers are asked for again."""
        self.info = SubjectInfo(name=name, folder=file_name(name), kind=MODEL, source=source, digest=digest)
        self._compare, self._score = compare, score

    def takes(self, item: Item) -> bool:
        return item.kind == COMPARE or (item.kind == SCORE and self._score is not None)

    def digest_of(self, item: Item) -> str:
        return self.info.digest

    def prepare(self) -> None:
        pass

    def predict(self, item: Item, picture: Array) -> Answer:
        if item.kind == COMPARE:
            probabilities = self._compare(picture, read_picture(Path(str(item.gt))))
            return Answer(score=probabilities[0] - probabilities[1], text=verdict_of(probabilities))
        assert self._score is not None, "takes() leaves such items out"
        return Answer(score=self._score(picture))
