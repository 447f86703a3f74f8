"""Sources whose pictures are files below one folder; all that is held of them is compact arrays.

What finds the files and knows what they mean is left to the readers of folders and of the published sets.
Paths are relative to `root`, an empty one says that there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.readers.compact import CompactTexts
from data.samples import ChoiceSource, Picture, QuestionSource, RestorationSource, ScoreSource


@dataclass(frozen=True, kw_only=True)
class RestorationFiles:
    """Clean pictures, and their harmed versions where these were photographed."""

    name: str
    root: Path
    hq: CompactTexts
    lq: CompactTexts | None = None
    kinds: tuple[tuple[str, ...], ...] = ((),)  # the combinations of types that occur
    kind: NDArray[np.uint8] | None = None  # (n,) which of `kinds`; None: the first for all

    def __len__(self) -> int:
        return len(self.hq)

    def __getitem__(self, index: int) -> RestorationSource:
        hq = self.hq[index]
        return RestorationSource(
            id=f"{self.name}/{hq}",
            hq=_picture(self.root, hq),
            lq=None if self.lq is None else _picture(self.root, self.lq[index]),
            types=self.kinds[0 if self.kind is None else int(self.kind[index])],
        )


@dataclass(frozen=True, kw_only=True)
class ScoreFiles:
    """Pictures and opinions on our scale of 1 to 5."""

    name: str
    root: Path
    pictures: CompactTexts
    mos: NDArray[np.float64]  # (n,)
    mos_std: NDArray[np.float64] | None = None  # (n,)
    attributes: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)  # attribute -> (n,)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> ScoreSource:
        path = self.pictures[index]
        return ScoreSource(
            id=f"{self.name}/{path}",
            picture=_picture(self.root, path),
            mos=float(self.mos[index]),
            mos_std=None if self.mos_std is None else float(self.mos_std[index]),
            attributes={name: float(values[index]) for name, values in self.attributes.items()},
        )


@dataclass(frozen=True, kw_only=True)
class QuestionFiles:
    """Questions about pictures, with answers."""

    name: str
    root: Path
    ids: CompactTexts
    pictures: tuple[CompactTexts, ...]  # one for each place in the question
    questions: CompactTexts
    answers: CompactTexts

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> QuestionSource:
        paths = [place[index] for place in self.pictures]
        return QuestionSource(
            id=f"{self.name}/{self.ids[index]}",
            pictures=tuple(_picture(self.root, path) for path in paths if path),
            question=self.questions[index],
            answer=self.answers[index],
        )


@dataclass(frozen=True, kw_only=True)
class ChoiceFiles:
    """Two versions of a picture and which of them people prefer."""

    name: str
    root: Path
    first: CompactTexts
    second: CompactTexts
    reference: CompactTexts
    preference: NDArray[np.float64]  # (n,) 1: the first

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, index: int) -> ChoiceSource:
        first, second, reference = self.first[index], self.second[index], self.reference[index]
        return ChoiceSource(
            id=f"{self.name}/{first}/{second}",
            first=_picture(self.root, first),
            second=_picture(self.root, second),
            preference=float(self.preference[index]),
            reference=_picture(self.root, reference) if reference else None,
        )


def _picture(root: Path, path: str) -> Picture:
    return Picture(name=path, path=root / path)
