"""The reward of ratings against the order of labels: Thurstone probabilities and fidelity, by attribute.

VisualQuality-R1, equations 3 to 5, for several attributes (MG-IQA). B images of one data set have K answers
each; nothing of a label but its order enters, so no scale is ever brought to another. A value that an answer
does not state is NaN, and a label that an image does not have is NaN too. All in float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from uare.ratings import OVERALL

GAMMA = 1e-6  # under the root of the spread
EPS = 1e-6  # under the roots of the fidelity: the best reward is √(1 + ε) + √ε
UNDECIDED = math.sqrt(0.5)  # reward of a comparison of which nothing is known
Pairing = Literal["mean", "sample"]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Mean and variance of the answers to each image; NaN where no answer states a value."""

    mean: Tensor  # (B,)
    variance: Tensor  # (B,)


def spread_of(values: Tensor, ddof: int = 1) -> Spread:
    """Over the stated values of (B, K); the variance divides by K − `ddof`, and is 0 of a single value."""
    stated = ~values.isnan()
    count = stated.sum(-1).double()
    mean = values.nan_to_num(0).sum(-1) / count  # 0/0: NaN
    squares = torch.where(stated, values - mean[:, None], 0.0).square().sum(-1)
    variance = torch.where(count > ddof, squares / (count - ddof).clamp(min=1), 0.0)
    return Spread(mean=mean, variance=torch.where(count > 0, variance, math.nan))


def thurstone(difference: Tensor, variance: Tensor, gamma: float = GAMMA) -> Tensor:
    """P(first is better) = Φ(difference / √(variance + γ)); `variance` is the sum of both sides'."""
    return torch.special.ndtr(difference / (variance + gamma).sqrt())


def probabilities(
    values: Tensor, pairing: Pairing = "mean", floor: float = 0.0, gamma: float = GAMMA, ddof: int = 1
) -> Tensor:
    """p (B, K, B): that answer k rates image i above image j; NaN where either side states nothing.

    The answer is held against the mean of the other image's answers, or (`sample`) against each of them, of
    which the mean is taken. `floor` is the smallest deviation of an image's answers: of a single answer, or
    of equal ones, γ alone would make p a step.
    """
    spread = spread_of(values, ddof)
    own = spread.variance.clamp(min=floor**2)
    both = (own[:, None] + own[None, :])[:, None, :]  # (B, 1, B)
    if pairing == "mean":
        return thurstone(values[:, :, None] - spread.mean[None, None, :], both, gamma)
    each = thurstone(values[:, :, None, None] - values[None, None], both[..., None], gamma)  # (B, K, B, K)
    return torch.where(values.isnan()[:, :, None], math.nan, each.nanmean(-1))


def order_of(labels: Tensor, tie_band: float = 0.0) -> Tensor:
    """g (B, B): 1 where image i is labelled better than j, 0 where worse, ½ where equal; NaN without labels.

    Labels that differ by no more than `tie_band` (the noise of the data set, in its units) are equal.
    """
    difference = labels[:, None] - labels[None, :]
    order = torch.where(difference.abs() <= tie_band, 0.5, (difference > 0).double())
    return torch.where(difference.isnan(), math.nan, order)


def fidelity(probability: Tensor, order: Tensor, eps: float = EPS) -> Tensor:
    """√(p·g + ε) + √((1 − p)(1 − g) + ε)."""
    return (probability * order + eps).sqrt() + ((1 - probability) * (1 - order) + eps).sqrt()


def attribute_reward(
    values: Tensor,
    labels: Tensor,
    *,
    pairing: Pairing = "mean",
    floor: float = 0.0,
    tie_band: float = 0.0,
    gamma: float = GAMMA,
    eps: float = EPS,
    ddof: int = 1,
) -> Tensor:
    """r (B, K) of answers `values` (B, K) to images with `labels` (B,): the mean fidelity over all others.

    NaN for images without a label, or where no other image has one: the attribute is masked there. An answer
    that states no value has 0, which is less than the worst stated one, so silence never pays. Where no other
    image has a stated value there is nothing to compare with: `UNDECIDED`.
    """
    values, labels = values.double(), labels.double()
    rewards = fidelity(
        probabilities(values, pairing, floor, gamma, ddof), order_of(labels, tie_band)[:, None, :], eps
    )
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)[:, None, :]
    mean = torch.where(itself, math.nan, rewards).nanmean(-1)  # (B, K)
    is_labelled = ~labels.isnan()
    is_judged = is_labelled & (is_labelled.sum() - is_labelled.long() > 0)
    mean = torch.where(values.isnan(), 0.0, mean.nan_to_num(UNDECIDED))
    return torch.where(is_judged[:, None], mean, math.nan)


def weights_of(attributes: tuple[str, ...]) -> dict[str, float]:
    """Overall ½, the attributes share the other ½; without attributes overall alone."""
    if not attributes:
        return {OVERALL: 1.0}
    return {OVERALL: 0.5, **{name: 0.5 / len(attributes) for name in attributes}}


def total_reward(rewards: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """R (B, K) = Σ w·r / Σ w over the attributes that are not masked for the image; 0 where all are."""
    names = [name for name in weights if name in rewards]
    stacked = torch.stack([rewards[name] for name in names])  # (D, B, K)
    weight = torch.tensor([weights[name] for name in names], dtype=stacked.dtype)[:, None, None]
    counted = torch.where(stacked.isnan(), 0.0, weight)
    return (counted * stacked.nan_to_num(0)).sum(0) / counted.sum(0).clamp(min=1e-12)
