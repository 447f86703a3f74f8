"""Texture statistics: each harm moves the numbers that are made for it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from uare.packing import patchify_image
from uare.texture import NUM_STATISTICS, image_statistics, patch_statistics

FINE = slice(0, 8)  # mean answers of the fine filters


def statistics_of(image: Tensor) -> Tensor:
    return patch_statistics(patchify_image((image - 0.5) / 0.5, 16), 16)


@pytest.fixture
def photo(astronaut: Tensor) -> Tensor:
    return astronaut.reshape(3, *astronaut.shape[-2:])[:, :128, :128].float()


def test_a_flat_patch_answers_nothing(photo: Tensor) -> None:
    flat = statistics_of(torch.full((3, 16, 16), 0.3))
    assert flat.shape == (1, NUM_STATISTICS)
    assert torch.isfinite(flat).all()
    assert (flat[:, FINE] <= statistics_of(photo)[:, FINE].min()).all()


def test_noise_raises_the_fine_answers_and_blur_lowers_them(photo: Tensor) -> None:
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
    noisy = statistics_of((photo + 0.1 * noise).clamp(0, 1))[:, FINE].mean()
    blurred = statistics_of(F.avg_pool2d(photo[None], 5, stride=1, padding=2)[0])[:, FINE].mean()
    assert blurred + 0.3 < statistics_of(photo)[:, FINE].mean() < noisy - 0.3


def test_blocks_of_eight_pixels_are_seen_at_their_borders() -> None:
    blocks = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(1)).repeat_interleave(8, 1)
    border, elsewhere = statistics_of(blocks.repeat_interleave(8, 2))[:, 33:35].unbind(-1)
    assert (border > elsewhere + 1).all()


def test_an_image_is_described_by_its_own_patches_alone(photo: Tensor) -> None:
    statistics = statistics_of(photo)
    both = image_statistics(statistics, (40, 24))
    assert torch.equal(both[:1], image_statistics(statistics[:40], (40,)))
    assert torch.equal(both[1:], image_statistics(statistics[40:], (24,)))
