"""Prints the published data sets that training reads, and how each must lie, as a table in Markdown.

python data/list_sets.py
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from data.readers.sets.table import READERS


def table() -> str:
    """One row for each reader: its name, what it yields, its splits, how it lies, where it is to be had."""
    rows = [
        (
            f"`{row.name}`",
            row.yields.__name__.removesuffix("Source").lower(),
            ", ".join(f"{split} {_count(row.published.get(split))}".strip() for split in row.splits),
            row.layout,
            row.origin,
        )
        for row in READERS
    ]
    head = ("reader", "yields", "splits", "folder", "to be had")
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ("---",) * len(head), *rows))


def _count(sources: int | None) -> str:
    return "" if sources is None else f"({sources:,})"


def main() -> int:
    print(table())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
