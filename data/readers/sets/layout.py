"""How a published set lies on disk: finding its parts, rows and pictures, and saying what is missing."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from uare.errors import InputError
from uare.folders import IMAGE_SUFFIXES


def part_of(root: Path, *names: str, layout: str) -> Path:
    """The first of `root/name` that is there.

    layout: how the set must lie, the end of the sentence of the InputError that is raised if none is.
    """
    for name in names:
        if (root / name).exists():
            return root / name
    if not root.is_dir():
        raise InputError(f"there is no folder {root}; give the folder with {layout}")
    raise InputError(f"{root} has no {' and no '.join(names)}; expected {layout}")


def csv_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells of each row; InputError if one of `columns` is missing."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            found = reader.fieldnames or ()
            if not set(columns) <= set(found):
                raise InputError(
                    f"{path} has the columns {', '.join(found) or 'none'}, expected {', '.join(columns)}; "
                    "take the file that comes with the set"
                )
            for row in reader:
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a table ({error}); download it again") from error


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line that is not empty."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text ({error}); download it again") from error


def pictures_in(root: Path, *folders: str) -> dict[str, str]:
    """File name to path below `root` of the pictures that lie in these folders, without those deeper down."""
    found: dict[str, str] = {}
    for folder in folders:
        with os.scandir(root / folder) as entries:
            names = sorted(entry.name for entry in entries)
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES:
                found[name] = f"{folder}/{name}"
    return found


def refuse_missing(missing: Sequence[str], num_expected: int, listing: Path, folder: Path) -> None:
    """Raises InputError if pictures that `listing` names are not in `folder`."""
    if missing:
        raise InputError(
            f"{len(missing)} of the {num_expected} pictures that {listing} names are not in {folder}, the "
            f"first is {missing[0]}; extract the set again, or take their rows out"
        )
