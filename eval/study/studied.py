"""A study as it lies on disk: its votes and, where the study kit made the file, its scenes and flags."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from data.votes import A, B, Votes, read_votes
from uare.errors import InputError

SCENES, FLAGS = "scenes", "flags"  # views of the study kit


@dataclass(frozen=True, kw_only=True)
class Flag:
    """Whether one person found one picture of a pair to have a fault."""

    annotator: str
    content: str
    source: str
    flag: str  # such as over-sharpened
    is_set: bool


@dataclass(frozen=True, kw_only=True)
class Studied:
    """All that a file holds."""

    path: Path
    votes: Votes
    scenes: dict[str, tuple[str, ...]]  # content -> kinds of `eval.scenes`, or others
    flags: tuple[Flag, ...]


def read_study(path: Path) -> Studied:
    """Reads any file of votes; InputError as `read_votes`, or for scenes and flags of another form."""
    votes = read_votes(path)
    scenes: dict[str, tuple[str, ...]] = {}
    flags: list[Flag] = []
    if path.suffix.lower() in (".sqlite", ".db"):
        try:
            with _opened(path) as connection:
                views = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
                if SCENES in views:
                    for content, kind in connection.execute(f"SELECT content, kind FROM {SCENES}"):
                        scenes[content] = (*scenes.get(content, ()), kind)
                if FLAGS in views:
                    flags = list(_flags(connection))
        except sqlite3.Error as error:
            raise InputError(
                f"{path} has tables {SCENES} or {FLAGS} of another form ({error}); give a file of the study "
                "kit or one with votes alone"
            ) from error
    return Studied(path=path, votes=votes, scenes=scenes, flags=tuple(flags))


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True)
    try:
        yield connection
    finally:
        connection.close()


def _flags(connection: sqlite3.Connection) -> Iterator[Flag]:
    """Both pictures of each showing on which a flag was asked."""
    rows = connection.execute(f"SELECT annotator, content, source_a, source_b, flag, pictures FROM {FLAGS}")
    for annotator, content, source_a, source_b, flag, pictures in rows:
        for side, source in ((A, source_a), (B, source_b)):
            yield Flag(
                annotator=annotator, content=content, source=source, flag=flag, is_set=side in pictures
            )
