"""What people preferred: a file of votes, one line for each pair of results that somebody looked at.

    item,first,second,choice
    Canon_001_LR4,uare-tiny,bicubic,first
    Canon_001_LR4,bicubic,osediff,equal

CSV with a head; `first` and `second` are subjects of the run, `choice` is `first`, `second` or `equal`.
Further columns, such as who voted, are left alone.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from uare.errors import InputError

COLUMNS = ("item", "first", "second", "choice")
FIRST, SECOND, EQUAL = "first", "second", "equal"
CHOICES = (FIRST, SECOND, EQUAL)


@dataclass(frozen=True, kw_only=True)
class Vote:
    """One person's verdict on two results of one item."""

    item: str
    first: str  # subjects
    second: str
    choice: str  # one of CHOICES


def read_votes(path: Path) -> tuple[Vote, ...]:
    """Reads a file of votes; InputError naming the line for one that is no vote, or a file without any."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (table.fieldnames or ())]
            if missing:
                raise InputError(
                    f"{path} lacks the columns {', '.join(missing)}; expected {','.join(COLUMNS)}"
                )
            votes = tuple(_vote(row, path, table.line_num) for row in table)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a file of votes ({error})") from error
    if not votes:
        raise InputError(f"{path} holds no votes, only its head")
    return votes


def _vote(row: dict[str, str | None], path: Path, line: int) -> Vote:
    item, first, second, choice = ((row[name] or "").strip() for name in COLUMNS)
    if not item or not first or not second or first == second:
        raise InputError(f"{path}, line {line}: expected an item and two different subjects")
    if choice not in CHOICES:
        raise InputError(f"{path}, line {line}: found the choice {choice!r}, expected {', '.join(CHOICES)}")
    return Vote(item=item, first=first, second=second, choice=choice)
