"""Strengths and ratings: published and hand-made answers, another program's, and planted truths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from eval.study import elo
from eval.study.games import Games, draws, games_of, resampled
from eval.study.ranking import rank_sources
from eval.study.strengths import fit, half_ties, is_finite, with_prior
from tests.eval.study.simulated import NU, PLANTED, crowd, study

Floats = NDArray[np.float64]
WINS = np.array([[0, 8, 6, 9], [4, 0, 7, 8], [3, 5, 0, 6], [1, 3, 4, 0]], dtype=float)
TIES = np.array([[0, 3, 2, 1], [3, 0, 4, 2], [2, 4, 0, 3], [1, 2, 3, 0]], dtype=float)


def _answer(case: dict[str, Any]) -> dict[str, Any]:
    """What this room says to a recorded case; KeyError for a case that nobody has answered yet."""
    name, given = case["id"], case["inputs"]
    if name == "elo-4-games":
        return _elo(given)
    wins = np.array(given["wins"], dtype=float)
    none = np.zeros_like(wins)
    ties = np.array(given["ties"], dtype=float) if "ties" in given else none
    if name == "separable":
        return {"finite_mle": is_finite(wins)}
    if name == "separable-prior":
        values = fit(with_prior(wins, none, given["prior_wins_each_side"]), none).values
        return {"log_difference": values[0] - values[1]}
    if name == "davidson-4":
        found = fit(wins, ties)
        return {
            "log_strength": found.values,
            "nu": found.nu,
            "negative_log_likelihood": _davidson_nll(found.values, float(found.nu), wins, ties),
        }
    if name in ("bt-two-items", "bt-4", "bt-ties-half"):
        values = fit(half_ties(wins, ties), none).values
        lead = values[:, None] - values[None, :]
        return {
            "strength_ratio": np.exp(lead[0, 1]),
            "log_difference": lead[0, 1],
            "log_strength": values,
            "p_01": 1 / (1 + np.exp(-lead[0, 1])),
            "log_likelihood": -(wins * np.logaddexp(0, -lead)).sum(),
        }
    raise KeyError(f"no test for the case {name}")


def _davidson_nll(values: Floats, nu: float, wins: Floats, ties: Floats) -> float:
    """From the definition, in strengths and not in their logarithms."""
    pi = np.exp(values)
    middle = nu * np.sqrt(np.outer(pi, pi))
    total = pi[:, None] + pi[None, :] + middle
    return float(-(wins * np.log(pi[:, None] / total)).sum() - (ties * np.log(middle / total)).sum() / 2)


def _elo(given: dict[str, Any]) -> dict[str, Any]:
    assert (given["K"], given["start"], given["scale"]) == (elo.STEP, elo.START, elo.SCALE)
    after = []
    for number in range(1, len(given["games"]) + 1):
        played = given["games"][:number]
        names = tuple(sorted({name for game in played for name in game[:2]}))
        games = Games(
            names=names,
            first=np.array([names.index(game[0]) for game in played]),
            second=np.array([names.index(game[1]) for game in played]),
            result=np.array([float(game[2]) for game in played]),
            cluster=np.zeros(number, dtype=np.intp),
            num_clusters=1,
            drawn_by="photos",
        )
        after.append(dict(zip(names, elo.ratings(games).tolist(), strict=True)))
    # a source that has not played yet stands at the start
    return {"ratings": after[-1], "after_each": after, "sum": sum(after[-1].values())}


def test_every_known_answer(goldens_dir: Path) -> None:
    path = goldens_dir / "equations" / "pairwise-models.json"
    if not path.is_file():
        pytest.skip(f"no file {path}")
    for case in json.loads(path.read_text(encoding="utf-8"))["cases"]:
        found = _answer(case)
        for name, expected in case["expected"].items():
            _same(found[name], expected, case["tolerance"], f"{case['id']} {name}")


def _same(found: Any, expected: Any, tolerance: dict[str, float], where: str) -> None:
    if isinstance(expected, list) and isinstance(expected[0], dict):
        for one, other in zip(found, expected, strict=True):
            _same(one, other, tolerance, where)
    elif isinstance(expected, dict):
        for name, value in expected.items():
            _same(found[name], value, tolerance, f"{where} {name}")
    else:
        np.testing.assert_allclose(
            found, expected, rtol=tolerance["rtol"], atol=tolerance["atol"], err_msg=where
        )


def test_bradley_terry_is_that_of_choix() -> None:
    choix = pytest.importorskip("choix")
    pairs = [(i, j) for i in range(4) for j in range(4) for _ in range(int(WINS[i, j]))]
    theirs = choix.opt_pairwise(4, pairs)
    np.testing.assert_allclose(fit(WINS, np.zeros_like(WINS)).values, theirs - theirs.mean(), atol=1e-5)


def test_davidson_s_fit_is_the_top_of_the_likelihood() -> None:
    found = fit(WINS, TIES)
    best = _davidson_nll(found.values, float(found.nu), WINS, TIES)
    for place in range(4):
        for step in (-0.01, 0.01):
            moved = found.values.copy()
            moved[place] += step
            assert _davidson_nll(moved, float(found.nu), WINS, TIES) > best
            assert _davidson_nll(found.values, float(found.nu) + step, WINS, TIES) > best


def test_many_tables_at_once_are_each_fitted_as_if_alone() -> None:
    wins, ties = np.stack([WINS, WINS.T, 100 * WINS]), np.stack([TIES, TIES, np.zeros_like(TIES)])
    together = fit(wins, ties)
    for place in range(3):
        alone = fit(wins[place], ties[place])
        np.testing.assert_allclose(together.values[place], alone.values, atol=1e-9)
        np.testing.assert_allclose(together.nu[place], alone.nu, atol=1e-9)
    assert together.nu[2] == 0


def test_errors_of_strengths_are_those_of_repeated_studies() -> None:
    random = np.random.default_rng(3)
    lead, number = 0.8, 200
    p = 1 / (1 + np.exp(-lead))
    won = random.binomial(number, p, size=4000).astype(float)
    wins = np.zeros((4000, 2, 2))
    wins[:, 0, 1], wins[:, 1, 0] = won, number - won
    found = fit(wins, np.zeros_like(wins))
    # 4000 studies know a deviation to about 1 %
    assert np.std(found.values[:, 0]) == pytest.approx(
        float(np.sqrt(found.covariance[:, 0, 0].mean())), rel=0.05
    )


def test_a_prior_keeps_unconnected_sources_finite_and_says_that_nothing_is_known() -> None:
    wins = np.zeros((3, 3))
    wins[0, 1] = 5
    found = fit(wins, np.zeros_like(wins), precision=0.25)
    assert found.values[0] > 0 > found.values[1]
    assert found.values[2] == pytest.approx(0)
    assert found.covariance[2, 2] == pytest.approx(1 / 0.25)


def test_planted_preferences_come_back_inside_their_intervals() -> None:
    ranking = rank_sources([vote for vote in study(crowd(10)) if not vote.expected and not vote.repeat], 0)
    assert ranking is not None
    assert [one.name for one in ranking.standings] == ["large", "small", "filter", "bicubic"]
    for one in ranking.standings:
        assert one.davidson.ends is not None
        low, high = one.davidson.ends
        assert low < PLANTED[one.name] < high
        assert high - low < 0.8
    assert ranking.nu.ends is not None
    assert ranking.nu.ends[0] < NU < ranking.nu.ends[1]


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = []
    for seed in range(40):
        votes = study(crowd(3), num_photos=20, num_gold=0, num_repeats=1, seed=seed)
        games = games_of([vote for vote in votes if not vote.repeat])
        wins, ties = games.tables()
        drawn = draws(games.num_clusters, seed, 300)
        found = fit(with_prior(resampled(wins, drawn), resampled(ties, drawn)), resampled(ties, drawn))
        low, high = np.quantile(found.values, [0.025, 0.975], axis=0)
        truth = np.array([PLANTED[name] for name in games.names])
        held += ((low < truth) & (truth < high)).tolist()
    # 160 intervals of 20 photos: 95 % less what a bootstrap of so few photos lacks
    assert np.mean(held) > 0.88


def test_sources_that_never_met_the_others_are_named_and_left_out() -> None:
    votes = [vote for vote in study(crowd(2)) if not vote.expected and not vote.repeat]
    strange = study(crowd(1), planted={"x": 0.0, "y": 0.0}, num_gold=0, num_repeats=1)
    ranking = rank_sources([*votes, *strange], 0)
    assert ranking is not None
    assert {one.name for one in ranking.standings} == set(PLANTED)
    assert any("x, y" in note for note in ranking.notes)


def test_a_source_that_always_wins_is_first_finite_and_noted() -> None:
    planted = {"best": 40.0, "a": 0.0, "b": 0.0}
    votes = [vote for vote in study(crowd(3), planted=planted) if not vote.expected and not vote.repeat]
    ranking = rank_sources(votes, 0)
    assert ranking is not None
    assert ranking.standings[0].name == "best"
    assert np.isfinite(ranking.standings[0].davidson.value)
    assert any("without the prior" in note for note in ranking.notes)


def test_one_photo_is_drawn_by_people_and_votes_without_sources_rank_nothing() -> None:
    votes = [vote for vote in study(crowd(6), num_photos=1, num_repeats=1) if not vote.expected]
    assert games_of(votes).drawn_by == "people"
    assert rank_sources([], 0) is None
