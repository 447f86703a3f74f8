"""A mean never without its n and its 95 % bootstrap interval."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from uare.errors import InputError

NUM_RESAMPLES = 2000
COVERAGE = 0.95


@dataclass(frozen=True, kw_only=True)
class MeanInterval:
    """A mean over n values, the ends of its interval, and the number of groups (photos) drawn from."""

    mean: float
    low: float
    high: float
    num_values: int
    num_groups: int

    def text(self, decimals: int, scale: float = 1.0) -> str:
        """Mean and ends, as in `25.15 [24.60, 25.71]`; a single group has no interval and says so."""
        mean = f"{self.mean * scale:.{decimals}f}"
        if self.num_groups < 2:
            return f"{mean} [one value]"
        return f"{mean} [{self.low * scale:.{decimals}f}, {self.high * scale:.{decimals}f}]"


def mean_with_interval(
    values: Sequence[float], seed: int, groups: Sequence[Hashable] | None = None
) -> MeanInterval:
    """Mean of n values with its 95 % percentile bootstrap interval.

    `groups` names what each value comes from, when several come from one photo: whole groups are then drawn,
    since values of one photo depend on each other and would make the interval too narrow. The same seed and
    values give the same interval. Raises InputError on no values, on one that is not finite, and on a number
    of groups other than n.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise InputError(f"a mean needs at least one value and only finite ones, found {list(values)[:5]}")
    if groups is None:
        groups = range(array.size)
    if len(groups) != array.size:
        raise InputError(f"found {len(groups)} groups for {array.size} values, expected one each")
    index_of = {group: index for index, group in enumerate(dict.fromkeys(groups))}
    member = np.array([index_of[group] for group in groups])
    sums = np.bincount(member, weights=array)
    counts = np.bincount(member)
    drawn = np.random.default_rng(seed).integers(len(index_of), size=(NUM_RESAMPLES, len(index_of)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return MeanInterval(
        mean=float(array.mean()),
        low=float(low),
        high=float(high),
        num_values=int(array.size),
        num_groups=len(index_of),
    )
