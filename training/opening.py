"""The data sets that a configuration names, opened by their readers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from data.readers.columns import (
    ChoiceColumns,
    Columns,
    QuestionColumns,
    RestorationColumns,
    ScoreColumns,
)
from data.readers.folders import clean_folder, paired_folders
from data.readers.manifest import clear_photos
from data.readers.scales import Scale
from data.readers.sets.table import read_set
from data.readers.shards import shards
from data.readers.tables import SUFFIXES, tables
from data.samples import Sources
from training.settings import SetSettings
from uare.errors import ConfigError, InputError

LQ_FOLDER, GT_FOLDER = "LQ", "GT"  # of a set read by `pairs`
# What a set with columns yields: the first of these fields that it names decides.
KINDS: dict[str, type[Columns]] = {
    "hq": RestorationColumns,
    "mos": ScoreColumns,
    "question": QuestionColumns,
    "preference": ChoiceColumns,
}


def open_set(form: SetSettings) -> Sources:
    """A data set of a configuration.

    InputError where it is missing or lies otherwise than expected; ConfigError where its columns make no
    source.
    """
    if form.reader in WITH_COLUMNS:
        return WITH_COLUMNS[form.reader](form.root, columns_of(form))
    if form.columns or form.scale:
        raise ConfigError(
            f"the set in {form.root} has columns or a scale, but its reader {form.reader} knows its own; "
            f"take them out, or choose one of the readers {', '.join(WITH_COLUMNS)}"
        )
    match form.reader:
        case "folder":
            return clean_folder(form.root)
        case "pairs":
            return paired_folders(form.root / GT_FOLDER, form.root / LQ_FOLDER)
        case "photos":
            return clear_photos(form.root)
        case published:
            return read_set(published, form.root, form.split)


def columns_of(form: SetSettings) -> Columns:
    """Which column becomes which field of a source; ConfigError where a field is unknown or missing."""
    given = form.columns or {}
    kind = next((KINDS[name] for name in KINDS if name in given), None)
    if kind is None:
        raise ConfigError(
            f"the set in {form.root} has columns for {', '.join(given) or 'nothing'}, expected one for "
            f"{', '.join(KINDS)}: it says what the set is; add it"
        )
    known = {field.name: field for field in fields(kind) if field.name != "scale"}
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.0)[0]
            raise ConfigError(
                f"columns of the set in {form.root}: {name} is no field there; the nearest is {near}"
            )
    missing = [name for name, field in known.items() if field.default is MISSING and name not in given]
    if missing:
        raise ConfigError(f"columns of the set in {form.root}: {missing[0]} is missing; add its column")
    if form.scale and kind is not ScoreColumns:
        raise ConfigError(f"the set in {form.root} has a scale but no opinions (mos); take it out")
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    if kind is QuestionColumns and isinstance(values["pictures"], str):
        values["pictures"] = (values["pictures"],)
    lists = [name for name, value in values.items() if isinstance(value, tuple) and name != "pictures"]
    if lists:
        raise ConfigError(f"columns of the set in {form.root}: {lists[0]} is a list, expected one column")
    if form.scale:
        worst, best = form.scale
        values["scale"] = Scale(min(worst, best), max(worst, best), higher_is_better=best > worst)
    return kind(**values)


def _open_tables(root: Path, columns: Columns) -> Sources:
    """A table, or all tables of a folder in the order of their names."""
    paths = [root]
    if root.is_dir():
        paths = sorted(path for path in root.iterdir() if path.suffix.lower() in SUFFIXES)
        if not paths:
            raise InputError(f"{root} holds no tables, expected files of {', '.join(SUFFIXES)}; name another")
    return tables(paths, columns, root.stem)


def _open_shards(pattern: Path, columns: Columns) -> Sources:
    return shards(str(pattern), columns, pattern.parent.name)


WITH_COLUMNS: dict[str, Callable[[Path, Columns], Sources]] = {"table": _open_tables, "shards": _open_shards}
