"""One row of a Hugging Face table: its cells, and the three ways in which tables hold pictures.

A picture is a path (relative to a folder that is given), the encoded bytes, or the struct of `datasets.Image`
with either of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from data.samples import Picture
from uare.errors import InputError


@dataclass(frozen=True)
class TableRow:
    """Cells by column; `root` is where relative paths start."""

    where: str
    cells: Mapping[str, object]
    root: Path

    def value(self, column: str) -> object:
        return self.cells[column]

    def pictures(self, column: str) -> tuple[Picture, ...]:
        return self._pictures(self.cells[column], column)

    def _pictures(self, cell: object, column: str) -> tuple[Picture, ...]:
        match cell:
            case None:
                return ()
            case list():
                return tuple(picture for each in cell for picture in self._pictures(each, column))
            case bytes():
                return (Picture(name=f"{self.where}, {column}", data=cell),)
            case str():
                return (Picture(name=cell, path=self.root / cell),)
            case {"bytes": bytes() as data, "path": path}:
                return (Picture(name=str(path or f"{self.where}, {column}"), data=data),)
            case {"path": str() as path}:
                return (Picture(name=path, path=self.root / path),)
        raise InputError(
            f"{self.where} has a {type(cell).__name__} in {column!r}, expected a picture as a path, as bytes "
            "or as an image struct; map another column"
        )
