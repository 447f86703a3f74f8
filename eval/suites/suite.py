"""What a suite is: a name, how its data must lie, and a function that lists its items.

A suite never sees a model. Its function gives `Candidate`s, what lies on disk as the set has it;
`eval.suites.items` checks them and makes items of them, the same way for every suite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from eval.records import Item
from uare.errors import InputError


class DataMissing(InputError):
    """A suite's data is not there; the message says what was looked for."""


def lists_named(name: str, root: Path) -> list[Path]:
    """Files of this name in a folder and right below it; DataMissing where there is none."""
    lists = [path for path in (root / name, *sorted(root.glob(f"*/{name}"))) if path.is_file()]
    if not lists:
        raise DataMissing(f"no {name} in {root} or in a folder right below it")
    return lists


@dataclass(frozen=True, kw_only=True)
class Request:
    """Where to look for data, and how much of it is wanted."""

    data_root: Path
    limit: int | None  # most items of each group; None: all
    made_dir: Path  # for pictures that a suite makes itself


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A picture as a suite finds it, not checked yet."""

    id: str
    group: str
    lq: Path
    gt: Path | None = None
    mos: float | None = None  # higher is better
    labels: dict[str, float] = field(default_factory=dict)  # attribute -> what a judge should say of it
    tags: tuple[str, ...] = ()
    scale: int | None = None  # None: follows from the sizes of `lq` and `gt`
    centre_px: int | None = None  # only a centre square of this side is used
    stated_psnr_db: float | None = None  # of the input, by the set's list: proof that these are its files


@dataclass(frozen=True, kw_only=True)
class Found:
    """All of a suite that lies on disk, in the order of tables, and what is wrong with it."""

    candidates: tuple[Candidate, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # for the report; nothing was left out


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The checked items of a suite, a sentence for each candidate that cannot be used, and the notes."""

    items: tuple[Item, ...]
    num_listed: int  # candidates before the limit
    problems: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A row of `SUITES`. `find` raises DataMissing where nothing of the suite is there."""

    name: str  # as --suite has it
    family: str  # --suite takes this name too, for all suites of one family
    title: str
    kind: str  # RESTORE or SCORE
    find: Callable[[Request], Found]
    where_to_get: str
    layout: str  # below --data-root
    group_names: tuple[str, ...] = ()  # groups in the order of tables, where that is not the order of items
