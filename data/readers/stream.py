"""Sets that are read as a stream, because they are too large for the disk or have not been downloaded.

A stream has no random access. Its place can be saved and found again exactly, as long as nothing shuffles it:
a buffer that shuffles is not part of the saved state of `datasets`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.readers.cells import TableRow
from data.readers.columns import Columns
from data.samples import Source

if TYPE_CHECKING:
    import datasets


class Stream:
    """The sources of `datasets.load_dataset(..., streaming=True)` in its own order, which never changes."""

    def __init__(
        self, name: str, rows: datasets.IterableDataset, columns: Columns, root: Path = Path()
    ) -> None:
        """root: where the relative paths of pictures start."""
        self.name = name
        self.columns = columns
        self.root = root
        self._rows = rows.decode(False)  # pictures stay encoded until they are needed
        self._next_row = 0

    def __iter__(self) -> Iterator[Source]:
        """From the place where the last iteration was left, or `load_state_dict` led, to the end."""
        for cells in self._rows:
            index = self._next_row
            self._next_row += 1
            row = TableRow(f"{self.name} row {index + 1}", cells, self.root)
            yield self.columns.source(row, default_id=f"{self.name}/{index}")

    def state_dict(self) -> dict[str, Any]:
        """The place after the last source that was given out, in plain JSON types."""
        return {"next_row": self._next_row, "rows": self._rows.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from the place that `state_dict` named."""
        self._next_row = state["next_row"]
        self._rows.load_state_dict(state["rows"])
