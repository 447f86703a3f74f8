"""The method on a policy of a few thousand weights: rewards rise where there is something to learn."""

from __future__ import annotations

from statistics import fmean

import pytest
import torch
from torch import Tensor

from tests.training.rl2r_toy import Toy, first_and_last, two_scales


def test_the_reward_rises_within_few_steps_although_the_scales_of_the_sets_differ() -> None:
    toy = Toy(two_scales)
    toy.warm_up()
    toy.train(120)
    first, last = first_and_last(toy.rewards)
    assert last >= first + 0.03  # so far by hedging; ranking comes after some 200 steps
    assert fmean(toy.valid[-20:]) >= 0.95


@pytest.mark.slow
def test_both_numbers_come_to_rank_their_own_quality() -> None:
    toy = Toy(two_scales)
    toy.warm_up()
    toy.train(400)
    first, last = first_and_last(toy.rewards)
    assert last >= first + 0.15
    assert float(toy.rank_correlations().diag().min()) >= 0.8
    assert fmean(toy.valid[-20:]) >= 0.95


@pytest.mark.slow
def test_attributes_of_opposite_order_are_learnt_apart() -> None:
    toy = Toy(lambda quality, _: torch.stack([quality[:, 0], -quality[:, 1]], dim=1))
    toy.warm_up()
    toy.train(800)
    found = toy.rank_correlations()
    assert float(found[0, 0]) >= 0.8
    assert float(found[1, 1]) <= -0.8
    assert float(found[0, 1].abs()) < 0.3


@pytest.mark.slow
def test_from_shuffled_labels_nothing_is_learnt_and_the_reward_says_so() -> None:
    shuffler = torch.Generator().manual_seed(1)

    def shuffled(quality: Tensor, _: int) -> Tensor:
        return quality[torch.randperm(len(quality), generator=shuffler)]

    toy = Toy(shuffled)
    toy.warm_up()
    toy.train(300)
    assert fmean(toy.rewards[-50:]) <= 0.72  # a constant answer has √½
    assert float(toy.rank_correlations().abs().max()) < 0.3
