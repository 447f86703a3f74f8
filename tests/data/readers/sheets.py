"""Workbooks for tests of what reads them."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase
from xml.sax.saxutils import escape


def write_sheet(path: Path, rows: Sequence[Sequence[str | float]]) -> None:
    """A workbook as Excel writes it: texts in a table of their own, an empty row between."""
    texts = list(dict.fromkeys(cell for row in rows for cell in row if isinstance(cell, str)))
    lines = []
    for number, row in enumerate(rows, start=1):
        cells = [
            f'<c r="{ascii_uppercase[column]}{number}" t="s"><v>{texts.index(cell)}</v></c>'
            if isinstance(cell, str)
            else f'<c r="{ascii_uppercase[column]}{number}"><v>{cell}</v></c>'
            for column, cell in enumerate(row)
        ]
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    # a text in two formats is in two runs
    items = "".join(f"<si><r><t>{escape(t[:1])}</t></r><r><t>{escape(t[1:])}</t></r></si>" for t in texts)
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("xl/sharedStrings.xml", f"<sst {space}>{items}</sst>")
        sheet = f'<worksheet {space}><sheetData>{"".join(lines)}<row r="9"/></sheetData></worksheet>'
        book.writestr("xl/worksheets/sheet1.xml", sheet)
