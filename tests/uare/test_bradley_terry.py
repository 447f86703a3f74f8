"""Bradley-Terry strengths: known answers, what does not change them, and what cannot be fitted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uare.bradley_terry import Z_95, fit

# of other models, which are fitted elsewhere
NOT_HERE = {"davidson-4", "elo-4-games"}


def wins_of(inputs: dict[str, Any]) -> np.ndarray:
    wins = np.array(inputs["wins"], dtype=float)
    return wins + np.array(inputs["ties"]) / 2 if "ties" in inputs else wins


def test_every_known_answer(goldens_dir: Path) -> None:
    path = goldens_dir / "equations" / "pairwise-models.json"
    if not path.is_file():
        pytest.skip(f"no file {path}")
    cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
    assert {case["id"] for case in cases} >= NOT_HERE
    for case in (case for case in cases if case["id"] not in NOT_HERE):
        strengths = fit(wins_of(case["inputs"]), case["inputs"].get("prior_wins_each_side", 0.0))
        expected = dict(case["expected"])
        assert (strengths is not None) == expected.pop("finite_mle", True)
        if strengths is None:
            continue
        values = strengths.values
        ours = {
            "log_strength": values,
            "log_difference": values[0] - values[1],
            "strength_ratio": np.exp(values[0] - values[1]),
            "p_01": 1 / (1 + np.exp(values[1] - values[0])),
            "log_likelihood": strengths.log_likelihood,
        }
        for name, value in expected.items():
            np.testing.assert_allclose(ours[name], value, **case["tolerance"], err_msg=case["id"])


WINS = np.array([[0, 8, 6, 9], [4, 0, 7, 8], [3, 5, 0, 6], [1, 3, 4, 0]], dtype=float)


def test_the_order_of_the_items_does_not_matter() -> None:
    order = [2, 0, 3, 1]
    straight, shuffled = fit(WINS), fit(WINS[np.ix_(order, order)])
    assert straight is not None and shuffled is not None
    np.testing.assert_allclose(shuffled.values, straight.values[order], atol=1e-9)
    np.testing.assert_allclose(shuffled.errors, straight.errors[order], atol=1e-9)


def test_four_times_the_votes_halve_the_intervals() -> None:
    once, four = fit(WINS), fit(4 * WINS)
    assert once is not None and four is not None
    np.testing.assert_allclose(four.values, once.values, atol=1e-9)
    np.testing.assert_allclose(four.errors, once.errors / 2)
    low, high = once.intervals[0]
    assert (high - low) / 2 == pytest.approx(Z_95 * once.errors[0])


def test_two_items_have_the_error_of_a_log_odds() -> None:
    # variance of ln(p/(1−p)) after n votes is 1/(n·p·(1−p)); centred, each item has half of the difference
    strengths = fit(np.array([[0.0, 30.0], [10.0, 0.0]]))
    assert strengths is not None
    assert strengths.errors[0] == pytest.approx((1 / (40 * 0.75 * 0.25)) ** 0.5 / 2)


def test_strengths_are_found_again_from_expected_wins_of_some_pairs() -> None:
    truth = np.array([1.5, 0.3, -0.4, -1.4])
    p = 1 / (1 + np.exp(truth[None] - truth[:, None]))
    met = np.array([[0, 1, 0, 0], [1, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0]])
    strengths = fit(p * met)
    assert strengths is not None
    np.testing.assert_allclose(strengths.values, truth - truth.mean(), atol=1e-8)


@pytest.mark.parametrize(
    "wins",
    [
        [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]],  # two groups that never met
        [[0, 1, 1], [0, 0, 1], [0, 1, 0]],  # the first never lost
    ],
)
def test_without_a_chain_of_wins_there_is_no_fit(wins: list[list[int]]) -> None:
    assert fit(np.array(wins, dtype=float)) is None


def test_extreme_wins_end_and_one_item_is_average() -> None:
    strengths = fit(np.array([[0, 1e6, 1e6], [1e-3, 0, 1e6], [1e-3, 1e-3, 0]]))
    assert strengths is not None
    assert np.isfinite(strengths.values).all() and (np.diff(strengths.values) < -5).all()
    alone = fit(np.zeros((1, 1)))
    assert alone is not None
    assert alone.values.tolist() == [0.0]
