"""Anything that compares two pictures as a subject: a function to probabilities, perhaps one to a score."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from eval.adapters.subject import Answer, text_digest
from eval.metrics import Array
from eval.model_digest import folder_digest
from eval.pictures import read_picture, to_bytes
from eval.records import COMPARE, MODEL, SCORE, Item, SubjectInfo, file_name
from uare.errors import InputError

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
            # transformers, which it brings, looks for torchvision: that has to be prepared before
            from uare.compare import verdict_of

            probabilities = self._compare(picture, read_picture(Path(str(item.gt))))
            return Answer(score=probabilities[0] - probabilities[1], text=verdict_of(probabilities))
        assert self._score is not None, "takes() leaves such items out"
        return Answer(score=self._score(picture))


def judge_subject(name: str | None, source: str, model: str) -> JudgeSubject:
    """The judge at `source` (a folder with judge.json, or FGResQ.pth) over the features of `model`.

    Loaded when it is first asked. Raises InputError where there is nothing at `source`.
    """
    place = Path(source)
    if not place.exists():
        raise InputError(f"there is no judge at {place}; name a folder with judge.json, or FGResQ.pth")

    @cache
    def judge() -> Any:
        from uare.pipeline import UAREPipeline  # seconds of torch, which baselines alone do not need

        return UAREPipeline.from_pretrained(model, judge=place).judge

    encodings: dict[bytes, Any] = {}  # a picture is in many pairs

    def encoded(picture: Array) -> Any:
        from uare.images import load_photo

        pixels = to_bytes(picture)
        key = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest()
        if key not in encodings:
            encodings[key] = judge().encode(load_photo(pixels))
        return encodings[key]

    def compare(a: Array, b: Array) -> tuple[float, float, float]:
        from uare.experts.comparison import pair_probabilities

        first, second = encoded(a), encoded(b)
        if first is second:
            return (0.0, 0.0, 1.0)  # the same pixels
        a_better, b_better, equal = pair_probabilities([first], [second])[0, 0].tolist()
        return a_better, b_better, equal

    folder = place if place.is_dir() else place.parent
    return JudgeSubject(
        name or f"judge of {place.resolve().name}",
        source,
        text_digest(folder_digest(folder), model),
        compare,
        lambda picture: encoded(picture).score,
    )
