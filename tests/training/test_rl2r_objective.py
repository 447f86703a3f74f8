"""Advantages and the clipped objective: known answers, gradients, and groups that say nothing."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from training.rl2r_objective import advantages, advantages_by_attribute, policy_loss

EXACT: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-9}


def cases(goldens: Path) -> dict[str, dict]:
    path = goldens / "equations" / "grpo.json"
    if not path.is_file():
        pytest.skip(f"no recorded objective {path}")
    return {case["id"]: case for case in json.loads(path.read_text())["cases"]}


def tensor(values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("name", ["advantages", "advantages-unscaled", "advantages-from-rl2r"])
def test_the_recorded_advantages(goldens_dir: Path, name: str) -> None:
    case = cases(goldens_dir)[name]
    given = case["inputs"]
    found = advantages(tensor(given["rewards"]), given.get("eps", 1e-4), scale=given.get("scale", True))
    torch.testing.assert_close(found, tensor(case["expected"]["advantages"]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["clip-and-kl-sequence-mean", "clip-and-kl-token-mean", "on-policy-gradient"]
)
def test_the_recorded_losses_and_gradients(goldens_dir: Path, name: str) -> None:
    case = cases(goldens_dir)[name]
    given, expected = case["inputs"], case["expected"]
    logp = tensor(given["logp"]).requires_grad_()
    found = policy_loss(
        logp,
        tensor(given["logp_old"]),
        tensor(given["logp_ref"]),
        tensor(given["advantages"]),
        tensor(given["mask"]),
        epsilon=given["epsilon"],
        beta=given["beta"],
        aggregation=given["aggregation"],
    )
    assert found.loss.item() == pytest.approx(expected["loss"], abs=1e-9)
    for key, value in (("ratio", found.ratio), ("kl_per_token", found.kl)):
        if key in expected:
            torch.testing.assert_close(value.detach(), tensor(expected[key]), **EXACT)
    if "clipped" in expected:
        assert found.clipped.tolist() == expected["clipped"]
    if "grad_logp" in expected:
        found.loss.backward()
        assert logp.grad is not None
        torch.testing.assert_close(logp.grad, tensor(expected["grad_logp"]), **EXACT)


def test_on_policy_the_detached_ratio_still_has_a_gradient() -> None:
    logp = tensor([[-1.0, -2.0]]).requires_grad_()
    found = policy_loss(logp, logp.detach(), None, tensor([2.0]), torch.ones(1, 2), beta=0.0)
    found.loss.backward()
    assert found.loss.item() == pytest.approx(-2.0)
    assert logp.grad is not None
    assert logp.grad.tolist() == [[-1.0, -1.0]]


def test_a_group_without_spread_contributes_the_kl_alone() -> None:
    group = advantages(torch.full((1, 4), 0.7, dtype=torch.float64))
    assert group.tolist() == [[0.0] * 4]
    logp = tensor([[-1.0], [-2.0], [-0.5], [-0.1]]).requires_grad_()
    reference = logp.detach() + 0.3
    found = policy_loss(logp, logp.detach(), reference, group[0], torch.ones(4, 1), beta=0.04)
    found.loss.backward()
    by_hand = 0.04 * (math.exp(0.3) - 0.3 - 1)
    assert found.loss.item() == pytest.approx(by_hand)
    assert logp.grad is not None
    torch.testing.assert_close(logp.grad, torch.full_like(logp, 0.04 * (1 - math.exp(0.3)) / 4))


def test_rounding_is_no_spread() -> None:
    rewards = torch.full((1, 3), 0.1, dtype=torch.float64) + tensor([0.0, 1e-17, -1e-17])
    assert advantages(rewards).tolist() == [[0.0, 0.0, 0.0]]


def test_a_single_answer_has_no_advantage() -> None:
    assert advantages(tensor([[3.0], [1.0]])).tolist() == [[0.0], [0.0]]


def test_masked_tokens_count_nowhere() -> None:
    logp = tensor([[-1.0, -9.0]]).requires_grad_()
    arguments = (logp.detach(), logp.detach() + 1, tensor([1.0]), tensor([[1.0, 0.0]]))
    found = policy_loss(logp, *arguments)
    found.loss.backward()
    short = policy_loss(
        logp[:, :1], arguments[0][:, :1], arguments[1][:, :1], tensor([1.0]), torch.ones(1, 1)
    )
    assert found.loss.item() == pytest.approx(short.loss.item())
    assert logp.grad is not None
    assert logp.grad[0, 1].item() == 0.0


def test_the_shares_of_two_rows_sum_to_the_loss_of_one() -> None:
    generator = torch.Generator().manual_seed(0)
    logp, old, ref = (-torch.rand(4, 3, generator=generator) for _ in range(3))
    advantage, mask = torch.randn(4, generator=generator), torch.ones(4, 3)
    mask[1, 2] = 0
    whole = policy_loss(logp, old, ref, advantage, mask).loss
    shares = [
        policy_loss(logp[own], old[own], ref[own], advantage[own], mask[own], num_answers=4).loss
        for own in (slice(0, 2), slice(2, 4))
    ]
    torch.testing.assert_close(shares[0] + shares[1], whole)


def test_a_rarely_varying_attribute_still_teaches_when_normalised_first() -> None:
    common = tensor([[0.1, 0.9, 0.5, 0.7]])
    rare = tensor([[0.5, 0.5, 0.5, 0.51]])
    weights = {"overall": 0.5, "noise": 0.5}
    found = advantages_by_attribute({"overall": common, "noise": rare}, weights)
    torch.testing.assert_close(found, (advantages(common) + advantages(rare)) / 2)
    flat = advantages_by_attribute({"overall": common, "noise": torch.full((1, 4), 0.5)}, weights)
    torch.testing.assert_close(flat, advantages(common))


def test_the_loss_is_that_of_trl() -> None:
    """The formula of trl's `grpo` loss on equal inputs, by its own method where the installed one allows."""
    trainer = pytest.importorskip("trl", reason="trl is not installed").GRPOTrainer
    from types import SimpleNamespace

    generator = torch.Generator().manual_seed(0)
    logp, old, ref = (-torch.rand(4, 3, generator=generator) for _ in range(3))
    mask, advantage = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 1, 1], [1, 0, 0]]), torch.randn(4)
    stub = SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *_, **__: (logp, torch.zeros_like(logp)),
        beta=0.04, epsilon_low=0.2, epsilon_high=0.2, loss_type="grpo", temperature=1.0,
        top_entropy_quantile=1.0, importance_sampling_level="token", off_policy_mask_threshold=None,
        args=SimpleNamespace(delta=None, use_bias_correction_kl=False), use_vllm=False,
        current_gradient_accumulation_steps=1, model=SimpleNamespace(training=True),
        accelerator=SimpleNamespace(gather=lambda x: x), tools=None,
        _metrics={"train": __import__("collections").defaultdict(list)},
    )  # fmt: skip
    inputs = {
        "prompt_ids": torch.zeros(4, 1, dtype=torch.long), "prompt_mask": torch.ones(4, 1),
        "completion_ids": torch.zeros(4, 3, dtype=torch.long), "completion_mask": mask,
        "advantages": advantage, "old_per_token_logps": old, "ref_per_token_logps": ref,
    }  # fmt: skip
    try:
        theirs = trainer._compute_loss(stub, None, inputs)
    except (AttributeError, KeyError, TypeError) as error:
        pytest.skip(f"this trl computes its loss otherwise ({error})")
    ours = policy_loss(logp, old, ref, advantage, mask.float()).loss
    torch.testing.assert_close(ours, theirs)
