"""What a packed batch is judged by: words by cross-entropy, latents by the error of their velocity."""

import torch
import torch.nn.functional as F
from torch import Tensor

from uare.model import ModelOutput
from uare.segments import AttentionMode, PackedBatch

RESIDUAL_FLOOR = 0.05  # of squared latent residuals: keeps clean photos from weighing without bound


def text_loss(output: ModelOutput, batch: PackedBatch) -> Tensor:
    """Mean cross-entropy per label, float32, each answer weighing √n (BAGEL's `square` reweighting)."""
    assert batch.labels is not None
    losses = F.cross_entropy(output.logits.float(), batch.labels.token_ids, reduction="none")
    weights = batch.labels.token_weights
    return (losses * weights).sum() / weights.sum().clamp_min(1e-6)


def flow_loss(output: ModelOutput, batch: PackedBatch) -> Tensor:
    """Squared velocity error, float32, mean over channels and target tokens (rectified flow)."""
    assert batch.labels is not None
    return (output.velocity - batch.labels.velocity).square().mean()


def balanced_latent_loss(output: ModelOutput, batch: PackedBatch) -> Tensor:
    """Squared error of the predicted latents, each image's divided by how far its photo was from clean.

    The velocity error times t is the error of the predicted latent. Without the division haze and low light,
    which lie far from clean, would drown noise and blur.
    """
    assert batch.labels is not None
    t = batch.timesteps[batch.target_index][:, None]
    error = ((output.velocity - batch.labels.velocity) * t).square().mean(-1)  # (m,)
    latent = batch.latents[batch.target_index] - t * batch.labels.velocity  # x = x_t − t·(noise − x)
    distance = (latent - batch.base[batch.target_index]).square().mean(-1)  # (m,)
    if not len(error):
        return error.sum()  # a row of texts only
    lens = [s.length - 2 for s in batch.segments if s.mode is AttentionMode.NOISE]  # without markers
    return torch.stack(
        [
            e.mean() / (d.mean() + RESIDUAL_FLOOR)
            for e, d in zip(error.split(lens), distance.split(lens), strict=True)
        ]
    ).mean()
