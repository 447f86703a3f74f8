"""Which columns of a table or members of a shard become which field of a source.

`id` may be left out: then a source is named after its set and row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from data.readers.scales import Scale
from data.samples import (
    ChoiceSource,
    Picture,
    QuestionSource,
    RestorationSource,
    ScoreSource,
)
from uare.errors import InputError
from uare.vocabulary import DEGRADATIONS

OUR_SCALE = Scale(1, 5)


class Row(Protocol):
    """One row, whatever it is stored in."""

    @property
    def where(self) -> str:
        """File and row, for messages."""

    def pictures(self, column: str) -> tuple[Picture, ...]:
        """The pictures in a cell: none where it is empty, several where it is a list."""

    def value(self, column: str) -> object:
        """A cell that is no picture; None where it is empty."""


@dataclass(frozen=True, kw_only=True)
class RestorationColumns:
    """`types` holds ids of degradations, as a list or as text with commas."""

    hq: str
    lq: str | None = None
    types: str | None = None
    id: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return _named(self.hq, self.lq, self.types, self.id)

    def source(self, row: Row, default_id: str) -> RestorationSource:
        return RestorationSource(
            id=_id(row, self.id, default_id),
            hq=_picture(row, self.hq),
            lq=None if self.lq is None else _picture(row, self.lq),
            types=() if self.types is None else _types(row, self.types),
        )


@dataclass(frozen=True, kw_only=True)
class ScoreColumns:
    """`scale` is that of `mos` and `mos_std`."""

    picture: str
    mos: str
    mos_std: str | None = None
    scale: Scale = OUR_SCALE
    id: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return _named(self.picture, self.mos, self.mos_std, self.id)

    def source(self, row: Row, default_id: str) -> ScoreSource:
        return ScoreSource(
            id=_id(row, self.id, default_id),
            picture=_picture(row, self.picture),
            mos=self.scale.mos(_number(row, self.mos), row.where),
            mos_std=None if self.mos_std is None else self.scale.spread(_number(row, self.mos_std)),
        )


@dataclass(frozen=True, kw_only=True)
class QuestionColumns:
    """`pictures` in the order of the question; a cell may be empty or a list."""

    pictures: tuple[str, ...]
    question: str
    answer: str
    id: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return _named(*self.pictures, self.question, self.answer, self.id)

    def source(self, row: Row, default_id: str) -> QuestionSource:
        return QuestionSource(
            id=_id(row, self.id, default_id),
            pictures=tuple(picture for column in self.pictures for picture in row.pictures(column)),
            question=_text(row, self.question),
            answer=_text(row, self.answer),
        )


@dataclass(frozen=True, kw_only=True)
class ChoiceColumns:
    """`preference` is 1 where all prefer the first."""

    first: str
    second: str
    preference: str
    reference: str | None = None
    id: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return _named(self.first, self.second, self.preference, self.reference, self.id)

    def source(self, row: Row, default_id: str) -> ChoiceSource:
        return ChoiceSource(
            id=_id(row, self.id, default_id),
            first=_picture(row, self.first),
            second=_picture(row, self.second),
            preference=_number(row, self.preference),
            reference=None if self.reference is None else _picture(row, self.reference),
        )


Columns = RestorationColumns | ScoreColumns | QuestionColumns | ChoiceColumns


def _named(*columns: str | None) -> tuple[str, ...]:
    return tuple(column for column in columns if column is not None)


def _picture(row: Row, column: str) -> Picture:
    found = row.pictures(column)
    if len(found) != 1:
        raise InputError(
            f"{row.where} has {len(found)} pictures in {column!r}, expected one; correct or drop the row"
        )
    return found[0]


def _text(row: Row, column: str) -> str:
    value = row.value(column)
    if not isinstance(value, str):
        raise InputError(f"{row.where} has {value!r} in {column!r}, expected text; correct or drop the row")
    return value


def _number(row: Row, column: str) -> float:
    value = row.value(column)
    try:
        return float(value)  # type: ignore[arg-type]  # what it does not take is refused below
    except (TypeError, ValueError):
        raise InputError(
            f"{row.where} has {value!r} in {column!r}, expected a number; correct or drop the row"
        ) from None


def _id(row: Row, column: str | None, default: str) -> str:
    value = None if column is None else row.value(column)
    return default if value is None else str(value)


def _types(row: Row, column: str) -> tuple[str, ...]:
    value = row.value(column)
    if not value:
        return ()
    words = value if isinstance(value, list) else str(value).split(",")
    types = tuple(str(word).strip() for word in words)
    if not set(types) <= DEGRADATIONS.keys():
        raise InputError(
            f"{row.where} has the types {value!r} in {column!r}, expected some of {', '.join(DEGRADATIONS)}; "
            "correct or drop the row"
        )
    return types
