"""Several data sets one after the other as one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from data.samples import Source, Sources


class Joined:
    """The sources of `parts`, in their order."""

    def __init__(self, name: str, parts: Sequence[Sources]) -> None:
        self.name = name
        self.parts = tuple(parts)
        self._ends = tuple(accumulate(len(part) for part in parts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> Source:
        if not 0 <= index < len(self):
            raise IndexError(f"source {index} of {len(self)}")
        part = bisect_right(self._ends, index)
        return self.parts[part][index - (self._ends[part - 1] if part else 0)]
