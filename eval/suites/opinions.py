"""The tables in which scored sets publish opinions: each reader gives file names with their values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data.readers.sets.layout import csv_rows, text_lines
from data.readers.sets.sheet import sheet_rows
from uare.errors import InputError

LIVE_TRAINING_IMAGES = 7  # t1..t7, shown to raters to learn the task and not part of the set


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """A picture's file name and what people said of it, as the table has it."""

    picture: str
    value: float


def read_list(path: Path) -> list[Opinion]:
    """A list of DeQA-Score or Q-Align: JSON objects with `image` and `gt_score`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return [Opinion(picture=Path(one["image"]).name, value=float(one["gt_score"])) for one in content]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is no list of scored pictures ({error!r}); expected JSON objects with image and gt_score"
        ) from error


def read_pyiqa_table(path: Path) -> list[Opinion]:
    """A `meta_info_*.csv` of pyiqa: `img_name` or `dist_name`, and `mos` or `dmos`."""
    rows = [row for _, row in csv_rows(path, ())]
    names = [key for key in ("dist_name", "img_name") if rows and key in rows[0]]
    values = [key for key in ("mos", "dmos") if rows and key in rows[0]]
    if not names or not values:
        raise InputError(
            f"{path} has not the columns of a pyiqa table (dist_name or img_name, mos or dmos); take the "
            "file that comes with pyiqa"
        )
    return _opinions(path, [(row[names[0]], row[values[0]]) for row in rows])


def read_agiqa(path: Path) -> list[Opinion]:
    """AGIQA-3K's `data.csv`: `name` and `mos_quality`; its other column tells how well prompts are met."""
    columns = ("name", "mos_quality")
    return _opinions(path, [(row["name"], row["mos_quality"]) for _, row in csv_rows(path, columns)])


def read_value_first(path: Path) -> list[Opinion]:
    """TID2013's `mos_with_names.txt`: a value and a file name per line."""
    return _opinions(path, [(name, value) for value, name in _two_words(path)])


def read_name_first(path: Path) -> list[Opinion]:
    """CSIQ's `csiq_label.txt`: a file name and a value per line."""
    return _opinions(path, _two_words(path))


def read_bid(path: Path) -> list[Opinion]:
    """BID's `DatabaseGrades.xlsx`: the number of a picture and its mean grade in the first two columns."""
    cells = [list(row.values()) for _, row in sheet_rows(path, ())]
    try:
        rows = [(f"DatabaseImage{int(float(row[0])):04d}.JPG", row[1]) for row in cells if row[0]]
    except (ValueError, IndexError) as error:
        raise InputError(f"{path} has not numbers and grades in its first columns ({error})") from error
    return _opinions(path, rows)


def read_live_wild(path: Path) -> list[Opinion]:
    """LIVE in the Wild's `AllMOS_release.mat`, whose names lie in `AllImages_release.mat` beside it."""
    from scipy.io import loadmat

    names_path = path.with_name("AllImages_release.mat")
    try:
        names = loadmat(names_path)["AllImages_release"].ravel()
        values = loadmat(path)["AllMOS_release"].ravel()
    except (OSError, ValueError, KeyError, NotImplementedError) as error:
        raise InputError(
            f"{path} and {names_path.name} cannot be read as the set's tables ({error!r}); download them "
            "again"
        ) from error
    if len(names) != len(values):
        raise InputError(f"{path} has {len(values)} values for {len(names)} names; download the set again")
    rows = [(str(name.ravel()[0]), str(value)) for name, value in zip(names, values, strict=True)]
    return _opinions(path, rows[LIVE_TRAINING_IMAGES:])


def _two_words(path: Path) -> list[tuple[str, str]]:
    rows = []
    for number, line in text_lines(path):
        words = line.split()
        if len(words) != 2:
            raise InputError(
                f"{path} line {number} is {line!r}, expected a value and a name; take the set's file"
            )
        rows.append((words[0], words[1]))
    return rows


def _opinions(path: Path, rows: Sequence[tuple[str, str]]) -> list[Opinion]:
    opinions = []
    for name, value in rows:
        try:
            opinions.append(Opinion(picture=Path(name).name, value=float(value)))
        except ValueError:
            raise InputError(f"{path} has {value!r} for the score of {name}; correct the row") from None
    return opinions
