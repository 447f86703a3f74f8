"""The first sheet of an .xlsx workbook as text: a zip of XML, of which cells and shared texts are read.

Enough for a table of names and numbers; formulas count with their stored value, formats are not looked at.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from uare.errors import InputError

SHEET = "xl/worksheets/sheet1.xml"
SHARED = "xl/sharedStrings.xml"
NAMESPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def sheet_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Row number and cells, by the names in the first row; InputError if one of `columns` is missing."""
    try:
        with zipfile.ZipFile(path) as book:
            shared = _shared_texts(book)
            sheet = ElementTree.fromstring(book.read(SHEET))
    except (OSError, zipfile.BadZipFile, KeyError, ElementTree.ParseError) as error:
        raise InputError(
            f"{path} cannot be read as an .xlsx workbook ({error}); download it again"
        ) from error
    rows = sheet.iter(f"{NAMESPACE}row")
    header = _cells(next(rows, ElementTree.Element("row")), shared)
    if not set(columns) <= set(header.values()):
        raise InputError(
            f"{path} has the columns {', '.join(header.values()) or 'none'}, expected {', '.join(columns)}; "
            "take the file that comes with the set"
        )
    for number, row in enumerate(rows, start=2):
        cells = _cells(row, shared)
        if cells:
            yield number, {name: cells.get(letters, "") for letters, name in header.items()}


def _shared_texts(book: zipfile.ZipFile) -> list[str]:
    """Texts that cells refer to by number; a text may be in several runs of one format each."""
    if SHARED not in book.namelist():
        return []
    items = ElementTree.fromstring(book.read(SHARED)).iter(f"{NAMESPACE}si")
    return ["".join(run.text or "" for run in item.iter(f"{NAMESPACE}t")) for item in items]


def _cells(row: ElementTree.Element, shared: Sequence[str]) -> dict[str, str]:
    """Letters of the column (B of B7) to the cell's text; empty cells are left out."""
    cells = {}
    for cell in row.iter(f"{NAMESPACE}c"):
        texts = [part.text or "" for part in cell.iter() if part.tag in (f"{NAMESPACE}v", f"{NAMESPACE}t")]
        if texts:
            letters = re.sub(r"\d", "", cell.get("r", ""))
            cells[letters] = shared[int(texts[0])] if cell.get("t") == "s" else "".join(texts)
    return cells
