"""What every subject looks like to the rest of the evaluation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from eval.metrics import Array
from eval.records import Item, SubjectInfo


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a subject makes of an item: a picture (or a file that holds it), an opinion, or both."""

    picture: Array | None = None  # (scale*H, scale*W, 3) in [0, 1]
    file: Path | None = None
    score: float | None = None  # higher is better
    text: str | None = None
    attributes: dict[str, float] = field(default_factory=dict)  # attribute -> score, higher is better


class Subject(Protocol):
    """Something that restores or judges pictures. It is handed items, and knows nothing of suites."""

    @property
    def info(self) -> SubjectInfo:
        """Its name and kind, and what its results depend on."""

    def takes(self, item: Item) -> bool:
        """Says whether it is meant for this item; what it does not take is no gap."""

    def digest_of(self, item: Item) -> str:
        """Digest of what its answer to this item depends on, the item's own picture apart."""

    def prepare(self) -> None:
        """Loads what it needs; called once before the first `predict`, outside of what is timed."""

    def predict(self, item: Item, picture: Array) -> Answer:
        """Answers to an item whose picture is (H, W, 3) in [0, 1]; a UAREError says why it cannot."""


# Makes the subject for one suite: of its name and items, since folders of results are laid out by suites.
Contender = Callable[[str, Sequence[Item]], Subject]


def text_digest(*parts: object) -> str:
    """Sixteen hexadecimal digits over the parts."""
    return hashlib.sha256("\n".join(map(str, parts)).encode("utf-8")).hexdigest()[:16]
