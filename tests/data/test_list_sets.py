"""The table of published sets says of every reader what its own errors say."""

from __future__ import annotations

from data.list_sets import table
from data.readers.sets.table import READERS


def test_every_reader_has_a_row_with_its_layout() -> None:
    head, line, *rows = table().splitlines()
    assert head.count("|") == line.count("|") == 6
    assert len(rows) == len(READERS)
    for reader, row in zip(READERS, rows, strict=True):
        assert row.startswith(f"| `{reader.name}` |")
        assert reader.layout in row and reader.origin in row
        assert row.count("|") == 6


def test_the_sources_of_a_split_are_counted_where_they_are_published() -> None:
    row = next(row for row in table().splitlines() if row.startswith("| `koniq10k`"))
    assert "train (7,058), val (1,000), test (2,015)" in row
