"""Means, their intervals, and what happens when values come from the same photo."""

import numpy as np
import pytest

from eval.intervals import mean_with_interval
from uare.errors import InputError


def test_the_interval_is_that_of_the_normal_law_for_many_values() -> None:
    values = np.random.default_rng(1).normal(10, 2, 400)
    found = mean_with_interval(values.tolist(), seed=0)
    half = 1.96 * values.std() / 20
    assert found.mean == pytest.approx(values.mean())
    # 2000 resamples place a quantile within a few hundredths of the standard error.
    assert found.low == pytest.approx(values.mean() - half, abs=0.2 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.2 * half)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = [1.0, 4.0, 2.0, 8.0]
    assert mean_with_interval(values, seed=3) == mean_with_interval(values, seed=3)


def test_repeating_each_photos_values_does_not_narrow_the_interval() -> None:
    values = [1.0, 4.0, 2.0, 8.0]
    once = mean_with_interval(values, seed=0)
    tenfold = mean_with_interval(values * 10, seed=0, groups=list("abcd") * 10)
    assert (tenfold.low, tenfold.high) == pytest.approx((once.low, once.high))
    assert (tenfold.num_values, tenfold.num_groups) == (40, 4)


def test_one_value_is_shown_without_an_interval() -> None:
    assert mean_with_interval([2.5], seed=0).text(2) == "2.50 [one value]"


def test_text_has_mean_and_ends() -> None:
    assert mean_with_interval([0.5, 0.5], seed=0).text(1, scale=100) == "50.0 [50.0, 50.0]"


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_no_mean_of_nothing_or_of_what_is_not_a_number(values: list[float]) -> None:
    with pytest.raises(InputError, match="finite"):
        mean_with_interval(values, seed=0)


def test_groups_must_match_the_values() -> None:
    with pytest.raises(InputError, match="2 groups for 3 values"):
        mean_with_interval([1.0, 2.0, 3.0], seed=0, groups=["a", "b"])
