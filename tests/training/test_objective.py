"""The loss of a step: harms count alike where they are balanced, and texts alone have no velocity."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.uare.tiny import text, tiny_config
from training.objective import RESIDUAL_FLOOR, balancing_weights
from uare.packing import NoisedLatent, pack

T = 0.5


def target(distance: float, num_tokens: int) -> NoisedLatent:
    """A target whose clean latent is `distance` from its base in every channel."""
    generator = torch.Generator().manual_seed(num_tokens)
    clean, noise = torch.randn(2, num_tokens, 64, generator=generator)
    return NoisedLatent(
        tokens=(1 - T) * clean + T * noise,
        grid=(1, num_tokens),
        timestep=T,
        base=clean - distance,
        velocity=noise - clean,
    )


def unchanged_error(batch_latents: Tensor, base: Tensor, velocity: Tensor) -> Tensor:
    """Squared velocity errors (m,) of a network that gives the photo itself back."""
    return ((batch_latents - base) / T - velocity).square().mean(-1)


def test_leaving_a_photo_as_it_is_costs_about_one_however_far_it_was_from_clean() -> None:
    batch = pack([[target(0.5, 4)], [target(4.0, 2)]], tiny_config())
    assert batch.labels is not None
    place = batch.target_index
    errors = unchanged_error(batch.latents[place], batch.base[place], batch.labels.velocity)
    costs = errors * balancing_weights(batch)
    expected = [distance**2 / (distance**2 + RESIDUAL_FLOOR) for distance in (0.5, 4.0)]
    assert costs[:4].tolist() == pytest.approx([expected[0]] * 4, rel=1e-4)
    assert costs[4:].tolist() == pytest.approx([expected[1]] * 2, rel=1e-4)


def test_a_row_of_texts_has_no_weights() -> None:
    assert balancing_weights(pack([[text(5, 6, loss=True)]], tiny_config())).shape == (0,)
