"""How well scores agree with what people said: Pearson, Spearman and Kendall, raw and after a logistic fit.

The fit may choose a falling curve and so hide a wrong sign; therefore the raw values always stand beside it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.special import expit
from scipy.stats import kendalltau, rankdata

from eval.intervals import COVERAGE
from uare.errors import InputError

NUM_RESAMPLES = 1000  # half of what means get: ranks of ten thousand scores take a millisecond
MOST_TRIALS = 10000  # of the fit
LEAST_SCORES = 5  # one more than the fit has parameters

Vector = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """A coefficient in [-1, 1], and its 95 % bootstrap interval where one is drawn; NaN if undefined."""

    value: float
    low: float | None = None
    high: float | None = None
    # One value for each resampling. Equal seeds and groups draw equal pictures, so that the draws of two
    # judges of the same pictures can be subtracted.
    draws: Vector | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How n scores agree with n mean opinions."""

    num_scores: int
    plcc_raw: Correlation
    plcc_log4: Correlation
    srcc: Correlation
    krcc: Correlation


def agreement(
    scores: Sequence[float] | Vector,
    opinions: Sequence[float] | Vector,
    seed: int,
    groups: Sequence[Hashable] | None = None,
) -> Agreement:
    """All coefficients of two (n,) sequences, PLCC raw and SRCC with intervals.

    `groups` names what each picture was made of where several come from one photo; whole groups are then
    drawn. Raises InputError where the lengths differ.
    """
    a, b = _vectors(scores, opinions)
    if groups is not None and len(groups) != len(a):
        raise InputError(f"found {len(groups)} groups for {len(a)} scores, expected one each")
    drawn = _resamples(groups if groups is not None else range(len(a)), seed)
    return Agreement(
        num_scores=len(a),
        plcc_raw=_with_interval(plcc, a, b, drawn),
        plcc_log4=Correlation(value=plcc_logistic(a, b)),
        srcc=_with_interval(srcc, a, b, drawn),
        krcc=Correlation(value=krcc(a, b)),
    )


def plcc(a: Sequence[float] | Vector, b: Sequence[float] | Vector) -> float:
    """Pearson's linear correlation of two (n,) arrays; NaN if either is constant or n < 2."""
    x, y = _vectors(a, b)
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])


def srcc(a: Sequence[float] | Vector, b: Sequence[float] | Vector) -> float:
    """Spearman's rank correlation of two (n,) arrays; NaN if either is constant or n < 2."""
    x, y = _vectors(a, b)
    return plcc(rankdata(x), rankdata(y))


def krcc(a: Sequence[float] | Vector, b: Sequence[float] | Vector) -> float:
    """Kendall's tau-b of two (n,) arrays; NaN if either is constant or n < 2."""
    x, y = _vectors(a, b)
    return float(kendalltau(x, y).statistic) if len(x) > 1 else math.nan


def ordered_share(scores: Sequence[float] | Vector, opinions: Sequence[float] | Vector) -> float:
    """Share of couples with different opinions whose scores have the same order; NaN without any.

    Couples with equal scores are not ordered. Of two (n,) arrays, in memory of n.
    """
    x, y = _vectors(scores, opinions)
    num_couples = num_ordered = 0
    for place in range(len(x) - 1):
        told_apart = np.sign(y[place] - y[place + 1 :])
        num_couples += int(np.count_nonzero(told_apart))
        num_ordered += int(np.count_nonzero(told_apart * np.sign(x[place] - x[place + 1 :]) > 0))
    return num_ordered / num_couples if num_couples else math.nan


def plcc_logistic(scores: Sequence[float] | Vector, opinions: Sequence[float] | Vector) -> float:
    """Pearson's correlation after a curve from scores to opinions; NaN where no curve can be fitted.

    y = (b1 - b2) / (1 + exp(-(x - b3) / b4)) + b2, started at max y, min y, mean x and std x / 4, at most
    10,000 trials, as in DeQA-Score's script. Scores are brought to deviation 1 first, which changes no
    coefficient but keeps the fit from failing on scales like 0.001.
    """
    x, y = _vectors(scores, opinions)
    if len(x) < LEAST_SCORES or np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    x = (x - x.mean()) / x.std()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)  # of the covariance, which is not used
        try:
            fitted, _ = curve_fit(_curve, x, y, p0=[y.max(), y.min(), 0.0, 0.25], maxfev=MOST_TRIALS)
        except RuntimeError:  # no convergence
            return math.nan
    return plcc(_curve(x, *fitted), y)


def _curve(x: Vector, high: float, low: float, middle: float, width: float) -> Vector:
    return np.asarray((high - low) * expit((x - middle) / width) + low)


def _resamples(groups: Sequence[Hashable], seed: int) -> list[NDArray[np.intp]]:
    """Places of resampled pictures, whole groups at a time; none where there are too few groups."""
    members: dict[Hashable, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    if len(members) < LEAST_SCORES:
        return []
    places = [np.array(one) for one in members.values()]
    drawn = np.random.default_rng(seed).integers(len(places), size=(NUM_RESAMPLES, len(places)))
    return [np.concatenate([places[group] for group in row]) for row in drawn]


def _with_interval(
    coefficient: Callable[[Vector, Vector], float], a: Vector, b: Vector, drawn: list[NDArray[np.intp]]
) -> Correlation:
    value = coefficient(a, b)
    if math.isnan(value) or not drawn:
        return Correlation(value=value)
    values = np.array([coefficient(a[places], b[places]) for places in drawn])
    tail = (1 - COVERAGE) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return Correlation(value=value, low=float(low), high=float(high), draws=values)


def difference_interval(a: Correlation, b: Correlation) -> tuple[float, float] | None:
    """Ends of the interval of a - b for two judges of the same pictures; None if either was not resampled."""
    if a.draws is None or b.draws is None:
        return None
    tail = (1 - COVERAGE) / 2
    low, high = np.nanquantile(a.draws - b.draws, [tail, 1 - tail])
    return float(low), float(high)


def is_tie(a: Correlation, b: Correlation) -> bool:
    """True if the interval of the difference of two judges of the same pictures holds zero or is unknown."""
    ends = difference_interval(a, b)
    return ends is None or ends[0] <= 0 <= ends[1]


def _vectors(a: Sequence[float] | Vector, b: Sequence[float] | Vector) -> tuple[Vector, Vector]:
    x, y = (np.asarray(one, dtype=np.float64) for one in (a, b))
    if x.shape != y.shape or x.ndim != 1:
        raise InputError(f"found scores of shapes {x.shape} and {y.shape}, expected as many of each")
    return x, y
