"""The work behind the tab Assess: photos one after the other, and their scores as a table. No page here."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

import gradio as gr

from demo.desk import Desk, Say, called
from demo.pictures import shown, write_shown
from uare.errors import InputError, UAREError
from uare.experts.regions import heat_map
from uare.images import Photo
from uare.results import Assessment
from uare.saving import to_pillow
from uare.vocabulary import ATTRIBUTES, LEVELS

ASSESSED_PX = 1024  # longest side of a picture beside its charts
COLUMNS = ("#", "file", "score", "level", "defects", *ATTRIBUTES)


@dataclass(frozen=True, kw_only=True)
class Assessed:
    """One photo and how good it is."""

    name: str
    size: tuple[int, int]  # (height, width)
    picture: str  # path of what the page shows
    heat_map: str | None  # path of the picture with its regions, where those were asked for
    assessment: Assessment
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A file that could not be assessed, and why."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Written:
    """The analysis so far."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Turn:
    """Which file of how many is looked at now."""

    place: int
    total: int
    name: str


Message = Assessed | Unreadable | Turn | Written


def assess(
    desk: Desk, files: list[str], request: gr.Request, say: Say[Message], *, with_regions: bool
) -> None:
    """Assesses files; one that cannot be read never stops the rest. Raises InputError for too many."""
    if not files:
        raise InputError("there is no photo yet; drop one first")
    if len(files) > desk.limits.max_files:
        raise InputError(
            f"{len(files)} files were sent and {desk.limits.max_files} are taken at once; send fewer"
        )
    for place, file in enumerate(files):
        name = called(Path(file))
        say(Turn(place=place, total=len(files), name=name))
        try:
            photo = desk.photo(file, request)
            assessment = desk.pipe.assess(
                photo, regions=with_regions, on_text=lambda text: say(Written(text=text))
            )
            say(_assessed(photo, name, assessment, desk.folder(request)))
        except UAREError as error:
            say(Unreadable(name=name, reason=str(error)))


def _assessed(photo: Photo, name: str, assessment: Assessment, folder: Path) -> Assessed:
    heat = None
    if assessment.regions:
        drawn = heat_map(to_pillow(photo.pixels), assessment.regions)
        drawn.thumbnail((ASSESSED_PX, ASSESSED_PX))
        heat = write_shown(folder, "regions", drawn)
        # their masks have a byte a pixel, and are not needed any more
        bare = tuple(replace(one, mask=one.mask[:0, :0]) for one in assessment.regions)
        assessment = replace(assessment, regions=bare)
    return Assessed(
        name=name,
        size=photo.size,
        picture=write_shown(folder, "assessed", shown(photo.pixels, photo.alpha, largest_px=ASSESSED_PX)),
        heat_map=heat,
        assessment=assessment,
        warnings=photo.warnings,
    )


def defects(assessment: Assessment) -> str:
    """The defects in words, such as "serious noise, slight blur"."""
    return ", ".join(one.words for one in assessment.degradations) or "none named"


def table_rows(photos: list[Assessed]) -> list[list[str | float]]:
    """A row of COLUMNS for each photo."""
    return [
        [
            place + 1,
            photo.name,
            round(photo.assessment.score, 2),
            photo.assessment.level,
            defects(photo.assessment),
            *(round(photo.assessment.attributes[name], 2) for name in ATTRIBUTES),
        ]
        for place, photo in enumerate(photos)
    ]


def csv_text(photos: list[Assessed], unreadable: list[Unreadable]) -> str:
    """All of it for a spreadsheet: a row a file, with a reason where it could not be read."""
    stream = StringIO()
    writer = csv.writer(stream)
    shares = [f"p_{level}" for level in LEVELS]
    writer.writerow(
        ["file", "width", "height", "score", "level", *shares, *ATTRIBUTES, "defects", "analysis", "problem"]
    )
    for photo in photos:
        found = photo.assessment
        writer.writerow(
            [
                _cell(photo.name), photo.size[1], photo.size[0], f"{found.score:.4f}", found.level,
                *(f"{found.distribution[level]:.4f}" for level in LEVELS),
                *(f"{found.attributes[name]:.4f}" for name in ATTRIBUTES),
                _cell(defects(found)), _cell(found.text), "",
            ]
        )  # fmt: skip
    num_empty = 4 + len(shares) + len(ATTRIBUTES) + 2
    for file in unreadable:
        writer.writerow([_cell(file.name), *[""] * num_empty, _cell(file.reason)])
    return stream.getvalue()


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
