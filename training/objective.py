"""The loss of a step: velocity error and cross-entropy, each per token of all ranks and micro-steps.

Every row's sums are divided by the counts of the whole step, so that how rows are spread over processes
changes neither the loss nor its gradient (BAGEL; UARE, section 3.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from training.settings import LossSettings
from uare.model import UAREModel
from uare.segments import AttentionMode, PackedBatch

RESIDUAL_FLOOR = 0.05  # of squared latent residuals: keeps clean photos from weighing without bound


@dataclass(frozen=True, kw_only=True)
class TokenCounts:
    """Judged tokens of a step: of targets and of answers."""

    latents: float
    words: float


def count_tokens(batches: Sequence[PackedBatch], device: torch.device) -> TokenCounts:
    """Counts over this rank's rows of a step and those of all other ranks."""
    labels = [batch.labels for batch in batches if batch.labels is not None]
    counts = torch.tensor(
        [sum(len(one.velocity) for one in labels), sum(len(one.token_ids) for one in labels)],
        dtype=torch.float64,
        device=device,
    )
    if dist.is_initialized():
        dist.all_reduce(counts)
    latents, words = counts.tolist()
    return TokenCounts(latents=latents, words=words)


def balancing_weights(batch: PackedBatch) -> Tensor:
    """Factors (m,) of the target tokens' squared velocity errors, so that all harms count alike.

    Times t², the velocity error is that of the predicted latent; each picture's is then divided by how far it
    was from clean. Without the division haze and low light, which lie far off, would drown noise and blur.
    """
    assert batch.labels is not None
    t = batch.timesteps[batch.target_index][:, None]
    clean = batch.latents[batch.target_index] - t * batch.labels.velocity  # x = x_t − t·(noise − x)
    distance = (clean - batch.base[batch.target_index]).square().mean(-1)  # (m,)
    lens = [one.length - 2 for one in batch.segments if one.mode is AttentionMode.NOISE]  # without markers
    means = [part.mean().expand(len(part)) for part in distance.split(lens)] if lens else [distance]
    return t.squeeze(-1).square() / (torch.cat(means) + RESIDUAL_FLOOR)


class TrainingStep(nn.Module):
    """The network and its loss in one module: what is sharded, compiled and called in training."""

    def __init__(self, network: UAREModel, loss: LossSettings) -> None:
        super().__init__()
        self.network = network
        self.text_weight = loss.text_weight
        self.balances = loss.balance

    def forward(self, batch: PackedBatch, latents: float, words: float) -> tuple[Tensor, Tensor, Tensor]:
        """This row's share of the step's loss, of its velocity part and of its text part; float32 scalars.

        `latents` and `words` are the step's judged tokens. A row without labels of a kind adds zero, with a
        gradient of zero, so that all ranks reduce the same gradients.
        """
        output = self.network(batch)
        if batch.labels is None:
            zero = (output.velocity.sum() + output.logits.float().sum()) * 0
            return zero, zero, zero
        squared = (output.velocity.float() - batch.labels.velocity).square().mean(-1)  # (m,)
        if self.balances:
            squared = squared * balancing_weights(batch)
        velocity = squared.sum() / max(latents, 1.0)
        cross_entropy = F.cross_entropy(output.logits.float(), batch.labels.token_ids, reduction="sum")
        text = cross_entropy / max(words, 1.0)
        return velocity + self.text_weight * text, velocity.detach(), text.detach()
