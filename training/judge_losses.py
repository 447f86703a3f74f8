"""What a judge of restorations is trained by: FGResQ's equations 4 and 6 to 9, a function each.

Where the paper leaves something open, the docstring names the reading. All are finite for every finite input.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

EPSILON = 1e-8  # not given in the paper
LAMBDA_SCENE, LAMBDA_RANK = 5.0, 1.0  # the paper's implementation details


def contrastive_alignment(images: Tensor, texts: Tensor, scale: float | None = None) -> Tensor:
    """Bidirectional contrastive loss of N images (N, D) with their N texts (N, D) (FGResQ eq. 4).

    `scale` None takes plain dot products, as printed; a number normalises both sides and multiplies by it
    (CLIP). Every other text of the batch is wrong for an image, also one that says the same.
    """
    similarities = _similarities(images, texts, scale)  # (N, N)
    own = torch.arange(len(images), device=images.device)
    return (F.cross_entropy(similarities, own) + F.cross_entropy(similarities.T, own)) / 2


def class_alignment(images: Tensor, texts: Tensor, classes: Tensor, scale: float | None = None) -> Tensor:
    """Equation 4 with all samples of one class (N,) as each other's positives, in equal shares.

    Our reading: there are fewer texts than images in a batch, and the literal form punishes true duplicates.
    Equal to it where no class comes twice.
    """
    similarities = _similarities(images, texts, scale)
    wanted = (classes[:, None] == classes[None, :]).to(similarities.dtype)
    wanted = wanted / wanted.sum(-1, keepdim=True)
    return (F.cross_entropy(similarities, wanted) + F.cross_entropy(similarities.T, wanted)) / 2


def _similarities(images: Tensor, texts: Tensor, scale: float | None) -> Tensor:
    if scale is None:
        return images @ texts.T
    return scale * F.normalize(images, dim=-1) @ F.normalize(texts, dim=-1).T


def fidelity_terms(predicted: Tensor, truth: Tensor, epsilon: float = EPSILON) -> Tensor:
    """What each pair i < j of a scene costs, (n·(n−1)/2,), of predictions and true scores (n,).

    FGResQ eq. 6. Only the order of the truth counts: higher is better, equal scores ask for p = 1/2.
    """
    i, j = torch.triu_indices(len(predicted), len(predicted), offset=1, device=predicted.device)
    margin = predicted[i] - predicted[j]
    wanted = (torch.sign(truth[i] - truth[j]) + 1) / 2  # 0, 1/2 or 1
    wanted = wanted.to(margin.dtype)
    # σ(−m) keeps its digits where 1 − σ(m) is rounded to 0
    return (
        1
        - (torch.sigmoid(margin) * wanted + epsilon).sqrt()
        - (torch.sigmoid(-margin) * (1 - wanted) + epsilon).sqrt()
    )


def fidelity_loss(predicted: Tensor, truth: Tensor, epsilon: float = EPSILON) -> Tensor:
    """Mean of `fidelity_terms`; 0 for a scene of a single image, which has no pair."""
    terms = fidelity_terms(predicted, truth, epsilon)
    return terms.sum() / max(len(terms), 1)


def scene_weights(counts: Mapping[str, int], *, normalised: bool = True) -> dict[str, float]:
    """1 / N_s of each scene (FGResQ eq. 7); `normalised` (our reading) makes them add up to 1."""
    inverse = {scene: 1 / count for scene, count in counts.items()}
    total = sum(inverse.values()) if normalised else 1.0
    return {scene: value / total for scene, value in inverse.items()}


def scene_fidelity(
    scenes: Mapping[str, tuple[Tensor, Tensor]],
    counts: Mapping[str, int] | None = None,
    *,
    normalised: bool = True,
    epsilon: float = EPSILON,
) -> Tensor:
    """Weighted sum of each scene's fidelity loss (FGResQ eq. 7).

    scenes: name -> predictions (n,) and true scores (n,). counts: images of each scene; None counts those
    of the batch (our reading; the sizes of the data sets are the other one).
    """
    counts = counts or {scene: len(truth) for scene, (_, truth) in scenes.items()}
    weights = scene_weights({scene: counts[scene] for scene in scenes}, normalised=normalised)
    losses = [weights[scene] * fidelity_loss(*scores, epsilon) for scene, scores in scenes.items()]
    return torch.stack(losses).sum()


def ranking_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Binary cross-entropy of the log-odds (n,) that A is better; `wanted` is 1, 0, or 1/2 for a tie.

    FGResQ eq. 8. The value for ties is our reading: the paper has them among its labels and gives none.
    """
    return F.binary_cross_entropy_with_logits(logits, wanted.to(logits.dtype))


def three_way_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of logits (n, 3) over B better, A better, equal with labels (n,) 0, 1, 2.

    What equation 8 must be for the released network, whose head has three classes.
    """
    return F.cross_entropy(logits, labels)


def first_better(logits: Tensor) -> Tensor:
    """P(A better) + P(equal) / 2 (n,) of three-way logits (n, 3)."""
    probabilities = logits.softmax(-1)
    return probabilities[:, 1] + probabilities[:, 2] / 2


def pair_loss(logits: Tensor, labels: Tensor, kind: Literal["three_way", "binary"] = "three_way") -> Tensor:
    """Equation 8 on a three-way head: as it is, or as printed with p = P(A) + P(equal) / 2."""
    if kind == "three_way":
        return three_way_loss(logits, labels)
    wanted = torch.where(labels == 2, torch.full_like(logits[:, 0], 0.5), labels.to(logits.dtype))
    # log-odds of `first_better` without its rounding to 0 or 1
    half = torch.log(torch.tensor(0.5, dtype=logits.dtype, device=logits.device))
    for_a = torch.logaddexp(logits[:, 1], logits[:, 2] + half)
    for_b = torch.logaddexp(logits[:, 0], logits[:, 2] + half)
    return ranking_loss(for_a - for_b, wanted)


def total_loss(
    scene: Tensor, rank: Tensor, lambda_scene: float = LAMBDA_SCENE, lambda_rank: float = LAMBDA_RANK
) -> Tensor:
    """λ₁ · L_scene + λ₂ · L_rank (FGResQ eq. 9)."""
    return lambda_scene * scene + lambda_rank * rank
