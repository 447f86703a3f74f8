"""Agreement of people, and who of them was careless."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.votes import NONE, A, B, counting
from eval.study.rater_agreement import INTERVAL, NOMINAL, ORDINAL, Level, agreement_of, alpha
from eval.study.raters import look_at_raters, without_careless
from tests.eval.study.simulated import COIN, HASTY, LEFT, crowd, study

KNOWN = ("krippendorff-2011-c", "krippendorff-2011-a", "perfect", "no-variation")


def _alphas(ratings: list[list[float | None]], levels: list[Level]) -> dict[Level, float | None]:
    values = sorted({one for row in ratings for one in row if one is not None})
    counts = np.array(
        [[sum(row[unit] == v for row in ratings) for v in values] for unit in range(len(ratings[0]))]
    )
    return {level: alpha(counts.astype(float), level, values).value for level in levels}


def test_every_known_answer(goldens_dir: Path) -> None:
    path = goldens_dir / "equations" / "krippendorff.json"
    if not path.is_file():
        pytest.skip(f"no file {path}")
    for case in json.loads(path.read_text(encoding="utf-8"))["cases"]:
        assert case["id"] in KNOWN, f"no test for the case {case['id']}"
        expected: dict[Level, Any] = case["expected"]["alpha"]
        found = _alphas(case["inputs"]["ratings"], list(expected))
        for level, value in expected.items():
            if value is None:
                assert found[level] is None, case["id"]
            else:
                assert found[level] == pytest.approx(value, abs=case["tolerance"]["atol"]), case["id"]


def test_alpha_of_two_raters_by_hand() -> None:
    # 3 pairs: A A, A none, none none. Coincidences: AA 2, A-none 1 + 1, none-none 2; 3 of each kind of 6.
    counts = np.array([[0, 0, 2], [0, 1, 1], [0, 2, 0]], dtype=float)
    expected = 1 - (2 / 6) / (2 * 3 * 3 / (6 * 5))
    assert alpha(counts, NOMINAL).value == pytest.approx(expected)
    assert alpha(counts, INTERVAL).value == pytest.approx(expected)  # of two values in use


def test_undefined_agreement_has_a_reason() -> None:
    votes = counting(study(crowd(1), num_photos=2))
    assert "two votes" in agreement_of(votes, NOMINAL, 0).reason
    assert agreement_of([], NOMINAL, 0).value is None
    same = [vote for vote in counting(study(crowd(3), num_photos=2)) if vote.choice == NONE]
    assert agreement_of(same, NOMINAL, 0).value is None


def test_agreement_does_not_depend_on_which_picture_is_called_a() -> None:
    votes = counting(study(crowd(4), num_photos=8))
    turned = [
        replace(vote, choice={A: B, B: A}.get(vote.choice, NONE)) if int(vote.content[-1]) % 2 else vote
        for vote in votes
    ]
    for level in (NOMINAL, ORDINAL):
        assert agreement_of(turned, level, 0).value == pytest.approx(agreement_of(votes, level, 0).value)
    assert [rater.with_others for rater in look_at_raters(turned)] == pytest.approx(
        [rater.with_others for rater in look_at_raters(votes)]
    )


def test_people_of_one_mind_agree_more_than_people_who_throw_coins() -> None:
    planted = {"bad": -2.0, "good": 2.0, "middle": 0.0}
    clear = agreement_of(counting(study(crowd(4), planted=planted)), ORDINAL, 0)
    chance = agreement_of(counting(study(dict.fromkeys("abcd", COIN), planted=planted)), ORDINAL, 0)
    assert clear.value is not None and clear.ends is not None and chance.ends is not None
    assert clear.value > 0.4
    assert clear.ends[0] > 0.2
    assert chance.ends[0] < 0 < chance.ends[1] + 0.05


@pytest.mark.parametrize("seed", range(3))
def test_careless_people_are_found_and_careful_ones_kept(seed: int) -> None:
    votes = study(crowd(8, (COIN, LEFT, HASTY)), num_photos=20, seed=seed)
    careless = {rater.name for rater in look_at_raters(votes) if rater.careless}
    assert careless == {COIN, LEFT, HASTY}
    kept = without_careless(votes, look_at_raters(votes))
    assert {vote.annotator for vote in kept} == set(crowd(8))


def test_who_throws_coins_is_found_without_any_gold_or_repeated_pair() -> None:
    votes = study(crowd(6, (COIN,)), num_photos=60, num_gold=0, num_repeats=1)
    by_name = {rater.name: rater for rater in look_at_raters(votes)}
    assert by_name[COIN].reasons == ("agrees with the others no more than by chance",)
    assert not any(by_name[name].careless for name in crowd(6))


def test_careful_people_are_kept_where_differences_are_so_fine_that_they_hardly_agree() -> None:
    votes = study(crowd(8), planted={"x": 0.05, "y": 0.0, "z": -0.05}, num_photos=60)
    assert not any(rater.careless for rater in look_at_raters(votes))


def test_what_is_known_of_a_person_is_counted_by_hand() -> None:
    votes = study(crowd(2), num_photos=2, num_gold=3, num_repeats=2)
    own = [vote for vote in votes if vote.annotator == "p00"]
    (first, _) = look_at_raters(votes)
    assert (first.num_votes, first.num_gold, first.num_repeated, first.num_shared) == (12, 3, 2, 12)
    assert first.num_decided == sum(vote.choice != NONE for vote in own)
    assert first.gold_right == sum(vote.choice == A for vote in own if vote.expected)
    assert first.reasons == ()
