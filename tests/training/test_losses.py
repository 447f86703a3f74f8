"""The losses: known answers, and that balancing makes far and near photos count alike."""

import math

import pytest
import torch
from torch import Tensor

from tests.uare.tiny import tiny_config
from training.losses import RESIDUAL_FLOOR, balanced_latent_loss, flow_loss, text_loss
from uare.cache import ContextCache
from uare.model import ModelOutput
from uare.packing import NoisedLatent, Text, pack
from uare.segments import PackedBatch


def output_of(batch: PackedBatch, velocity: Tensor | None = None, vocab_size: int = 300) -> ModelOutput:
    assert batch.labels is not None
    return ModelOutput(
        logits=torch.zeros(len(batch.logit_index), vocab_size),
        velocity=torch.zeros_like(batch.labels.velocity) if velocity is None else velocity,
        hidden=torch.zeros(batch.num_tokens, 32),
        seen=torch.zeros(len(batch.patch_index), 24),
        cache=ContextCache((), (), ()),
    )


def target(value: float, base: float, t: float = 0.5) -> NoisedLatent:
    """A 1 x 2 latent that is `value` everywhere, its photo's latent `base`, and no noise."""
    tokens = torch.full((2, 64), value)
    return NoisedLatent(
        tokens=(1 - t) * tokens,
        grid=(1, 2),
        timestep=t,
        base=torch.full((2, 64), base),
        velocity=-tokens,
    )


def test_uniform_logits_cost_the_logarithm_of_the_vocabulary() -> None:
    batch = pack([[Text(ids=(5, 6, 7), loss=True)]], tiny_config())
    assert float(text_loss(output_of(batch), batch)) == pytest.approx(math.log(300), rel=1e-6)


def test_flow_loss_is_the_squared_velocity_error() -> None:
    batch = pack([[target(value=3.0, base=0.0)]], tiny_config())
    assert float(flow_loss(output_of(batch), batch)) == pytest.approx(9.0)
    assert batch.labels is not None
    assert float(flow_loss(output_of(batch, batch.labels.velocity), batch)) == 0.0


@pytest.mark.parametrize("distance", [0.5, 4.0])
def test_leaving_a_photo_as_it_is_costs_about_one_however_far_it_was_from_clean(distance: float) -> None:
    batch = pack([[target(value=distance, base=0.0)]], tiny_config())
    t = 0.5
    unchanged = (batch.latents - batch.base) / t  # the velocity that leads back to the photo itself
    expected = distance**2 / (distance**2 + RESIDUAL_FLOOR)
    assert float(balanced_latent_loss(output_of(batch, unchanged), batch)) == pytest.approx(
        expected, rel=1e-5
    )


def test_a_row_of_texts_has_no_latent_loss() -> None:
    batch = pack([[Text(ids=(5, 6), loss=True)]], tiny_config())
    assert float(balanced_latent_loss(output_of(batch), batch)) == 0.0
