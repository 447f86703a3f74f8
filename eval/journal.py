"""JSON Lines files that several processes fill a line at a time, and that a killed run can go on with.

Each process appends to a part of its own; the process that leads folds the parts into one file, in the order
of the items. A line that a kill tore is dropped, and what it told is done again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from eval.records import Item, Prediction, Score, json_line, parts, read_predictions, read_scores, write_lines
from uare.errors import InputError

PREDICTIONS, SCORES = "predictions", "scores"


class Part:
    """The part of a journal that one process fills; a line is on its way to the disk when `add` returns."""

    def __init__(self, folder: Path, stem: str, process: int) -> None:
        self._path = folder / f"{stem}.part-{process}.jsonl"
        self._stream: BinaryIO | None = None

    def __enter__(self) -> Part:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    def add(self, record: Prediction | Score) -> None:
        """Appends a record; InputError if the disk does not take it."""
        try:
            if self._stream is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._stream = self._path.open("a+b")
                _drop_torn_line(self._stream)
            self._stream.write(json_line(record).encode("utf-8"))
            self._stream.flush()
        except OSError as error:
            raise InputError(
                f"{self._path} cannot be written ({error.strerror or error}); choose another --output, or "
                "check permissions and free space there"
            ) from error


def _drop_torn_line(stream: BinaryIO) -> None:
    """Cuts off what follows the last end of a line; the stream then stands at the end."""
    stream.seek(0)
    whole, end, _ = stream.read().rpartition(b"\n")
    stream.truncate(len(whole) + len(end))
    stream.seek(0, os.SEEK_END)


def fold(folder: Path, items: Sequence[Item], protocols: Iterable[str] = ()) -> None:
    """Folds the parts in a subject's folder into `predictions.jsonl` and `scores.jsonl`.

    Lines stand in the order of the items and protocols, whatever is not of this run after them.
    """
    place = {item.id: index for index, item in enumerate(items)}
    column = {protocol: index for index, protocol in enumerate(protocols)}
    last = len(place), len(column)
    if len(files := parts(folder / f"{PREDICTIONS}.jsonl")) > 1 or _is_part(files):
        predictions = read_predictions(folder).values()
        _replace(
            files,
            folder / f"{PREDICTIONS}.jsonl",
            sorted(predictions, key=lambda one: (place.get(one.item, last[0]), one.item)),
        )
    if len(files := parts(folder / f"{SCORES}.jsonl")) > 1 or _is_part(files):
        scores = read_scores(folder).values()
        _replace(
            files,
            folder / f"{SCORES}.jsonl",
            sorted(
                scores,
                key=lambda one: (
                    place.get(one.item, last[0]),
                    one.item,
                    column.get(one.protocol, last[1]),
                    one.protocol,
                ),
            ),
        )


def _is_part(files: Sequence[Path]) -> bool:
    return any(".part-" in file.name for file in files)


def _replace(files: Sequence[Path], whole: Path, records: Sequence[Prediction] | Sequence[Score]) -> None:
    write_lines(whole, records)
    for file in files:
        if file != whole:
            os.unlink(file)
