"""The filters smooth what is flat, keep edges, and are mixed by shares for light and colour."""

from __future__ import annotations

import torch
from torch import Tensor

from uare.smoothing import mixed, smoothing_changes

FILTERS = [(1, 5e-4), (3, 8e-3)]


def self_guided(image: Tensor, radius: int, epsilon: float) -> Tensor:
    """The filtered image itself."""
    return image + smoothing_changes(image, [(radius, epsilon)])[:, 0]


def noisy_edge() -> tuple[Tensor, Tensor]:
    """A step from dark to bright (1, 3, 32, 64), and the same with faint noise."""
    clean = torch.full((1, 3, 32, 64), 0.2)
    clean[..., 32:] = 0.8
    return clean, clean + 0.03 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))


def test_noise_becomes_less_and_an_edge_stays() -> None:
    clean, noisy = noisy_edge()
    smoothed = self_guided(noisy, 3, 8e-3)
    assert (smoothed - clean).square().mean() < 0.25 * (noisy - clean).square().mean()
    step = smoothed[..., 32].mean() - smoothed[..., 31].mean()
    assert float(step) > 0.5


def test_a_vast_epsilon_gives_the_mean_of_the_means_and_none_the_image_itself() -> None:
    image = torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(self_guided(image, 1, 1e-12), image, atol=1e-5, rtol=0)
    means = image.unfold(2, 3, 1).unfold(3, 3, 1).mean((-1, -2))  # (1, 3, 7, 7)
    inner = means.unfold(2, 3, 1).unfold(3, 3, 1).mean((-1, -2))  # (1, 3, 5, 5)
    torch.testing.assert_close(self_guided(image, 1, 1e9)[..., 2:-2, 2:-2], inner)


def test_a_one_coloured_photo_is_not_changed() -> None:
    assert smoothing_changes(torch.full((1, 3, 8, 8), 0.3), FILTERS).abs().max() < 1e-6


def test_no_filters_change_nothing() -> None:
    changes = smoothing_changes(torch.rand(2, 3, 8, 8), [])
    assert torch.equal(mixed(changes, torch.zeros(2, 0, 8, 8)), torch.zeros(2, 3, 8, 8))


def test_light_and_colour_have_shares_of_their_own() -> None:
    changes = smoothing_changes(torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2)), FILTERS)
    shares = torch.zeros(1, 4, 16, 16)
    shares[:, 1] = shares[:, 3] = 1  # all of the second filter
    torch.testing.assert_close(mixed(changes, shares), changes[:, 1])
    shares[:, 3] = 0  # its light alone
    only_light = mixed(changes, shares)
    torch.testing.assert_close(only_light, changes[:, 1].mean(1, keepdim=True).expand(1, 3, 16, 16))
