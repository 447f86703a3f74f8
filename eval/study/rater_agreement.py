"""Do people agree? Krippendorff's alpha of each question, with an interval over photos.

1: all of one mind; 0: no more than by chance. (Krippendorff 2011,
"Computing Krippendorff's Alpha-Reliability".)
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from data.votes import NONE, A, B, Vote
from eval.intervals import COVERAGE
from eval.study.games import Floats, draws
from uare.errors import InputError

Level = Literal["nominal", "ordinal", "interval"]
NOMINAL: Level = "nominal"
ORDINAL: Level = "ordinal"
INTERVAL: Level = "interval"
IN_ORDER = (B, NONE, A)  # to prefer B, neither, A: "neither" lies between the two
NUM_DRAWS = 500
INSTALL = 'krippendorff is not installed; agreement needs: pip install -e ".[eval]"'


@dataclass(frozen=True, kw_only=True)
class Alpha:
    """One coefficient; without a value there is a reason."""

    value: float | None
    ends: tuple[float, float] | None = None
    num_units: int = 0  # pairs with two votes or more
    reason: str = ""


def alpha(counts: Floats, level: Level, places: Sequence[float] | None = None) -> Alpha:
    """Alpha of (units, values) counts of ratings; `places` are the values' numbers, else 0, 1, 2, ...

    Without a value where no unit has two ratings, or all ratings are the same.
    """
    try:
        import krippendorff
    except ModuleNotFoundError:
        raise InputError(INSTALL) from None

    paired = counts[counts.sum(1) > 1]
    if not len(paired):
        return Alpha(value=None, reason="no pair has two votes")
    if (paired.sum(0) > 0).sum() < 2:
        return Alpha(value=None, num_units=len(paired), reason="all votes are the same")
    domain = np.arange(counts.shape[1], dtype=np.float64) if places is None else np.array(places, dtype=float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of values that nobody chose
        value = krippendorff.alpha(
            value_counts=paired, value_domain=domain, level_of_measurement=level, dtype=np.float64
        )
    return Alpha(value=float(value), num_units=len(paired))


def agreement_of(votes: Sequence[Vote], level: Level, seed: int) -> Alpha:
    """Alpha of votes that count, a unit for each pair, with an interval that draws whole photos.

    Each unit counts once as it is and once with A and B exchanged: which picture is called A is nobody's
    choice, and where A is mostly the better one, much agreement would pass for chance.
    """
    by_pair: dict[tuple[str, str], list[str]] = defaultdict(list)
    for vote in votes:
        by_pair[vote.content, vote.pair].append(vote.choice)
    if not by_pair:
        return Alpha(value=None, reason="there are no votes")
    counts = np.array(
        [[chosen.count(one) for one in IN_ORDER] for chosen in by_pair.values()], dtype=np.float64
    )
    found = _symmetric(counts, level)
    contents = {content: place for place, content in enumerate(dict.fromkeys(key[0] for key in by_pair))}
    if found.value is None or len(contents) < 2:
        return found
    member = np.array([contents[content] for content, _ in by_pair])
    values = []
    for drawn in draws(len(contents), seed, NUM_DRAWS):
        times = drawn[member].astype(int)
        one = _symmetric(np.repeat(counts, times, axis=0), level)
        if one.value is not None:
            values.append(one.value)
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Alpha(value=found.value, ends=(float(low), float(high)), num_units=found.num_units)


def _symmetric(counts: Floats, level: Level) -> Alpha:
    """Alpha of units and their mirrored selves; `counts` (units, 3) in the order of IN_ORDER."""
    found = alpha(np.concatenate([counts, counts[:, ::-1]]), level)
    return replace(found, num_units=found.num_units // 2)
