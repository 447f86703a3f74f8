"""Agreement with opinions: recorded known answers, ties, undefined cases, intervals."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.correlations import agreement, is_tie, krcc, ordered_share, plcc, plcc_logistic, srcc
from uare.errors import InputError


def recorded(folder: Path, name: str) -> list[dict[str, Any]]:
    return list(json.loads((folder / "equations" / name).read_text(encoding="utf-8"))["cases"])


def test_coefficients_equal_the_recorded_ones_with_ties_and_without(goldens_dir: Path) -> None:
    checked = 0
    for case in recorded(goldens_dir, "correlations.json"):
        expected = case["expected"]
        for key, function in (("plcc", plcc), ("srcc", srcc), ("krcc_tau_b", krcc)):
            if key in expected:
                found = function(case["inputs"]["x"], case["inputs"]["y"])
                wanted = math.nan if expected[key] is None else expected[key]
                assert found == pytest.approx(wanted, abs=1e-9, nan_ok=True), (case["id"], key)
                checked += 1
    assert checked >= 6


def test_the_fitted_coefficient_equals_the_recorded_one(goldens_dir: Path) -> None:
    checked = 0
    for case in recorded(goldens_dir, "logistic-fit.json"):
        expected = case["expected"]
        if len(expected.get("beta", ())) == 4 and "plcc_after" in expected:
            found = plcc_logistic(case["inputs"]["x"], case["inputs"]["y"])
            assert found == pytest.approx(expected["plcc_after"], abs=case["tolerance"]["atol"]), case["id"]
            checked += 1
    assert checked >= 2


def test_a_sigmoid_is_straightened_on_any_scale_of_scores() -> None:
    opinions = np.linspace(1.2, 4.8, 40)
    scores = -np.log(4 / (opinions - 1) - 1)  # opinion = 1 + 4 / (1 + exp(-score))
    assert plcc(scores, opinions) < 0.995
    for scale in (1.0, 1e-4, 1e4):
        assert plcc_logistic(scale * scores + 7, opinions) == pytest.approx(1, abs=1e-6)


def test_the_fit_hides_a_wrong_sign_and_the_raw_value_shows_it() -> None:
    opinions = np.linspace(1, 5, 30)
    found = agreement(-opinions, opinions, seed=0)
    assert found.plcc_raw.value == pytest.approx(-1)
    assert found.srcc.value == pytest.approx(-1)
    assert found.plcc_log4.value > 0.99


def test_a_constant_judge_agrees_with_nobody() -> None:
    found = agreement([3.0] * 10, np.arange(10.0), seed=0)
    assert [math.isnan(one.value) for one in (found.plcc_raw, found.plcc_log4, found.srcc, found.krcc)] == [
        True
    ] * 4


def test_the_interval_holds_the_value_and_narrows_with_more_pictures() -> None:
    generator = np.random.default_rng(3)
    opinions = generator.normal(size=800)
    scores = opinions + generator.normal(size=800)
    few, many = (agreement(scores[:n], opinions[:n], seed=0).srcc for n in (50, 800))
    for one in (few, many):
        assert one.low is not None and one.high is not None
        assert one.low < one.value < one.high
    assert (many.high or 0) - (many.low or 0) < 0.5 * ((few.high or 0) - (few.low or 0))


def test_judges_that_differ_by_chance_are_a_tie_and_others_are_not() -> None:
    generator = np.random.default_rng(4)
    opinions = generator.normal(size=300)
    first, second = (
        agreement(opinions + generator.normal(size=300), opinions, seed=0).srcc for _ in range(2)
    )
    poor = agreement(opinions + 6 * generator.normal(size=300), opinions, seed=0).srcc
    assert is_tie(first, second)
    assert not is_tie(first, poor)


def test_other_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="as many of each"):
        agreement([1.0, 2.0], [1.0], seed=0)


def test_pictures_of_one_photo_are_drawn_together() -> None:
    generator = np.random.default_rng(5)
    per_photo = generator.normal(size=20)
    opinions = np.repeat(generator.normal(size=20), 10)
    scores = opinions + np.repeat(per_photo, 10)  # ten equal versions tell no more than one
    alone, grouped = (
        agreement(scores, opinions, 0, groups).srcc
        for groups in (None, np.repeat(np.arange(20), 10).tolist())
    )
    widths = [(one.high or 0) - (one.low or 0) for one in (alone, grouped)]
    assert widths[1] > 2 * widths[0]
    with pytest.raises(InputError, match="groups"):
        agreement(scores, opinions, 0, ["a"])


def test_the_share_of_couples_ordered_alike_follows_from_the_recorded_counts(goldens_dir: Path) -> None:
    cases = [case for case in recorded(goldens_dir, "correlations.json") if "concordant" in case["expected"]]
    assert cases
    for case in cases:
        x, y = case["inputs"]["x"], case["inputs"]["y"]
        couples = sum(a != b for place, a in enumerate(y) for b in y[place + 1 :])
        assert ordered_share(x, y) == pytest.approx(case["expected"]["concordant"] / couples)


def test_equal_opinions_leave_no_couple_to_order() -> None:
    assert math.isnan(ordered_share([1, 2, 3], [4, 4, 4]))
    assert ordered_share([1, 1, 2], [1, 2, 3]) == pytest.approx(2 / 3)
