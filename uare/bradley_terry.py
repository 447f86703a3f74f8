"""Strengths from pairwise comparisons: the Bradley-Terry model, fitted by Newton's method, with intervals.

P(i beats j) = 1 / (1 + exp(s_j − s_i)). A tie is half a win for each. (Bradley and Terry 1952; Hunter 2004.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Z_95 = 1.959964  # of a normal interval that holds 95 %
_MAX_STEPS = 100
_CONVERGED = 1e-10  # largest change of a strength


@dataclass(frozen=True, kw_only=True)
class Strengths:
    """A fit; strengths are log-odds and centred at 0."""

    values: Floats  # (n,)
    errors: Floats  # (n,) standard errors, as of as many independent votes as there were comparisons
    log_likelihood: float

    @property
    def intervals(self) -> list[tuple[float, float]]:
        """95 % of each strength."""
        return [(v - Z_95 * e, v + Z_95 * e) for v, e in zip(self.values.tolist(), self.errors, strict=True)]


def fit(wins: Floats, prior_wins: float = 0.0) -> Strengths | None:
    """Most likely strengths of n items from `wins` (n, n), how often i beat j; ties add 1/2 both ways.

    prior_wins are added to both sides of each pair that was compared. None where no finite strengths are most
    likely, because some items never lost to, or never met, the others (Ford 1957).
    """
    wins = np.where(wins + wins.T > 0, wins + prior_wins, 0.0)
    np.fill_diagonal(wins, 0.0)
    if not _is_strongly_connected(wins > 0):
        return None
    games = wins + wins.T
    values = np.zeros(len(wins))
    level = np.full_like(games, 1 / max(len(wins), 1))  # fixes what is free, the sum of all strengths
    for _ in range(_MAX_STEPS):
        p = _probabilities(values)
        gradient = (wins - games * p).sum(1)
        step = np.linalg.solve(_information(games, p) + level, gradient)
        while _log_likelihood(wins, values + step) < _log_likelihood(wins, values) - 1e-12:
            step /= 2  # far from the end Newton's step may be too long
        values = values + step
        if np.abs(step).max(initial=0.0) < _CONVERGED:
            break
    values -= values.mean() if len(values) else 0.0
    covariance = np.linalg.inv(_information(games, _probabilities(values)) + level) - level
    return Strengths(
        values=values,
        errors=np.sqrt(np.diag(covariance).clip(0)),
        log_likelihood=float(_log_likelihood(wins, values)),
    )


def _probabilities(values: Floats) -> Floats:
    """(n, n) chances that i beats j; tanh does not overflow."""
    return 0.5 * (1 + np.tanh((values[:, None] - values[None, :]) / 2))


def _information(games: Floats, p: Floats) -> Floats:
    """Minus the second derivatives (n, n) of the log-likelihood: a Laplacian."""
    weights = games * p * (1 - p)
    return np.asarray(np.diag(weights.sum(1)) - weights)


def _log_likelihood(wins: Floats, values: Floats) -> np.float64:
    return -(wins * np.logaddexp(0, values[None, :] - values[:, None])).sum()


def _is_strongly_connected(beats: NDArray[np.bool_]) -> bool:
    """Whether every item reaches every other by a chain of wins."""
    return all(_reached(edges).all() for edges in (beats, beats.T))


def _reached(edges: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which items (n,) can be reached from the first."""
    reached = np.zeros(len(edges), dtype=bool)
    new = np.zeros(len(edges), dtype=bool)
    new[:1] = True
    while new.any():
        reached |= new
        new = edges[new].any(0) & ~reached
    return reached
