"""The blur kernels of Real-ESRGAN: Gaussians, flatter and peakier ones, plateaus, and a ringing low-pass.

Numbers are those of its published training options for x4 (xinntao/Real-ESRGAN, train_realesrgan_x4plus.yml).
"""

import math

import torch
from torch import Tensor

from data.degradations.sampling import Generators, choice, rand, uniform

CANVAS = 21  # px, the largest kernel
NUM_SIZES = 8  # odd sizes 7, 9, … 21
RINGING_SHARE = 0.1
# Round Gaussian, oblong Gaussian, then the same two with another exponent, then as plateaus.
SHARES = (0.45, 0.25, 0.12, 0.03, 0.12, 0.03)
GENERALISED_EXPONENT = (0.5, 4.0)
PLATEAU_EXPONENT = (1.0, 2.0)


def point_kernels(count: int, device: torch.device) -> Tensor:
    """Kernels that change nothing, (count, CANVAS, CANVAS)."""
    kernels = torch.zeros((count, CANVAS, CANVAS), device=device)
    kernels[:, CANVAS // 2, CANVAS // 2] = 1
    return kernels


def draw_sizes(count: int, generator: Generators) -> Tensor:
    """Odd kernel sides (count,) from 7 to 21 px."""
    return 7 + 2 * choice(count, [1.0] * NUM_SIZES, generator)


def ringing_kernels(cutoff_rad: Tensor, size_px: Tensor) -> Tensor:
    """Ideal round low-passes cut to (B,) sizes, (B, CANVAS, CANVAS), each summing to one: edges overshoot."""
    x, y = _grid(cutoff_rad.device)
    radius = torch.hypot(x, y)
    cutoff = cutoff_rad.view(-1, 1, 1)
    kernels = cutoff * torch.special.bessel_j1(cutoff * radius) / (2 * math.pi * radius.clamp_min(1e-6))
    kernels[:, CANVAS // 2, CANVAS // 2] = cutoff_rad**2 / (4 * math.pi)
    return _cut(kernels, size_px)


def ringing_blur_px(cutoff_rad: Tensor) -> Tensor:
    """Deviation of the Gaussian that passes half of what lies at the (B,) cut-off."""
    return math.sqrt(2 * math.log(2)) / cutoff_rad


def draw_mixed_kernels(
    count: int, sigma_px: tuple[float, float], generator: Generators
) -> tuple[Tensor, Tensor]:
    """Draws kernels (count, CANVAS, CANVAS), each summing to one, and how far they blur, (count,) px.

    That is the deviation of the drawn kernel along an axis, or for a ringing one that of a like Gaussian.
    """
    size_px = draw_sizes(count, generator)
    is_ringing = uniform(count, 0, 1, generator) < RINGING_SHARE
    lowest_rad = torch.where(size_px < 13, math.pi / 3, math.pi / 5)
    cutoff_rad = lowest_rad + (math.pi - lowest_rad) * rand((count,), generator)
    shape = choice(count, SHARES, generator)
    long_px, other_px = uniform(count, *sigma_px, generator), uniform(count, *sigma_px, generator)
    short_px = torch.where(shape % 2 == 1, other_px, long_px)
    angle_rad = uniform(count, -math.pi, math.pi, generator)
    low_half, share = uniform(count, 0, 1, generator) < 0.5, rand((count,), generator)
    generalised, plateau = (
        torch.where(low_half, low + (1 - low) * share, 1 + (high - 1) * share)
        for low, high in (GENERALISED_EXPONENT, PLATEAU_EXPONENT)
    )
    exponent = torch.where(shape < 2, torch.ones_like(share), torch.where(shape < 4, generalised, plateau))
    kernels = _bell_kernels(long_px, short_px, angle_rad, exponent, shape >= 4, size_px)
    blur_px = torch.where(is_ringing, ringing_blur_px(cutoff_rad), _deviation_px(kernels))
    kernels = torch.where(is_ringing.view(-1, 1, 1), ringing_kernels(cutoff_rad, size_px), kernels)
    return kernels, blur_px


def _bell_kernels(
    long_px: Tensor,
    short_px: Tensor,
    angle_rad: Tensor,
    exponent: Tensor,
    is_plateau: Tensor,
    size_px: Tensor,
) -> Tensor:
    x, y = _grid(long_px.device)
    cosine, sine = angle_rad.cos().view(-1, 1, 1), angle_rad.sin().view(-1, 1, 1)
    along = (cosine * x + sine * y) / long_px.view(-1, 1, 1)
    across = (cosine * y - sine * x) / short_px.view(-1, 1, 1)
    powered = (along**2 + across**2) ** exponent.view(-1, 1, 1)
    bell = torch.where(is_plateau.view(-1, 1, 1), 1 / (1 + powered), torch.exp(-0.5 * powered))
    return _cut(bell, size_px)


def _grid(device: torch.device) -> tuple[Tensor, Tensor]:
    """Columns and rows counted from the canvas centre, (CANVAS, CANVAS) px each."""
    axis = torch.arange(CANVAS, device=device).float() - CANVAS // 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return x, y


def _cut(kernels: Tensor, size_px: Tensor) -> Tensor:
    """Sets what lies outside a (B,) side to zero and makes each sum one."""
    x, y = _grid(kernels.device)
    inside = torch.maximum(x.abs(), y.abs()) <= (size_px // 2).view(-1, 1, 1)
    kernels = kernels * inside
    return kernels / kernels.sum((-2, -1), keepdim=True)


def _deviation_px(kernels: Tensor) -> Tensor:
    x, y = _grid(kernels.device)
    return (kernels * (x**2 + y**2) / 2).sum((-2, -1)).sqrt()
