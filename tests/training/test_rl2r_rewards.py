"""The Thurstone reward: known answers, and what it must not care about."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from training.rl2r_rewards import (
    EPS,
    UNDECIDED,
    attribute_reward,
    fidelity,
    order_of,
    probabilities,
    spread_of,
    thurstone,
    total_reward,
    weights_of,
)
from uare.ratings import OVERALL

EXACT: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-9}
BEST = math.sqrt(1 + EPS) + math.sqrt(EPS)
NAN = math.nan


def cases(goldens: Path) -> dict[str, dict]:
    path = goldens / "equations" / "rl2r-thurstone-reward.json"
    if not path.is_file():
        pytest.skip(f"no recorded reward {path}")
    return {case["id"]: case for case in json.loads(path.read_text())["cases"]}


def tensor(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def drawn(images: int = 6, answers: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Values (B, K) with some missing, and distinct labels (B,)."""
    generator = torch.Generator().manual_seed(seed)
    values = 1 + 4 * torch.rand(images, answers, generator=generator, dtype=torch.float64)
    values[0, 0] = values[3, 2] = NAN
    return values, torch.randperm(images, generator=generator).double()


def test_the_recorded_probabilities_of_thurstone(goldens_dir: Path) -> None:
    found = cases(goldens_dir)
    five, three = found["thurstone-case-v"], found["thurstone-case-iii"]
    means = [tensor(five["inputs"][name]) for name in ("mu_i", "mu_j")]
    p = thurstone(means[0] - means[1], tensor(2 * five["inputs"]["sigma"] ** 2), gamma=0)
    torch.testing.assert_close(p, tensor(five["expected"]["p"]), **EXACT)
    given = three["inputs"]
    p = thurstone(tensor(given["mu_i"] - given["mu_j"]), tensor(given["var_i"] + given["var_j"]), gamma=0)
    torch.testing.assert_close(p, tensor(three["expected"]["p"]), **EXACT)


@pytest.mark.parametrize("name", ["rewards-3x3", "rewards-no-spread", "rewards-biased-variance"])
def test_the_recorded_rewards(goldens_dir: Path, name: str) -> None:
    case = cases(goldens_dir)[name]
    given, expected = case["inputs"], case["expected"]
    values, labels = tensor(given["predictions"]), tensor(given["labels"])
    spread = spread_of(values, given["ddof"])
    torch.testing.assert_close(spread.mean, tensor(expected["means"]), **EXACT)
    torch.testing.assert_close(spread.variance, tensor(expected["variances"]), **EXACT)
    p = probabilities(values, gamma=given["gamma"], ddof=given["ddof"])
    others = [[j for j in range(len(labels)) if j != i] for i in range(len(labels))]
    listed = torch.stack([p[i][:, own] for i, own in enumerate(others)])
    torch.testing.assert_close(listed, tensor(expected["probabilities"]), rtol=1e-6, atol=1e-6)
    rewards = attribute_reward(values, labels, gamma=given["gamma"], eps=given["eps"], ddof=given["ddof"])
    torch.testing.assert_close(rewards, tensor(expected["rewards"]), rtol=1e-6, atol=1e-6)


def test_the_recorded_reward_of_two_attributes_of_which_one_label_is_missing(goldens_dir: Path) -> None:
    case = cases(goldens_dir)["multi-attribute"]
    given, expected = case["inputs"], case["expected"]
    rewards = {
        name: attribute_reward(
            tensor(values), tensor([NAN if label is None else label for label in given["labels"][name]])
        )
        for name, values in given["predictions"].items()
    }
    torch.testing.assert_close(rewards["overall"], tensor(expected["overall"]), rtol=1e-6, atol=1e-6)
    labelled = rewards["sharpness"][:2]
    torch.testing.assert_close(labelled, tensor(expected["sharpness_of_labelled"]), rtol=1e-6, atol=1e-6)
    assert bool(rewards["sharpness"][2].isnan().all())
    total = total_reward(rewards, given["weights"])
    torch.testing.assert_close(total, tensor(expected["total"]), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("pairing", ["mean", "sample"])
def test_bending_the_scale_of_labels_changes_no_bit(pairing: str) -> None:
    values, labels = drawn()
    rewards = attribute_reward(values, labels, pairing=pairing)  # type: ignore[arg-type]
    for bent in (100 * labels - 7, labels**3, labels.exp(), -1 / (1 + labels)):
        again = attribute_reward(values, bent, pairing=pairing)  # type: ignore[arg-type]
        assert torch.equal(rewards, again)


def test_the_order_of_images_only_moves_the_rewards() -> None:
    values, labels = drawn()
    order = torch.tensor([4, 0, 5, 2, 1, 3])
    moved = attribute_reward(values[order], labels[order])
    torch.testing.assert_close(moved, attribute_reward(values, labels)[order], **EXACT)


def test_the_right_order_earns_the_most_and_the_wrong_one_nearly_nothing() -> None:
    labels = tensor([1.0, 2.0, 3.0])
    right = attribute_reward(tensor([[1.0, 1.1], [3.0, 3.1], [5.0, 4.9]]), labels)
    wrong = attribute_reward(tensor([[5.0, 4.9], [3.0, 3.1], [1.0, 1.1]]), labels)
    assert float(right.min()) == pytest.approx(BEST, abs=1e-3)
    assert float(wrong.max()) < 0.01


def test_a_missing_value_earns_less_than_the_worst_stated_one() -> None:
    values = tensor([[5.0, NAN], [1.0, 1.0], [3.0, 3.0]])
    rewards = attribute_reward(values, tensor([1.0, 3.0, 2.0]))
    assert float(rewards[0, 1]) == 0.0
    assert float(rewards[0, 0]) >= math.sqrt(EPS)


def test_an_image_without_any_stated_value_is_nobodys_rival() -> None:
    values = tensor([[4.0, 4.5], [2.0, 2.5], [NAN, NAN]])
    labels = tensor([3.0, 2.0, 1.0])
    alone = attribute_reward(values[:2], labels[:2])
    torch.testing.assert_close(attribute_reward(values, labels)[:2], alone, **EXACT)


def test_nothing_stated_at_all_earns_nothing_and_is_finite() -> None:
    rewards = attribute_reward(torch.full((3, 2), NAN), tensor([1.0, 2.0, 3.0]))
    assert torch.equal(rewards, torch.zeros(3, 2, dtype=torch.float64))
    assert torch.equal(total_reward({OVERALL: rewards}, weights_of(())), rewards)


def test_the_only_image_that_says_something_has_nothing_to_be_compared_with() -> None:
    rewards = attribute_reward(tensor([[4.0, NAN], [NAN, NAN]]), tensor([1.0, 2.0]))
    assert rewards.tolist() == [[UNDECIDED, 0.0], [0.0, 0.0]]


def test_one_label_alone_masks_the_attribute() -> None:
    rewards = attribute_reward(tensor([[4.0, 2.0], [1.0, 2.0]]), tensor([1.0, NAN]))
    assert bool(rewards.isnan().all())


def test_a_single_answer_has_the_floor_for_its_deviation() -> None:
    values, labels = tensor([[3.2], [3.0]]), tensor([2.0, 1.0])
    step = attribute_reward(values, labels)  # without a floor γ decides: certainty
    assert step.flatten().tolist() == pytest.approx([BEST, BEST])
    floored = attribute_reward(values, labels, floor=0.5)
    p = 0.5 * (1 + math.erf(0.2 / math.sqrt(2 * 0.25 + 1e-6) / math.sqrt(2)))
    assert float(floored[0, 0]) == pytest.approx(math.sqrt(p + EPS) + math.sqrt(EPS))


def test_equal_labels_reward_equal_ratings_most() -> None:
    order = order_of(tensor([2.0, 2.0]))
    assert order.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    halves = fidelity(tensor([0.5, 0.9, 0.1]), tensor([0.5, 0.5, 0.5]))
    assert int(halves.argmax()) == 0
    assert float(halves[0]) == pytest.approx(1.0, abs=1e-5)


def test_labels_within_the_band_of_ties_are_equal() -> None:
    order = order_of(tensor([2.0, 2.4, 4.0]), tie_band=0.5)
    assert order[0].tolist() == [0.5, 0.5, 0.0]


def test_comparing_with_each_answer_is_the_mean_over_them() -> None:
    values, labels = drawn(4, 3)
    p = probabilities(values, "sample")
    spread = spread_of(values)
    by_hand = torch.stack(
        [thurstone(values[1, 0] - values[2, k], spread.variance[1] + spread.variance[2]) for k in range(3)]
    ).mean()
    torch.testing.assert_close(p[1, 0, 2], by_hand, **EXACT)
    assert attribute_reward(values, labels, pairing="sample").shape == (4, 3)


def test_overall_counts_as_much_as_all_attributes_together() -> None:
    assert weights_of(("sharpness", "noise")) == {OVERALL: 0.5, "sharpness": 0.25, "noise": 0.25}
    assert weights_of(()) == {OVERALL: 1.0}
