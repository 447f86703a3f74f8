"""Results that were made elsewhere: pictures found by their names, opinions in a table.

A folder holds the pictures of one suite right in it (`Canon_001_LR4.png`), or those of several in folders
named like suites, and there possibly in folders named like groups. Names are matched without extension.
Opinions stand in `scores.csv` beside them, with the columns `name` and `score`, higher is better.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from eval.adapters.subject import Answer, text_digest
from eval.metrics import Array
from eval.records import MADE_ELSEWHERE, RESTORE, Item, SubjectInfo, file_name
from eval.suites.items import pictures_by_stem, sha256_of
from uare.errors import InputError

TABLE = "scores.csv"


class FolderSubject:
    """A folder of results for one suite."""

    def __init__(self, name: str, folder: Path, suite: str, items: Sequence[Item]) -> None:
        """items: all of the suite; if the folder has none of them, it is not meant for the suite.

        Raises InputError if there is no such folder.
        """
        if not folder.is_dir():
            raise InputError(f"there is no folder {folder}; --predictions takes NAME=FOLDER with the results")
        self._folder = folder / suite if (folder / suite).is_dir() else folder
        self._listed: dict[Path, dict[str, Path]] = {}
        self.info = SubjectInfo(
            name=name, folder=file_name(name), kind=MADE_ELSEWHERE, source=str(folder), digest=""
        )
        self._has_any = any(self._has(item) for item in items)

    def takes(self, item: Item) -> bool:
        return self._has_any

    def digest_of(self, item: Item) -> str:
        if item.kind == RESTORE:
            file = self._pictures(item.group).get(item.id)
            return "" if file is None else sha256_of(file)
        return text_digest(self._scores.get(item.id))

    def prepare(self) -> None:
        pass

    def predict(self, item: Item, picture: Array) -> Answer:
        if item.kind == RESTORE:
            file = self._pictures(item.group).get(item.id)
            if file is None:
                raise InputError(f"{self._folder} has no result named {item.id}; add it, or run without it")
            return Answer(file=file.resolve())
        if item.id not in self._scores:
            raise InputError(f"{self._folder / TABLE} has no row for {item.id}; add it, or run without it")
        return Answer(score=self._scores[item.id])

    def _has(self, item: Item) -> bool:
        return item.id in (self._pictures(item.group) if item.kind == RESTORE else self._scores)

    def _pictures(self, group: str) -> dict[str, Path]:
        """The results by stem: those in the folder of the group if there is one, else all."""
        folder = self._folder / group
        folder = folder if folder.is_dir() else self._folder
        if folder not in self._listed:
            found, problems = pictures_by_stem(folder)
            if problems:
                raise InputError(problems[0])
            self._listed[folder] = found
        return self._listed[folder]

    @cached_property
    def _scores(self) -> dict[str, float]:
        path = self._folder / TABLE
        if not path.is_file():
            return {}
        try:
            with path.open(newline="", encoding="utf-8-sig") as stream:
                return {Path(row["name"]).stem: float(row["score"]) for row in csv.DictReader(stream)}
        except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError, csv.Error) as error:
            raise InputError(
                f"{path} is no table of opinions ({error!r}); expected the columns name and score"
            ) from error
