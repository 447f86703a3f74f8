"""Millions of short texts in two arrays.

A list of texts is one object each: forked workers copy it page by page as they count references, spawned ones
get it pickled piece by piece. Two arrays are shared and sent whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np


class CompactTexts:
    """Texts by number; file names that are no UTF-8 come back as they were."""

    def __init__(self, texts: Iterable[str]) -> None:
        encoded = [text.encode("utf-8", "surrogateescape") for text in texts]
        self._bytes = b"".join(encoded)
        self._bounds = np.cumsum([0, *map(len, encoded)], dtype=np.int64)  # (n + 1,)

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < len(self):
            raise IndexError(f"text {index} of {len(self)}")
        start, end = self._bounds[index : index + 2]
        return self._bytes[start:end].decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        return (self[index] for index in range(len(self)))
