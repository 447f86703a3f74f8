"""Which pair to ask next: all of them, by Swiss rounds, or where a vote tells most; and when to stop.

Nothing is kept here: every choice follows from the counts so far, so that a study goes on after any stop.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.study_kit.pairs import StudyPair
from demo.study_kit.settings import ScheduleSettings
from eval.study.strengths import Fit, fit
from uare.batch.swiss import Match, first_round, next_round
from uare.bradley_terry import Z_95

Floats = NDArray[np.float64]
PRIOR_DEVIATION = 2.0  # of strengths: before any vote, odds of 50 to 1 are rare


@dataclass(frozen=True, kw_only=True)
class Count:
    """First answers of raters to one pair."""

    a: int = 0
    b: int = 0
    none: int = 0
    under_way: int = 0  # shown to somebody and not answered yet

    @property
    def votes(self) -> int:
        """Answers."""
        return self.a + self.b + self.none


Counts = Mapping[str, Count]


@dataclass(frozen=True, kw_only=True)
class State:
    """What is known of the sources."""

    names: tuple[str, ...]
    fit: Fit

    @property
    def widest(self) -> float:
        """Widest 95 % interval of a strength against the average source."""
        return float(2 * Z_95 * np.sqrt(np.diag(self._covariance()).clip(0)).max())

    def gains(self) -> dict[tuple[str, str], float]:
        """By how much one more vote on two sources is expected to lower the sum of all squared errors.

        A-optimal design, the nearest to a stopping rule on intervals. Maximal information about all strengths
        together (D-optimal) left the widest interval of six sources as wide as asking evenly did.
        """
        values, nu = self.fit.values, float(self.fit.nu)
        half = (values[:, None] - values[None, :]) / 2
        total = np.exp(half) + np.exp(-half) + nu
        p, q = np.exp(half) / total, np.exp(-half) / total
        of_a_vote = (p + q) / 4 - ((p - q) / 2) ** 2
        covariance = self._covariance()
        # a vote on i and j takes w |C (e_i - e_j)|^2 / (1 + w var(s_i - s_j)) off the trace of C
        found = of_a_vote * _of_differences(covariance @ covariance)
        found /= 1 + of_a_vote * _of_differences(covariance)
        return {
            (a, b): float(found[i, j])
            for i, a in enumerate(self.names)
            for j, b in enumerate(self.names)
            if a < b
        }

    def _covariance(self) -> Floats:
        """Of the strengths against the average source (n, n)."""
        centre = np.eye(len(self.names)) - 1 / len(self.names)
        return centre @ self.fit.covariance @ centre


def _of_differences(matrix: Floats) -> Floats:
    """The quadratic form of every e_i - e_j (n, n)."""
    diagonal = np.diag(matrix)
    return diagonal[:, None] + diagonal[None, :] - 2 * matrix


def state_of(pairs: Sequence[StudyPair], counts: Counts, *, with_open: bool) -> State:
    """The strengths by all counts; with_open: votes under way count as ties between what they will say."""
    names = tuple(sorted({name for pair in pairs for name in pair.sources}))
    place = {name: index for index, name in enumerate(names)}
    wins = np.zeros((len(names), len(names)))
    ties = np.zeros_like(wins)
    for pair in pairs:
        count = counts.get(pair.id, Count())
        i, j = place[pair.source_a], place[pair.source_b]
        expected = count.under_way / 2 if with_open else 0
        wins[i, j] += count.a + expected
        wins[j, i] += count.b + expected
        ties[i, j] += count.none
        ties[j, i] += count.none
    return State(names=names, fit=fit(wins, ties, precision=PRIOR_DEVIATION**-2))


def is_settled(settings: ScheduleSettings, pairs: Sequence[StudyPair], counts: Counts) -> bool:
    """Whether every strength is known as well as the settings ask."""
    if settings.stop_width is None:
        return False
    return state_of(pairs, counts, with_open=False).widest <= settings.stop_width


def choose(
    settings: ScheduleSettings,
    pairs: Sequence[StudyPair],
    counts: Counts,
    *,
    team: int,
    seen: Collection[str],
    chance: random.Random,
) -> StudyPair | None:
    """The pair for somebody of a team who saw `seen`; None where there is nothing left to ask.

    Among equals the one with fewest votes, then by chance.
    """
    if is_settled(settings, pairs, counts):
        return None
    most = settings.votes_per_pair
    asked = [
        pair
        for pair in pairs
        if pair.team == team and pair.id not in seen and _total(counts.get(pair.id, Count())) < most
    ]
    if settings.kind == "swiss":
        allowed = swiss_matches(settings, pairs, counts)
        asked = [pair for pair in asked if pair.sources in allowed]
    if not asked:
        return None
    gains: dict[tuple[str, str], float] = {}
    if settings.kind == "active":
        gains = state_of(pairs, counts, with_open=True).gains()
    return min(
        asked,
        key=lambda pair: (
            -round(gains.get(pair.sources, 0.0), 9),
            _total(counts.get(pair.id, Count())),
            chance.random(),
        ),
    )


def swiss_matches(
    settings: ScheduleSettings, pairs: Sequence[StudyPair], counts: Counts
) -> set[tuple[str, str]]:
    """The sources that may meet by now: a round opens when those before have all their votes."""
    names = sorted({name for pair in pairs for name in pair.sources})
    by_match: dict[Match, list[StudyPair]] = {}
    for pair in pairs:
        i, j = (names.index(name) for name in pair.sources)
        by_match.setdefault((i, j), []).append(pair)
    met: set[Match] = set(first_round([0.0] * len(names)))
    while True:
        played = [pair for match in met for pair in by_match.get(match, [])]
        if any(counts.get(pair.id, Count()).votes < settings.votes_per_pair for pair in played):
            break
        strengths = state_of(
            pairs, {pair.id: counts.get(pair.id, Count()) for pair in played}, with_open=False
        )
        following = next_round(strengths.fit.values.tolist(), met)
        if not following:
            break
        met |= set(following)
    return {(names[i], names[j]) for i, j in met}


def _total(count: Count) -> int:
    return count.votes + count.under_way
