"""What people preferred: a file of votes, one row for each pair of pictures that somebody judged.

docs/votes-format.md has the fields. A file is JSON Lines (`.jsonl`), CSV with a head (`.csv`) or SQLite with
a table or view `votes` (`.sqlite`, `.db`), with the same names everywhere. Rows that cannot count are kept
beside the votes with the reason, so that nothing is lost and every number can be traced.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from urllib.parse import quote

from uare.errors import InputError

A, B, NONE = "A", "B", "none"
CHOICES = (A, B, NONE)
RATER, EXPERT = "rater", "expert"
ROLES = (RATER, EXPERT)
ORDERS = ("AB", "BA", "")  # the first or left one first; empty: not recorded
OVERALL = "overall"
TABLE = "votes"  # of an SQLite file


@dataclass(frozen=True, kw_only=True)
class Vote:
    """One person's verdict on one pair. `A` and `B` are the pair's own, wherever they stood on the screen."""

    pair: str  # id of the pair in its set
    content: str  # what both pictures show; in a run of the evaluation the item
    task: str
    image_a: str  # path in the folder of the set, or any name
    image_b: str
    annotator: str  # a pseudonym
    choice: str  # one of CHOICES
    source_a: str = ""  # what restored the picture; in a run of the evaluation the subject
    source_b: str = ""
    dimension: str = OVERALL
    time: str = ""  # ISO 8601 with the zone
    shown_order: str = ""  # one of ORDERS
    repeat: int = 0  # 0: first showing to this person; 1, 2, ...: shown again on purpose
    role: str = RATER  # one of ROLES; an expert decides where raters disagree
    seconds: float | None = None  # from showing to choosing
    expected: str = ""  # one of CHOICES where the answer is known and the person was tested; else empty

    def __post_init__(self) -> None:
        empty = [name for name in REQUIRED if not getattr(self, name)]
        if empty:
            raise InputError(f"{', '.join(empty)} must not be empty; fill it in or take the row out")
        allowed_of = {"choice": CHOICES, "role": ROLES, "shown_order": ORDERS, "expected": (*CHOICES, "")}
        for name, allowed in allowed_of.items():
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"found the {name} {getattr(self, name)!r}, expected {', '.join(filter(None, allowed))}"
                )
        if self.image_a == self.image_b:
            raise InputError(f"both images are {self.image_a}, expected two different ones")

    @property
    def showing(self) -> tuple[str, str, str, int, str]:
        """What one person can answer once."""
        return self.pair, self.annotator, self.dimension, self.repeat, self.role


REQUIRED = ("pair", "content", "task", "image_a", "image_b", "annotator", "choice")
FIELDS = tuple(field.name for field in fields(Vote))


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """A row that does not count, and why."""

    where: str  # file and line
    row: dict[str, object]  # as it was found
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class Votes:
    """The votes of a file in its order, and the rows that do not count."""

    votes: tuple[Vote, ...]
    set_aside: tuple[SetAside, ...] = ()


def read_votes(path: Path) -> Votes:
    """Reads a file of votes; a row that is no vote, comes twice or contradicts another is set aside.

    Of two equal answers to one showing the first counts; of two different ones neither. InputError for a file
    that cannot be read, a table without the required columns, and one without rows.
    """
    readers: dict[str, Callable[[Path], Iterator[tuple[int, dict[str, object]]]]] = {
        ".jsonl": _json_lines,
        ".csv": _csv_rows,
        ".sqlite": _sqlite_rows,
        ".db": _sqlite_rows,
    }
    if path.suffix.lower() not in readers:
        raise InputError(f"{path} is no file of votes by its name; expected {', '.join(readers)}")
    found: list[tuple[str, dict[str, object], Vote | None, str]] = []
    try:
        for line, row in readers[path.suffix.lower()](path):
            try:
                found.append((f"{path}, line {line}", row, _vote(row), ""))
            except InputError as error:
                found.append((f"{path}, line {line}", row, None, str(error)))
    except (OSError, UnicodeDecodeError, csv.Error, sqlite3.Error) as error:
        raise InputError(
            f"{path} cannot be read as a file of votes ({error}); see docs/votes-format.md"
        ) from error
    if not found:
        raise InputError(f"{path} holds no votes; give another file")
    return _without_contradictions(found)


def counting(votes: Iterable[Vote], dimension: str = OVERALL) -> list[Vote]:
    """The votes that say what people prefer: first showings of one question, on pairs of unknown answer."""
    return [vote for vote in votes if vote.dimension == dimension and vote.repeat == 0 and not vote.expected]


def known_pairs(votes: Votes, pairs: Collection[str]) -> Votes:
    """The same, votes on pairs that are not among `pairs` set aside; tests of people left out."""
    unknown = [
        SetAside(
            where=f"vote of {vote.annotator}",
            row=asdict(vote),
            reason=f"there is no pair {vote.pair!r} in the set; give the set that was voted on",
        )
        for vote in votes.votes
        if vote.pair not in pairs and not vote.expected
    ]
    known = tuple(vote for vote in votes.votes if vote.pair in pairs)
    return replace(votes, votes=known, set_aside=(*votes.set_aside, *unknown))


def write_votes(votes: Sequence[Vote], path: Path) -> None:
    """Writes `.jsonl` or `.csv` anew; InputError for another extension or a place that cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            if path.suffix == ".jsonl":
                file.writelines(json.dumps(asdict(vote), ensure_ascii=False) + "\n" for vote in votes)
            elif path.suffix == ".csv":
                table = csv.DictWriter(file, FIELDS)
                table.writeheader()
                table.writerows(asdict(vote) for vote in votes)
            else:
                raise InputError(f"{path} must end in .jsonl or .csv; rename it")
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error}); choose another") from error


def _json_lines(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                row = line.strip()
            yield number, row if isinstance(row, dict) else {"text": row}


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file)
        _check_columns(path, table.fieldnames or ())
        for row in table:
            yield table.line_num, {str(name): value for name, value in row.items()}


def _sqlite_rows(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    if not path.is_file():  # SQLite would make one
        raise FileNotFoundError(f"there is no file {path}")
    connection = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True)
    try:
        cursor = connection.execute(f"SELECT * FROM {TABLE}")
        names = [column[0] for column in cursor.description]
        _check_columns(path, names)
        for number, cells in enumerate(cursor, start=1):
            yield number, dict(zip(names, cells, strict=True))
    finally:
        connection.close()


def _check_columns(path: Path, names: Collection[str]) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise InputError(
            f"{path} lacks the columns {', '.join(missing)}; expected {', '.join(REQUIRED)} and perhaps more "
            "(docs/votes-format.md)"
        )


def _vote(row: Mapping[str, object]) -> Vote:
    missing = [name for name in REQUIRED if row.get(name) is None]
    if missing:
        raise InputError(f"the row lacks {', '.join(missing)}; expected {', '.join(REQUIRED)}")
    given = {name: row[name] for name in FIELDS if row.get(name) not in (None, "")}
    try:
        repeat = int(str(given.pop("repeat", 0)))
        seconds = float(str(given.pop("seconds"))) if "seconds" in given else None
    except ValueError:
        raise InputError(
            f"found repeat {row.get('repeat')!r} and seconds {row.get('seconds')!r}, expected numbers"
        ) from None
    texts = {name: str(value).strip() for name, value in given.items()}
    # an empty required cell must fail as such, and not as a missing argument
    texts = {**dict.fromkeys(REQUIRED, ""), **texts}
    return Vote(**texts, repeat=repeat, seconds=seconds)


def _without_contradictions(found: Sequence[tuple[str, dict[str, object], Vote | None, str]]) -> Votes:
    answers: dict[tuple[str, str, str, int, str], list[str]] = defaultdict(list)
    for _, _, vote, _ in found:
        if vote is not None and vote.choice not in answers[vote.showing]:
            answers[vote.showing].append(vote.choice)
    votes: list[Vote] = []
    set_aside: list[SetAside] = []
    counted: set[tuple[str, str, str, int, str]] = set()
    for where, row, vote, problem in found:
        reason = problem if vote is None else _against(vote, answers[vote.showing], counted)
        if reason:
            set_aside.append(SetAside(where=where, row=row, reason=reason))
        elif vote is not None:
            votes.append(vote)
            counted.add(vote.showing)
    return Votes(votes=tuple(votes), set_aside=tuple(set_aside))


def _against(
    vote: Vote, answers: Sequence[str], counted: Collection[tuple[str, str, str, int, str]]
) -> str | None:
    """Why a vote does not count among the others, None if it does."""
    if len(answers) > 1:
        return (
            f"{vote.annotator} answered {' and '.join(answers)} to one showing of {vote.pair} "
            f"({vote.dimension}); neither counts, mark a second showing by repeat = 1"
        )
    if vote.showing in counted:
        return f"the vote of {vote.annotator} on {vote.pair} is there twice and counts once"
    return None
