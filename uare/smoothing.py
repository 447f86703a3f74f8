"""Filters that smooth a photo and keep its edges: candidates that the detail path mixes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from uare.colour import window_mean


def moments(image: Tensor, radius: int) -> tuple[Tensor, Tensor]:
    """Mean (B, 3, H, W) and variance (B, 1, H, W), mean over the channels, in windows around each pixel."""
    mean = window_mean(image, radius)
    variance = (window_mean(image * image, radius) - mean * mean).mean(1, keepdim=True)
    return mean, variance.clamp(min=0)


def self_guided(image: Tensor, mean: Tensor, variance: Tensor, radius: int, epsilon: float) -> Tensor:
    """Guided filter of an image (B, 3, H, W) float32 with itself as its guide (He, Sun and Tang 2013).

    `mean` and `variance` are its moments for that radius. Where the variance is far below `epsilon` the
    result is the window's mean, where it is far above the image itself.
    """
    slope = variance / (variance + epsilon)  # (B, 1, H, W)
    return window_mean(slope, radius) * image + window_mean((1 - slope) * mean, radius)


def smoothing_changes(image: Tensor, filters: Sequence[tuple[int, float]]) -> Tensor:
    """What each filter (radius, epsilon) adds to an image (B, 3, H, W): (B, filters, 3, H, W) float32.

    Mixing such filters by shares that suit the place is the self-guided restoration of AV1 (Mukherjee et al.
    2017), whose shares are sent with the picture; here a network chooses them.
    """
    image = image.float()
    known = {radius: moments(image, radius) for radius in {radius for radius, _ in filters}}
    changes = image.new_empty(image.shape[0], len(filters), *image.shape[1:])
    for place, (radius, epsilon) in enumerate(filters):
        changes[:, place] = self_guided(image, *known[radius], radius, epsilon) - image
    return changes


def mixed(changes: Tensor, shares: Tensor) -> Tensor:
    """Sum (B, 3, H, W) of changes (B, K, 3, H, W), light and colour by shares (B, 2K, H, W) of their own."""
    light_shares, colour_shares = shares[:, :, None].chunk(2, dim=1)  # (B, K, 1, H, W)
    light = changes.mean(2, keepdim=True)
    return (light_shares * light + colour_shares * (changes - light)).sum(1)
