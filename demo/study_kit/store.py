"""Votes on disk: one SQLite file in WAL mode, written by one process through one connection.

A showing is written before a person sees it and answered at most once, both in transactions that are on the
disk when the call returns: whoever was told that a vote is stored finds it after any crash, and sending it
again changes nothing. Who withdraws keeps a name and nothing else in the file. The views `votes`, `scenes`
and `flags` are what `eval/preference.py` reads.
"""

from __future__ import annotations

import fcntl
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from demo.study_kit.pairs import TRAINING, StudyPair
from uare.errors import ConfigError, InputError, UAREError

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS people (
    id TEXT PRIMARY KEY, role TEXT NOT NULL, team INTEGER NOT NULL, joined TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS withdrawals (
    person TEXT PRIMARY KEY REFERENCES people, withdrawn TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pairs (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, content TEXT NOT NULL, task TEXT NOT NULL,
    image_a TEXT NOT NULL, image_b TEXT NOT NULL, source_a TEXT NOT NULL, source_b TEXT NOT NULL,
    expected TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS scenes (
    content TEXT NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (content, kind)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS showings (
    id INTEGER PRIMARY KEY, person TEXT NOT NULL REFERENCES people, pair TEXT NOT NULL REFERENCES pairs,
    repeat INTEGER NOT NULL, shown_order TEXT NOT NULL, shown TEXT NOT NULL, answered TEXT, seconds REAL,
    UNIQUE (person, pair, repeat));
CREATE TABLE IF NOT EXISTS answers (
    showing INTEGER NOT NULL REFERENCES showings, dimension TEXT NOT NULL,
    choice TEXT NOT NULL CHECK (choice IN ('A', 'B', 'none')),
    PRIMARY KEY (showing, dimension)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS flagged (
    showing INTEGER NOT NULL REFERENCES showings, flag TEXT NOT NULL,
    pictures TEXT NOT NULL CHECK (pictures IN ('', 'A', 'B', 'AB')),
    PRIMARY KEY (showing, flag)) WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS votes AS
    SELECT pair, content, task, image_a, image_b, person AS annotator, choice, source_a, source_b, dimension,
        answered AS time, shown_order, repeat, role, seconds, expected
    FROM answers JOIN showings ON showings.id = showing JOIN pairs ON pairs.id = pair
        JOIN people ON people.id = person
    WHERE pairs.kind != '{TRAINING}' ORDER BY answered, showing, dimension;
CREATE VIEW IF NOT EXISTS flags AS
    SELECT person AS annotator, content, source_a, source_b, flag, pictures
    FROM flagged JOIN showings ON showings.id = showing JOIN pairs ON pairs.id = pair
    WHERE pairs.kind = 'asked' AND repeat = 0 ORDER BY showing;
"""
VERSION = "1"


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody by a made-up name."""

    id: str
    role: str  # rater or expert
    team: int
    withdrawn: bool = False  # nothing that this person said is kept


@dataclass(frozen=True, kw_only=True)
class Showing:
    """One pair in front of one person."""

    id: int
    person: str
    pair: str
    repeat: int
    shown_order: str  # AB: A stands left
    shown: str  # ISO 8601
    answered: bool


@dataclass(frozen=True, kw_only=True)
class Ballot:
    """What a person said to one showing."""

    choices: Mapping[str, str]  # question -> A, B or none
    flags: Mapping[str, str]  # flag -> the pictures that have it: '', A, B or AB
    seconds: float | None


class StorageError(UAREError):
    """The disk takes nothing more; what it holds is whole."""


class Store:
    """The open file. Calls must not overlap: whoever shares one between threads holds a lock around it."""

    def __init__(self, path: Path, pairs: Iterable[StudyPair], scenes: Mapping[str, Sequence[str]]) -> None:
        """Opens or makes the file; ConfigError where another process has it or pairs changed."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(path.with_name(path.name + ".lock"))
        try:
            # autocommit: transactions are begun and ended here and nowhere else
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")  # on the disk when a commit returns
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._connection.execute("PRAGMA secure_delete = ON")  # zeros where a withdrawn vote was
            self._prepare(path, pairs, scenes)
        except sqlite3.Error as error:
            self._lock.close()
            raise ConfigError(
                f"{path} cannot be used as a database ({error}); choose another file"
            ) from error
        except ConfigError:
            self.close()
            raise

    def close(self) -> None:
        """Closes the file and lets another process write it."""
        self._connection.close()
        self._lock.close()

    @property
    def secret(self) -> bytes:
        """A key that is made with the file and stays in it."""
        ((value,),) = self._connection.execute("SELECT value FROM facts WHERE name = 'secret'")
        return bytes.fromhex(value)

    def join(self, role: str, team: int, name: str) -> Person:
        """Writes down a new person; the name is made up from the number of people before."""
        with self._transaction():
            ((number,),) = self._connection.execute("SELECT COUNT(*) FROM people WHERE role = ?", (role,))
            person = Person(id=f"{name}{number + 1:03}", role=role, team=team)
            self._connection.execute(
                "INSERT INTO people VALUES (?, ?, ?, ?)", (person.id, person.role, person.team, now())
            )
        return person

    def people(self) -> list[Person]:
        """Everybody who joined, with those who withdrew."""
        rows = self._connection.execute(
            "SELECT id, role, team, withdrawn IS NOT NULL FROM people "
            "LEFT JOIN withdrawals ON person = id ORDER BY id"
        )
        return [Person(id=id, role=role, team=team, withdrawn=bool(gone)) for id, role, team, gone in rows]

    def withdraw(self, person: str) -> None:
        """Erases all that a person was shown and said; once more changes nothing."""
        own = "(SELECT id FROM showings WHERE person = ?)"
        with self._transaction():
            for table in ("answers", "flagged"):
                self._connection.execute(f"DELETE FROM {table} WHERE showing IN {own}", (person,))
            self._connection.execute("DELETE FROM showings WHERE person = ?", (person,))
            self._connection.execute("INSERT OR IGNORE INTO withdrawals VALUES (?, ?)", (person, now()))
        # the votes still stand in the journal beside the file, until it is emptied
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def show(self, person: str, pair: str, repeat: int, shown_order: str) -> Showing:
        """Writes down that a pair is about to be shown."""
        with self._transaction():
            shown = now()
            cursor = self._connection.execute(
                "INSERT INTO showings (person, pair, repeat, shown_order, shown) VALUES (?, ?, ?, ?, ?)",
                (person, pair, repeat, shown_order, shown),
            )
        return Showing(
            id=int(cursor.lastrowid or 0),
            person=person,
            pair=pair,
            repeat=repeat,
            shown_order=shown_order,
            shown=shown,
            answered=False,
        )

    def showings(self, person: str | None = None) -> list[Showing]:
        """All showings of a person, or of everybody, in their order."""
        where, given = ("WHERE person = ?", (person,)) if person else ("", ())
        rows = self._connection.execute(
            "SELECT id, person, pair, repeat, shown_order, shown, answered IS NOT NULL FROM showings "
            f"{where} ORDER BY id",
            given,
        )
        return [
            Showing(
                id=id,
                person=who,
                pair=pair,
                repeat=repeat,
                shown_order=order,
                shown=shown,
                answered=bool(done),
            )
            for id, who, pair, repeat, order, shown, done in rows
        ]

    def answer(self, showing: int, ballot: Ballot) -> bool:
        """Stores a ballot; False if it is stored already. InputError for a second, different one."""
        with self._transaction():
            stored = self.ballot(showing)
            if stored is not None:
                if dict(stored.choices) == dict(ballot.choices) and dict(stored.flags) == dict(ballot.flags):
                    return False
                raise InputError("this pair was answered already, and the first answer counts; go on")
            self._connection.executemany(
                "INSERT INTO answers VALUES (?, ?, ?)",
                [(showing, dimension, choice) for dimension, choice in ballot.choices.items()],
            )
            self._connection.executemany(
                "INSERT INTO flagged VALUES (?, ?, ?)",
                [(showing, flag, pictures) for flag, pictures in ballot.flags.items()],
            )
            self._connection.execute(
                "UPDATE showings SET answered = ?, seconds = ? WHERE id = ?", (now(), ballot.seconds, showing)
            )
        return True

    def ballot(self, showing: int) -> Ballot | None:
        """What was answered to a showing; None if nothing was."""
        choices = dict(
            self._connection.execute("SELECT dimension, choice FROM answers WHERE showing = ?", (showing,))
        )
        if not choices:
            return None
        flags = self._connection.execute("SELECT flag, pictures FROM flagged WHERE showing = ?", (showing,))
        ((seconds,),) = self._connection.execute("SELECT seconds FROM showings WHERE id = ?", (showing,))
        return Ballot(choices=choices, flags=dict(flags), seconds=seconds)

    def _prepare(self, path: Path, pairs: Iterable[StudyPair], scenes: Mapping[str, Sequence[str]]) -> None:
        self._connection.executescript(SCHEMA)
        with self._transaction():
            self._connection.execute("INSERT OR IGNORE INTO facts VALUES ('version', ?)", (VERSION,))
            self._connection.execute(
                "INSERT OR IGNORE INTO facts VALUES ('secret', ?)", (secrets.token_hex(32),)
            )
            ((version,),) = self._connection.execute("SELECT value FROM facts WHERE name = 'version'")
            if version != VERSION:
                raise ConfigError(
                    f"{path} has version {version}, expected {VERSION}; choose another database"
                )
            for pair in pairs:
                self._add(path, pair)
            self._connection.executemany(
                "INSERT OR IGNORE INTO scenes VALUES (?, ?)",
                [(content, kind) for content, kinds in scenes.items() for kind in kinds],
            )

    def _add(self, path: Path, pair: StudyPair) -> None:
        of_pictures = (pair.image_a, pair.image_b, pair.source_a, pair.source_b)
        row = (pair.id, pair.kind, pair.content, pair.task, *of_pictures, pair.expected)
        self._connection.execute("INSERT OR IGNORE INTO pairs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        (stored,) = self._connection.execute("SELECT * FROM pairs WHERE id = ?", (pair.id,))
        if stored != row:
            raise ConfigError(
                f"the pair {pair.id} is another one in {path} than in the settings; votes on both would be "
                "mixed: choose another database, or go back to the former pictures"
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing, also if the process is killed inside. StorageError where the disk takes no more."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except BaseException as error:
            if self._connection.in_transaction:  # SQLite has ended it by itself where the disk is full
                self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                raise StorageError(
                    f"the study cannot store this now ({error}); what was said before is kept. Tell whoever "
                    "runs the study, and leave this page open: it goes on when there is room"
                ) from error
            raise


def now() -> str:
    """The time as votes state it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _locked(path: Path) -> IO[bytes]:
    """A file that the system frees when its process ends, however it ends."""
    file = path.open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise ConfigError(
            f"another process writes {path.with_suffix('')}; stop it first, or choose another database"
        ) from None
    return file
