"""Sources in order, with every interval from the same drawn photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.votes import Vote
from eval.intervals import COVERAGE
from eval.study import elo
from eval.study.games import LOST, TIED, WON, Floats, Games, draws, games_of, parts, resampled
from eval.study.strengths import fit, half_ties, is_finite, with_prior


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value and its 95 % interval; None where one cluster alone was drawn from."""

    value: float
    ends: tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One source among the others."""

    name: str
    rank: int  # 1 is best, by Davidson's strength
    wins: int
    ties: int
    losses: int
    points: float  # (wins + ties / 2) / games
    bradley_terry: Estimate  # log-odds, ties as half wins
    davidson: Estimate  # log-odds, ties modelled
    elo: Estimate


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """All sources that votes tie together, best first."""

    standings: tuple[Standing, ...]
    nu: Estimate  # Davidson's weight of ties: two equal sources tie with nu / (2 + nu)
    num_votes: int
    num_clusters: int
    drawn_by: str
    notes: tuple[str, ...]


def rank_sources(votes: Sequence[Vote], seed: int) -> Ranking | None:
    """The ranking of the largest group of sources that met; None where no two sources did.

    votes: those that count, on one question. Strengths carry `PRIOR_WINS`; the notes say where it matters.
    """
    games = games_of(votes)
    if not games.names:
        return None
    met = np.zeros((len(games.names), len(games.names)), dtype=bool)
    met[games.first, games.second] = met[games.second, games.first] = True
    groups = parts(met)
    notes = [
        f"{', '.join(games.names[i] for i in group)} never met the others, directly or by a chain; no common "
        "order, left out here"
        for group in groups[1:]
    ]
    if len(groups) > 1:
        kept = {games.names[i] for i in groups[0]}
        games = games_of([vote for vote in votes if vote.source_a in kept and vote.source_b in kept])
    wins, ties = (table.sum(0) for table in games.tables())
    if not is_finite(wins):
        notes.append(
            "Some source never lost to, or never beat, the others: its strength would have no end without "
            "the prior, and is to be read as a bound."
        )
    return _ranking(games, wins, ties, seed, notes)


def _ranking(games: Games, wins: Floats, ties: Floats, seed: int, notes: Sequence[str]) -> Ranking:
    of_clusters = games.tables()
    drawn = draws(games.num_clusters, seed)
    drawn_wins, drawn_ties = (resampled(table, drawn) for table in of_clusters)
    # a pair that was not drawn at all still ties its two sources together
    met = (wins + wins.T + ties) > 0
    drawn_games = drawn_wins + drawn_wins.swapaxes(1, 2) + drawn_ties
    drawn_wins = drawn_wins + 1e-6 * (met & (drawn_games == 0))
    primed, drawn_primed = with_prior(wins, ties), with_prior(drawn_wins, drawn_ties)
    none = np.zeros_like(ties)
    many = games.num_clusters > 1
    davidson, drawn_davidson = fit(primed, ties), fit(drawn_primed, drawn_ties)
    bradley_terry = fit(half_ties(primed, ties), none)
    drawn_bradley_terry = fit(half_ties(drawn_primed, drawn_ties), np.zeros_like(drawn_ties))
    rated, rated_again = elo.ratings(games), elo.replayed(games, seed)
    rounded = davidson.values.round(6) + 0.0  # far above the error of the fit
    standings = [
        Standing(
            name=name,
            rank=1 + int((rounded > rounded[i]).sum()),
            wins=_number(games, i, WON),
            ties=_number(games, i, TIED),
            losses=_number(games, i, LOST),
            points=float((wins[i].sum() + ties[i].sum() / 2) / (wins[i] + wins[:, i] + ties[i]).sum()),
            bradley_terry=_estimate(bradley_terry.values[i], drawn_bradley_terry.values[:, i], many),
            davidson=_estimate(davidson.values[i], drawn_davidson.values[:, i], many),
            elo=_estimate(rated[i], rated_again[:, i], many),
        )
        for i, name in enumerate(games.names)
    ]
    return Ranking(
        standings=tuple(sorted(standings, key=lambda one: (one.rank, one.name))),
        nu=_estimate(davidson.nu, drawn_davidson.nu, many),
        num_votes=len(games.result),
        num_clusters=games.num_clusters,
        drawn_by=games.drawn_by,
        notes=tuple(notes),
    )


def _number(games: Games, source: int, result: float) -> int:
    """Games of a source that ended for it as `result`."""
    as_first = (games.first == source) & (games.result == result)
    as_second = (games.second == source) & (1 - games.result == result)
    return int(as_first.sum() + as_second.sum())


def _estimate(value: np.float64 | Floats, drawn: Floats, many: bool) -> Estimate:
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(value=float(value), ends=(float(low), float(high)) if many else None)
