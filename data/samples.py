"""What a data set gives, before any task is made of it: pictures, pairs, opinions, questions.

Readers (`data.readers`) yield these; `data.tasks` turns them into packed samples. Pictures are read when they
are needed, so that a set of millions costs no memory.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from uare.errors import InputError

Pixels = NDArray[np.uint8]  # (H, W, 3) RGB


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One encoded picture: a file, a stretch of a file (a member of a tar shard), or bytes in memory."""

    name: str  # for messages and previews
    path: Path | None = None
    offset: int = 0  # bytes
    length: int | None = None  # bytes; None: to the end of the file
    data: bytes | None = None  # instead of `path`

    def read(self) -> bytes:
        """The encoded bytes; OSError where the file cannot be read."""
        if self.data is not None:
            return self.data
        assert self.path is not None
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(-1 if self.length is None else self.length)

    def pixels(self) -> Pixels:
        """RGB pixels (H, W, 3) uint8; InputError where the picture cannot be read or decoded."""
        try:
            with Image.open(io.BytesIO(self.read())) as picture:
                return np.asarray(picture.convert("RGB"))
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(
                f"cannot read training picture {self.name} ({error}); restore it or take it out of the set"
            ) from error


@dataclass(frozen=True, kw_only=True)
class RestorationSource:
    """A clean picture, and its harmed version where one was photographed; else it is harmed on the way."""

    id: str
    hq: Picture
    lq: Picture | None = None
    types: tuple[str, ...] = ()  # known harms of `lq`, ids of `uare.vocabulary.DEGRADATIONS`


@dataclass(frozen=True, kw_only=True)
class ScoreSource:
    """A picture and people's mean opinion of it, on our scale of 1 (bad) to 5 (excellent)."""

    id: str
    picture: Picture
    mos: float
    mos_std: float | None = None  # in the same units
    attributes: dict[str, float] = field(default_factory=dict, hash=False)  # the same of single attributes

    def __post_init__(self) -> None:
        if not 1 <= self.mos <= 5:
            raise InputError(
                f"{self.id} has the mean opinion {self.mos}, expected 1 to 5; check the scale of its set"
            )


@dataclass(frozen=True, kw_only=True)
class QuestionSource:
    """Pictures, a question about them and its answer."""

    id: str
    pictures: tuple[Picture, ...]
    question: str
    answer: str

    def __post_init__(self) -> None:
        if not self.question.strip() or not self.answer.strip():
            raise InputError(f"{self.id} has an empty question or answer; expected text, take the row out")


@dataclass(frozen=True, kw_only=True)
class ChoiceSource:
    """Two versions of a picture and how likely people prefer the first, with a reference where one exists."""

    id: str
    first: Picture
    second: Picture
    preference: float  # 1: all prefer the first, 0.5: nobody can tell
    reference: Picture | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.preference <= 1:
            raise InputError(
                f"{self.id} has the preference {self.preference}, expected 0 to 1; correct the row"
            )


Source = RestorationSource | ScoreSource | QuestionSource | ChoiceSource


class Sources(Protocol):
    """A data set: sources by number, the same number always the same source."""

    @property
    def name(self) -> str: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Source: ...
