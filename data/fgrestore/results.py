"""Restored pictures of others, found in folders: what was restored, by whom, and what people said of it.

A folder of results either holds a table `results.csv`, with the columns `path`, `task`, `content` and
`restorer` and, where known, `origin`, `score`, `higher_is_better`, `reference` and `degraded` (paths start at
the folder); or it is laid out as `task/content/restorer.png`, where a picture called `reference` or
`degraded` is what it says. What cannot be used becomes a sentence, and the rest stays.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from uare.errors import InputError
from uare.folders import IMAGE_SUFFIXES

TABLE = "results.csv"
REFERENCE, DEGRADED = "reference", "degraded"
NEEDED = ("path", "task", "content", "restorer")
NAME = re.compile(r"[\w.+ -]+")
YES, NO = ("", "1", "true", "yes"), ("0", "false", "no")


@dataclass(frozen=True, kw_only=True)
class Result:
    """One restored picture."""

    task: str
    content: str  # the scene: the same in every task that was restored of it
    restorer: str
    path: Path
    origin: str  # the set it comes from; scores of two origins have nothing to do with each other
    score: float | None = None  # people's, higher is better; None: they were not asked
    reference: Path | None = None
    degraded: Path | None = None
    made_by: str = ""  # the command or function that made it, where it was made here

    def __post_init__(self) -> None:
        check_names(self.path.name, self.task, self.content, self.restorer, self.origin)


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """What was found, and a sentence for each thing that was not used."""

    results: tuple[Result, ...]
    problems: tuple[str, ...] = ()


def check_names(where: str, *names: str) -> None:
    """Raises InputError for a name that would not do as that of a file or folder of the set."""
    for name in names:
        if not NAME.fullmatch(name) or name.startswith("."):
            raise InputError(
                f"the name {name!r} of {where} is no plain name; use letters, digits, spaces and ._+-"
            )


def gather(folders: Iterable[Path]) -> Gathered:
    """The results of all folders, in their order; the second of two with the same names is a problem."""
    results: dict[tuple[str, str, str, str], Result] = {}
    problems: list[str] = []
    for folder in folders:
        if not folder.is_dir():
            problems.append(f"there is no folder {folder}; check the name")
            continue
        found = _listed(folder, problems) if (folder / TABLE).is_file() else _laid_out(folder, problems)
        is_empty = True
        for one in found:
            is_empty = False
            key = one.origin, one.task, one.content, one.restorer
            if key in results:
                problems.append(f"{one.path} and {results[key].path} have the same names; the first is used")
            results.setdefault(key, one)
        if is_empty:
            problems.append(f"{folder} holds no results; expected task/content/restorer.png or a {TABLE}")
    return Gathered(results=tuple(results.values()), problems=tuple(problems))


def _listed(folder: Path, problems: list[str]) -> Iterator[Result]:
    path = folder / TABLE
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            missing = [name for name in NEEDED if name not in (table.fieldnames or ())]
            if missing:
                raise InputError(f"lacks the columns {', '.join(missing)}; expected {', '.join(NEEDED)}")
            rows = [
                (table.line_num, {name: value or "" for name, value in row.items() if name}) for row in table
            ]
    except (OSError, UnicodeDecodeError, csv.Error, InputError) as error:
        problems.append(f"{path} cannot be used: {error}")
        return
    for line, row in rows:
        try:
            yield _row(folder, row)
        except InputError as error:
            problems.append(f"{path}, line {line}: {error}")


def _row(folder: Path, row: dict[str, str]) -> Result:
    path = folder / row["path"]
    if not path.is_file():
        raise InputError(f"there is no file {path}; bring it or take the row out")
    score: float | None = None
    if row.get("score"):
        direction = row.get("higher_is_better", "").strip().lower()
        if direction not in (*YES, *NO):
            raise InputError(f"found higher_is_better {direction!r}, expected true or false")
        try:
            score = float(row["score"]) * (-1 if direction in NO else 1)
        except ValueError:
            raise InputError(f"found the score {row['score']!r}, expected a number") from None
    return Result(
        task=row["task"],
        content=row["content"],
        restorer=row["restorer"],
        path=path,
        origin=row.get("origin") or _origin_of(folder),
        score=score,
        reference=_beside(folder, row.get("reference", "")),
        degraded=_beside(folder, row.get("degraded", "")),
    )


def _origin_of(folder: Path) -> str:
    return re.sub(r"[^\w.+ -]", "_", folder.resolve().name).lstrip(".") or "results"


def _beside(folder: Path, name: str) -> Path | None:
    if not name:
        return None
    if not (folder / name).is_file():
        raise InputError(f"there is no file {folder / name}; bring it or empty the cell")
    return folder / name


def _laid_out(folder: Path, problems: list[str]) -> Iterator[Result]:
    for scene in sorted(path for path in folder.glob("*/*") if path.is_dir()):
        if scene.name.startswith(".") or scene.parent.name.startswith("."):
            continue
        pictures: dict[str, Path] = {}
        for path in sorted(scene.iterdir()):
            if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("."):
                if path.stem in pictures:
                    problems.append(f"{scene} holds {path.stem} twice; {path.name} is left out")
                pictures.setdefault(path.stem, path)
        reference, degraded = pictures.pop(REFERENCE, None), pictures.pop(DEGRADED, None)
        for stem, path in pictures.items():
            try:
                yield Result(
                    task=scene.parent.name,
                    content=scene.name,
                    restorer=stem,
                    path=path,
                    origin=_origin_of(folder),
                    reference=reference,
                    degraded=degraded,
                )
            except InputError as error:
                problems.append(str(error))
