"""Strengths from wins and ties, many tables at once: Davidson's model, and without ties Bradley-Terry.

P(i beats j) : P(j beats i) : P(tie) = pi_i : pi_j : nu sqrt(pi_i pi_j), with strengths log pi. (Davidson
1970; for nu = 0 Bradley and Terry 1952.) With utilities (d/2, -d/2, log nu) for the difference d of two
strengths this is a multinomial logit: the log-likelihood is concave, and Newton's method ends at its top.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Added to both sides of each pair that met, so that a source that always wins has a finite strength too.
PRIOR_WINS = 0.1
_MAX_STEPS = 100
_MAX_HALVINGS = 30
_CONVERGED = 1e-10  # largest change of a parameter


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Most likely strengths of n sources, for each of the leading axes; without `precision` centred at 0."""

    values: Floats  # (..., n) log-odds
    nu: Floats  # (...,) weight of ties; 0 where there were none
    covariance: Floats  # (..., n, n) of the values, as of independent votes


def half_ties(wins: Floats, ties: Floats) -> Floats:
    """Wins with each tie counted as half a win for both."""
    return wins + ties / 2


def with_prior(wins: Floats, ties: Floats, prior_wins: float = PRIOR_WINS) -> Floats:
    """Wins (..., n, n) with `prior_wins` added to both sides of every pair that met."""
    met = wins + wins.swapaxes(-1, -2) + ties > 0
    return wins + prior_wins * met


def is_finite(wins: Floats) -> bool:
    """Whether finite strengths are most likely (Ford 1957): chains of wins lead from each source to all.

    For Bradley-Terry give wins with `half_ties`; for Davidson's model chains of ties are not enough.
    """
    from scipy.sparse.csgraph import connected_components

    return int(connected_components(wins > 0, connection="strong")[0]) <= 1


def fit(wins: Floats, ties: Floats, *, precision: float = 0.0) -> Fit:
    """Fits tables (..., n, n): wins[i, j] is how often i beat j, ties are symmetric.

    precision: of a normal prior around 0 on every strength; with 0 the tables must have finite strengths
    (`is_finite`), if need be `with_prior`.
    """
    leading, n = wins.shape[:-2], wins.shape[-1]
    wins, ties = wins.reshape(-1, n, n), ties.reshape(-1, n, n)
    problem = _Problem(wins, ties, precision)
    place = np.zeros((len(wins), n + 1))
    value = problem.log_likelihood(place)
    for _ in range(_MAX_STEPS):
        step = np.linalg.solve(problem.information(place), problem.gradient(place)[..., None])[..., 0]
        place, value = _ascend(problem, place, value, step)
        if np.abs(step).max(initial=0.0) < _CONVERGED:
            break
    covariance = np.linalg.inv(problem.information(place))[:, :n, :n] - problem.level
    values = place[:, :n] - (0 if precision else place[:, :n].mean(1, keepdims=True))
    nu = np.where(problem.has_ties, np.exp(place[:, n]), 0.0)
    return Fit(
        values=values.reshape(*leading, n),
        nu=nu.reshape(leading),
        covariance=covariance.reshape(*leading, n, n),
    )


def _ascend(
    problem: _Problem, place: Floats, value: Floats, step: NDArray[np.floating]
) -> tuple[Floats, Floats]:
    """The place after a step, halved for tables whose likelihood would fall: far away it may be too long."""
    for _ in range(_MAX_HALVINGS):
        there = problem.log_likelihood(place + step)
        worse = there < value - 1e-9
        if not worse.any():
            break
        step = np.where(worse[:, None], step / 2, step)
    return place + step, problem.log_likelihood(place + step)


class _Problem:
    """The likelihood of b tables and its derivatives in (strengths, log nu): (b, n + 1)."""

    def __init__(self, wins: Floats, ties: Floats, precision: float) -> None:
        self.wins, self.ties, self.precision = wins, ties, precision
        self.games = wins + wins.swapaxes(1, 2) + ties
        self.num_ties = ties.sum((1, 2)) / 2
        self.has_ties = self.num_ties > 0
        n = wins.shape[-1]
        # what is free without a prior, the sum of all strengths, is held at 0
        self.level = 0.0 if precision else np.full((n, n), 1 / max(n, 1))

    def log_likelihood(self, place: Floats) -> Floats:
        half, _, log_sum = self._parts(place)
        of_ties = np.where(self.has_ties, self.num_ties * place[:, -1], 0.0)
        likelihood = (self.wins * (half - log_sum)).sum((1, 2)) - (self.ties * log_sum).sum((1, 2)) / 2
        return likelihood + of_ties - self.precision / 2 * (place[:, :-1] ** 2).sum(1)

    def gradient(self, place: Floats) -> Floats:
        p, q = self._probabilities(place)
        of_values = (self.wins + self.ties / 2 - self.games * (p + q / 2)).sum(2)
        of_nu = self.num_ties - (self.games * q).sum((1, 2)) / 2
        of_nu = np.where(self.has_ties, of_nu, 0.0)
        return np.concatenate([of_values - self.precision * place[:, :-1], of_nu[:, None]], axis=1)

    def information(self, place: Floats) -> Floats:
        """Minus the second derivatives (b, n + 1, n + 1)."""
        p, q = self._probabilities(place)
        n = p.shape[-1]
        lead = (p - p.swapaxes(1, 2)) / 2
        weights = self.games * ((p + p.swapaxes(1, 2)) / 4 - lead**2)
        found = np.zeros((len(p), n + 1, n + 1))
        found[:, :n, :n] = -weights + self.level
        diagonal = np.arange(n)
        found[:, diagonal, diagonal] += weights.sum(2) + self.precision
        cross = np.where(self.has_ties[:, None], -(self.games * q * lead).sum(2), 0.0)
        found[:, :n, n] = found[:, n, :n] = cross
        found[:, n, n] = np.where(self.has_ties, (self.games * q * (1 - q)).sum((1, 2)) / 2, 1.0)
        return found

    def _parts(self, place: Floats) -> tuple[Floats, Floats, Floats]:
        """Half the lead of i over j, log nu, and the logarithm of the sum of the three weights."""
        half = (place[:, :-1, None] - place[:, None, :-1]) / 2
        log_nu = np.where(self.has_ties, place[:, -1], -np.inf)[:, None, None]
        return half, log_nu, np.logaddexp(np.logaddexp(half, -half), log_nu)

    def _probabilities(self, place: Floats) -> tuple[Floats, Floats]:
        """P(i beats j) and P(tie), (b, n, n) each."""
        half, log_nu, log_sum = self._parts(place)
        return np.exp(half - log_sum), np.exp(log_nu - log_sum)
