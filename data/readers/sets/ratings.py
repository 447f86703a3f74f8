"""From the rows of an opinion table to scored pictures, the same for every set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.readers.compact import CompactTexts
from data.readers.files import ScoreFiles
from data.readers.scales import Scale
from data.readers.sets.layout import refuse_missing
from uare.errors import InputError


@dataclass(frozen=True)
class Opinion:
    """A row of a set's opinion table, as the set has it."""

    where: str  # file, line and picture, for messages
    picture: str
    value: float
    std: float | None  # of votes from 1 to 5, in which every set publishes it


def opinion(listing: Path, line: int, picture: str, value: str, std: str | None = None) -> Opinion:
    """The opinion in one line of `listing`; InputError where its cells are no numbers."""
    where = f"{listing} line {line} ({picture})"
    return Opinion(where, picture, _number(value, where), None if std is None else _number(std, where))


def score_files(
    name: str,
    root: Path,
    opinions: Iterable[Opinion],
    pictures: Mapping[str, str],
    scale: Scale,
    listing: Path,
) -> ScoreFiles:
    """The pictures of `opinions`, in their order, with opinions on 1 to 5.

    pictures: file name to path below `root`. scale: that of the opinions.
    Raises InputError for a value outside the scale and for pictures that are not there.
    """
    paths: list[str] = []
    mos: list[float] = []
    stds: list[float] = []
    missing: list[str] = []
    for row in opinions:
        mos.append(scale.mos(row.value, row.where))
        if row.std is not None:
            stds.append(row.std)
        if row.picture in pictures:
            paths.append(pictures[row.picture])
        else:
            missing.append(row.picture)
    if not mos:
        raise InputError(f"{listing} lists no picture of {name}; take the file that comes with the set")
    refuse_missing(missing, len(mos), listing, root)
    return ScoreFiles(
        name=name,
        root=root,
        pictures=CompactTexts(paths),
        mos=np.array(mos),
        mos_std=np.array(stds) if stds else None,
    )


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{where} has {text!r} for a number; correct the row") from None
