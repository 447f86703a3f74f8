"""The one table of suites. A new one is a file beside this one, and a row here."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from eval.records import RESTORE
from eval.suites.pairs import find_pairs
from eval.suites.suite import Suite
from uare.errors import InputError

SUITES: tuple[Suite, ...] = (
    Suite(
        name="pairs",
        family="own",
        title="Degraded/clean pairs of a folder",
        kind=RESTORE,
        find=find_pairs,
        where_to_get="any pairs of your own",
        layout="pairs.json or FOLDER/pairs.json, with the files that it names beside it",
    ),
)


def suites_named(names: Sequence[str] | None) -> list[Suite]:
    """The suites of these names and families in the order of the table, None: all; InputError if unknown."""
    if names is None:
        return list(SUITES)
    known = dict.fromkeys([row.name for row in SUITES] + [row.family for row in SUITES])
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(known)}"
            raise InputError(f"there is no suite {name!r}; {hint}")
    return [row for row in SUITES if row.name in names or row.family in names]
