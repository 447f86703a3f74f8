"""Rows of JSONL, JSON, parquet and CSV files through Hugging Face `datasets`.

A file is converted to Arrow once (in the cache of `datasets`) and mapped into memory, so that any row is read
at the price of that row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data.readers.cells import TableRow
from data.readers.columns import Columns, ScoreColumns
from data.readers.joined import Joined
from data.samples import Source
from uare.errors import InputError

if TYPE_CHECKING:
    import datasets

SUFFIXES = (".jsonl", ".json", ".parquet", ".csv")


@dataclass(frozen=True, kw_only=True)
class TableSources:
    """The sources in one file, row by row."""

    name: str
    path: Path
    root: Path  # where the relative paths of pictures start
    columns: Columns
    rows: datasets.Dataset  # as Arrow tables, which leaves pictures encoded

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Source:
        if not 0 <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        cells = self.rows[index].to_pylist()[0]
        row = TableRow(f"{self.path} row {index + 1}", cells, self.root)
        return self.columns.source(row, default_id=f"{self.name}/{self.path.stem}/{index}")


def tables(
    paths: Sequence[Path],
    columns: Columns,
    name: str,
    *,
    root: Path | None = None,
    cache: Path | None = None,
) -> Joined:
    """The rows of `paths`, one file after the other.

    root: where relative paths of pictures start; None: beside each file. cache: where the Arrow files go;
    None: where `datasets` keeps its own. Raises InputError for a file that cannot be read, lacks a column or
    holds an opinion outside its scale.
    """
    return Joined(name, [_table(path, columns, name, root or path.parent, cache) for path in paths])


def _table(path: Path, columns: Columns, name: str, root: Path, cache: Path | None) -> TableSources:
    rows = _load(path, cache)
    missing = [column for column in columns.names if column not in rows.column_names]
    if missing:
        raise InputError(
            f"{path} has the columns {', '.join(rows.column_names)}, expected also {', '.join(missing)}; "
            "map the fields to columns that are there"
        )
    rows = rows.select_columns(list(dict.fromkeys(columns.names))).with_format("arrow")
    if isinstance(columns, ScoreColumns):
        opinions = rows.select_columns(columns.mos)[:][columns.mos].to_pylist()
        _refuse_opinions_off_scale(path, opinions, columns)
    return TableSources(name=name, path=path, root=root, columns=columns, rows=rows)


def _load(path: Path, cache: Path | None) -> datasets.Dataset:
    try:
        import datasets
    except ModuleNotFoundError:
        raise InputError(
            'datasets is not installed; reading tables needs: pip install -e ".[train]"'
        ) from None
    if not path.is_file():
        raise InputError(f"there is no file {path}; check the name")
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise InputError(f"{path} is no table that can be read; expected {', '.join(SUFFIXES)}")
    loaders = {".parquet": datasets.Dataset.from_parquet, ".csv": datasets.Dataset.from_csv}
    load = loaders.get(kind, datasets.Dataset.from_json)
    try:
        return load(str(path), cache_dir=None if cache is None else str(cache))
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        reason = error.__cause__ or error  # `datasets` wraps what it stumbled over
        raise InputError(f"{path} cannot be read as a table ({reason}); write it again") from error


def _refuse_opinions_off_scale(path: Path, opinions: Sequence[object], columns: ScoreColumns) -> None:
    for number, opinion in enumerate(opinions, start=1):
        if isinstance(opinion, int | float):  # anything else is refused when its row is read
            columns.scale.mos(opinion, f"{path} row {number}")
