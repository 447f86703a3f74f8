"""Measured numbers of a set by name, in a file of it, so that nothing is measured twice."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

VALUES = "values.json"


class Values:
    """Numbers that take long to measure; a name has to tell all that its number depends on."""

    def __init__(self, output: Path) -> None:
        """output: folder of the set."""
        self._path = output / VALUES
        self._values: dict[str, float] = {}
        if self._path.is_file():
            try:
                self._values = json.loads(self._path.read_text(encoding="utf-8"))
            except ValueError:
                self._values = {}  # torn by a kill: measured again

    def get(self, name: str, measure: Callable[[], float]) -> float:
        """The number of this name, measured if it is not there."""
        if name not in self._values:
            self._values[name] = measure()
        return self._values[name]

    def save(self) -> None:
        """Writes what is known, whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".part")
        partial.write_text(json.dumps(self._values), encoding="utf-8")
        os.replace(partial, self._path)
