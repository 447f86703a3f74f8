"""What travels: segments, and the packed row that training and inference hand to the network.

A row holds the tokens of one or more samples end to end. Its segments say who sees whom; nothing else does.
"""

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor


class AttentionMode(StrEnum):
    """How the tokens of a segment see each other; every one of them also sees all earlier segments."""

    CAUSAL = "causal"  # text: each token sees those before it
    FULL = "full"  # an image: all tokens see all
    NOISE = "noise"  # a noised target: all see all, and nobody else sees them


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A run of tokens of one sample with one attention rule."""

    length: int
    mode: AttentionMode
    sample: int  # index of the sample in the row


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What the network should have said at the rows that are judged."""

    token_ids: Tensor  # (n,) int64, next token at `PackedBatch.logit_index`
    token_weights: Tensor  # (n,) float32, 1/√n of the answer's length (BAGEL's optional reweighting)
    velocity: Tensor  # (m, C*4) float32, noise − latent at `PackedBatch.target_index`


@dataclass(frozen=True, kw_only=True)
class PackedBatch:
    """Samples laid end to end in one row of N tokens, without padding.

    Text and markers (T), ViT patches (P) and latent tokens (M) lie in arrays of their own; the `*_index`
    arrays say at which of the N places. Latent tokens go to the restoration expert, all others to the IQA
    expert. Timestep 1 is noise (BAGEL's direction; the paper's τ is 1 − t).
    """

    segments: tuple[Segment, ...]
    positions: Tensor  # (N,) int64, RoPE; one shared position per image
    token_ids: Tensor  # (T,) int64
    token_index: Tensor  # (T,) int64
    patches: Tensor  # (P, patch² · 3) float32 in [-1, 1], channel last
    patch_positions: Tensor  # (P,) int64, row · table side + column
    patch_index: Tensor  # (P,) int64
    patch_lens: tuple[int, ...]  # patches of each ViT image
    latents: Tensor  # (M, C*4) float32, noised already where timestep > 0
    base: Tensor  # (M, C*4) float32, latent of the photo a target restores; 0 for conditions
    timesteps: Tensor  # (M,) float32, 0 for conditions
    latent_positions: Tensor  # (M,) int64, row · table side + column
    latent_index: Tensor  # (M,) int64
    logit_index: Tensor  # (n,) int64, places whose logits are wanted
    target_index: Tensor  # (m,) int64, which of the M latent tokens are noised targets
    next_positions: tuple[int, ...]  # per sample, where its next item starts
    labels: Labels | None = None

    @property
    def num_tokens(self) -> int:
        return self.positions.shape[0]

    @property
    def num_samples(self) -> int:
        return len(self.next_positions)

    @property
    def sample_lens(self) -> tuple[int, ...]:
        """Tokens of each sample."""
        lens = [0] * self.num_samples
        for segment in self.segments:
            lens[segment.sample] += segment.length
        return tuple(lens)

    def to(self, device: torch.device | str) -> "PackedBatch":
        """The same batch with its tensors on `device`."""
        return _move(self, device)


def _move(travellers: Any, device: torch.device | str) -> Any:
    moved: dict[str, Any] = {}
    for field in fields(travellers):
        value = getattr(travellers, field.name)
        if isinstance(value, Tensor):
            moved[field.name] = value.to(device, non_blocking=True)
        elif isinstance(value, Labels):
            moved[field.name] = _move(value, device)
    return replace(travellers, **moved)
