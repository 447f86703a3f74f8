"""Group-relative policy optimisation: advantages of answers, and the clipped objective with its KL term.

DeepSeekMath 2024, with the constants of VisualQuality-R1 and Q-Insight. Advantages and rewards carry no
gradient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

ADVANTAGE_EPS = 1e-4
NO_SPREAD = 1e-8  # deviations below it are rounding: the group says nothing


def advantages(rewards: Tensor, eps: float = ADVANTAGE_EPS, *, scale: bool = True) -> Tensor:
    """A (B, K) = (R − mean) / (std + ε) within each group of K answers, std with K − 1.

    A group without spread has 0, and so has a single answer. Without `scale` only the mean is taken off
    (Dr. GRPO).
    """
    centred = rewards - rewards.mean(-1, keepdim=True)
    if rewards.shape[-1] < 2:
        return torch.zeros_like(rewards)
    deviation = rewards.std(-1, keepdim=True)
    scaled = centred / (deviation + eps) if scale else centred
    return torch.where(deviation > NO_SPREAD, scaled, 0.0)


def advantages_by_attribute(
    rewards: Mapping[str, Tensor], weights: Mapping[str, float], eps: float = ADVANTAGE_EPS
) -> Tensor:
    """Each attribute normalised in its group first, then Σ w·A / Σ w: a rarely varying one still teaches.

    An attribute that is masked (NaN) or without spread in a group does not count there.
    """
    total = weight_sum = torch.zeros(())
    for name, weight in weights.items():
        if name not in rewards:
            continue
        own = advantages(rewards[name].nan_to_num(0), eps)
        counts = weight * (own.abs().sum(-1, keepdim=True) > 0)
        total, weight_sum = total + counts * own, weight_sum + counts
    return total / weight_sum.clamp(min=1e-12)


@dataclass(frozen=True, kw_only=True)
class PolicyLoss:
    """The loss, and what it was made of at each token (n, T)."""

    loss: Tensor  # scalar
    ratio: Tensor
    kl: Tensor
    clipped: Tensor  # bool: the clipped term is the smaller one


def policy_loss(  # noqa: PLR0913 - the terms of one formula
    logp: Tensor,
    logp_old: Tensor,
    logp_ref: Tensor | None,
    advantage: Tensor,
    mask: Tensor,
    *,
    epsilon: float = 0.2,
    beta: float = 0.04,
    aggregation: Literal["sequence", "token"] = "sequence",
    num_answers: float | None = None,
) -> PolicyLoss:
    """−mean of min(ρA, clip(ρ, 1 ± ε)·A) − β·KL over log-probabilities (n, T) of sampled tokens.

    advantage (n,); mask (n, T), 1 for tokens that count. ρ = exp(l − l_old): on policy, with `logp_old` the
    detached `logp`, its value is 1 and its gradient is not 0. KL = exp(ref − l) − (ref − l) − 1. `sequence`:
    mean over each answer's tokens, then over answers (or divided by `num_answers`, those of a whole step);
    `token`: over all tokens.
    """
    ratio = (logp - logp_old).exp()
    signed = advantage[:, None]
    free, bound = ratio * signed, ratio.clamp(1 - epsilon, 1 + epsilon) * signed
    kl = torch.zeros_like(logp)
    if logp_ref is not None:
        difference = logp_ref - logp
        kl = difference.exp() - difference - 1
    per_token = (torch.minimum(free, bound) - beta * kl) * mask
    if aggregation == "token":
        loss = -per_token.sum() / mask.sum().clamp(min=1)
    else:
        means = per_token.sum(-1) / mask.sum(-1).clamp(min=1)
        loss = -means.sum() / (len(means) if num_answers is None else num_answers)
    return PolicyLoss(loss=loss, ratio=ratio, kl=kl, clipped=(bound < free) & (mask > 0))
