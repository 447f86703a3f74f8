"""Is A better than B? Paired differences: their bootstrap interval, a sign test, an effect size, a verdict.

Values are paired by item, so that what makes an item hard for both falls out of the comparison.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from eval.intervals import MeanInterval, mean_with_interval
from uare.errors import InputError

BETTER, WORSE, TIE = "better", "worse", "tie"
_SAME_PLACES = 12  # differences that agree to so many digits are equal: 0.3 - 0.2 is not 0.2 - 0.1 in binary


@dataclass(frozen=True, kw_only=True)
class PairedComparison:
    """How A differs from B over n items; positive differences favour A."""

    difference: MeanInterval  # mean of A - B, turned so that higher is better
    wins: int  # items on which A is better
    losses: int
    equal: int
    sign_p: float  # two-sided exact sign test, equal items left out; 1 if all are equal
    effect_size: float | None  # Cohen's d of the differences: mean / deviation; None if they do not vary

    @property
    def verdict(self) -> str:
        """BETTER or WORSE where the interval leaves zero out, else TIE; a single group is always a TIE."""
        if self.difference.num_groups < 2:
            return TIE
        if self.difference.low > 0:
            return BETTER
        return WORSE if self.difference.high < 0 else TIE


def compare_paired(
    a: Sequence[float],
    b: Sequence[float],
    *,
    higher_is_better: bool,
    seed: int,
    groups: Sequence[Hashable] | None = None,
) -> PairedComparison:
    """Compares two (n,) sequences of values of the same items in the same order.

    `groups` names what items come from where several share a source; the interval then draws whole groups.
    Raises InputError where lengths differ, without values, and for values that are not finite.
    """
    if len(a) != len(b):
        raise InputError(f"found {len(a)} and {len(b)} values, expected one of each for every item")
    sign = 1 if higher_is_better else -1
    differences = sign * (np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64))
    interval = mean_with_interval(differences.tolist(), seed, groups)
    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    decided = wins + losses
    return PairedComparison(
        difference=interval,
        wins=wins,
        losses=losses,
        equal=len(differences) - decided,
        sign_p=float(binomtest(wins, decided).pvalue) if decided else 1.0,
        effect_size=_cohens_d(differences),
    )


def _cohens_d(differences: np.ndarray) -> float | None:
    if len(differences) < 2 or np.ptp(np.round(differences, _SAME_PLACES)) == 0:
        return None
    return float(differences.mean() / differences.std(ddof=1))
