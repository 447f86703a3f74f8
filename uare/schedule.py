"""Times of the flow, and what lies between a latent and noise.

Times run as in BAGEL: t = 1 is noise, x_t = (1 − t)·x + t·noise. The paper writes τ = 1 − t.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def shifted(t: Tensor, shift: float) -> Tensor:
    """Moves times in [0, 1] towards noise (shift > 1): t ← s·t / (1 + (s − 1)·t)."""
    return shift * t / (1 + (shift - 1) * t)


def schedule(num_steps: int, shift: float, start: float = 1.0) -> Tensor:
    """Times (num_steps + 1,) float32 from `start` down to 0, denser near noise for shift > 1."""
    times = shifted(torch.linspace(1, 0, num_steps + 1), shift)
    return times.clamp(max=1) * start  # rounded above 1, the first step would lie outside (0, 1] of guidance


def noised(latent: Tensor, noise: Tensor, t: float) -> Tensor:
    """x_t of a latent and its noise, any equal shapes."""
    return (1 - t) * latent + t * noise


def draw_noise(shape: tuple[int, ...], seeds: Sequence[int]) -> Tensor:
    """Noise (B, *shape) float32 from one CPU generator per image, so that a photo gets the same noise alone,
    in any batch and for any device."""
    return torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
