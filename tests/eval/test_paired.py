"""Paired comparisons against answers that can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from eval.paired import BETTER, TIE, WORSE, compare_paired
from uare.errors import InputError


def test_sign_test_of_nine_wins_in_ten_is_that_of_the_binomial_law() -> None:
    found = compare_paired([1.0] * 9 + [0.0], [0.0] * 9 + [1.0], higher_is_better=True, seed=0)
    assert (found.wins, found.losses, found.equal) == (9, 1, 0)
    assert found.sign_p == pytest.approx(2 * (10 + 1) / 2**10)  # both tails of at least nine of ten


def test_equal_items_have_no_say_in_the_sign_test() -> None:
    few = compare_paired([1, 2, 3], [0, 1, 2.5], higher_is_better=True, seed=0)
    many = compare_paired([1, 2, 3, 7, 7], [0, 1, 2.5, 7, 7], higher_is_better=True, seed=0)
    assert many.equal == 2
    assert many.sign_p == few.sign_p == pytest.approx(2 / 2**3)


def test_effect_size_is_mean_over_deviation() -> None:
    # Differences 1, 2, 3: mean 2, deviation 1.
    found = compare_paired([1, 2, 3], [0, 0, 0], higher_is_better=True, seed=0)
    assert found.effect_size == pytest.approx(2)
    assert found.difference.mean == pytest.approx(2)


def test_a_constant_difference_has_no_effect_size_and_a_clear_verdict() -> None:
    found = compare_paired([0.3, 0.2, 1.1], [0.2, 0.1, 1.0], higher_is_better=True, seed=0)
    assert found.effect_size is None
    assert found.verdict == BETTER


def test_where_lower_is_better_the_lower_one_wins() -> None:
    a, b = [1.0, 1.1, 0.9, 1.0], [2.0, 2.2, 2.1, 2.3]
    assert compare_paired(a, b, higher_is_better=False, seed=0).verdict == BETTER
    assert compare_paired(a, b, higher_is_better=True, seed=0).verdict == WORSE


def test_swapping_a_and_b_swaps_everything() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.3, 1, 40).tolist(), rng.normal(0, 1, 40).tolist()
    one = compare_paired(a, b, higher_is_better=True, seed=3)
    other = compare_paired(b, a, higher_is_better=True, seed=3)
    assert (one.wins, one.losses, one.sign_p) == (other.losses, other.wins, other.sign_p)
    assert one.difference.mean == pytest.approx(-other.difference.mean)
    assert (one.difference.low, one.difference.high) == pytest.approx(
        (-other.difference.high, -other.difference.low)
    )
    assert one.effect_size is not None and other.effect_size is not None
    assert one.effect_size == pytest.approx(-other.effect_size)


def test_pairing_sees_a_small_gain_behind_large_differences_of_items() -> None:
    rng = np.random.default_rng(0)
    items = rng.normal(25, 5, 60)
    gains = rng.normal(0.2, 0.2, 60)
    assert (
        compare_paired((items + gains).tolist(), items.tolist(), higher_is_better=True, seed=0).verdict
        == BETTER
    )


def test_the_verdict_is_wrong_as_often_as_an_interval_of_95_percent_may_be() -> None:
    rng = np.random.default_rng(0)
    verdicts = [
        compare_paired(*rng.normal(size=(2, 50)).tolist(), higher_is_better=True, seed=0).verdict
        for _ in range(300)
    ]
    share = 1 - verdicts.count(TIE) / len(verdicts)
    # 5 % nominal, percentile intervals are a little narrow; three standard errors of 300 trials are 4 %.
    assert 0.01 < share < 0.11


def test_one_item_is_a_tie() -> None:
    assert compare_paired([9.0], [1.0], higher_is_better=True, seed=0).verdict == TIE


def test_items_of_one_photo_count_as_one() -> None:
    a, b = [1.0, 1.0, -0.8], [0.0, 0.0, 0.0]
    alone = compare_paired(a * 10, b * 10, higher_is_better=True, seed=0)
    grouped = compare_paired(a * 10, b * 10, higher_is_better=True, seed=0, groups=list("abc") * 10)
    assert alone.verdict == BETTER
    assert grouped.verdict == TIE


def test_unequal_lengths_and_missing_values_are_refused() -> None:
    with pytest.raises(InputError, match="2 and 1 values"):
        compare_paired([1, 2], [1], higher_is_better=True, seed=0)
    with pytest.raises(InputError, match="finite"):
        compare_paired([math.nan], [1], higher_is_better=True, seed=0)
