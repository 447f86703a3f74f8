"""What the published chains of two stages share: the draws of a stage, its resizing and its noise.

Numbers and steps are Real-ESRGAN's (xinntao/Real-ESRGAN: train_realesrgan_x4plus.yml, realesrgan_model.py),
among them resizing without antialiasing: its aliases are part of the harm. `second_order.py` and
`compression_chain.py` say what each chain does with them; `traces.py` keeps account.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from data.degradations.mixed_kernels import draw_mixed_kernels, point_kernels
from data.degradations.sampling import Generators, choice, rand, uniform
from data.degradations.traces import Trace
from uare.errors import InputError

MODES = ("area", "bilinear", "bicubic")
GREY_NOISE_SHARE = 0.4
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, kw_only=True)
class Ranges:
    """What one stage draws from."""

    blur_share: float
    sigma_px: tuple[float, float]
    resize_shares: tuple[float, float, float]  # larger, smaller, as it is
    resize_range: tuple[float, float]
    gaussian_255: tuple[float, float]  # sigma in 1/255, half of the images
    poisson_scale: tuple[float, float]  # gain of the shot noise of the other half


FIRST = Ranges(
    blur_share=1.0,
    sigma_px=(0.2, 3.0),
    resize_shares=(0.2, 0.7, 0.1),
    resize_range=(0.15, 1.5),
    gaussian_255=(1.0, 30.0),
    poisson_scale=(0.05, 3.0),
)
SECOND = Ranges(
    blur_share=0.8,
    sigma_px=(0.2, 1.5),
    resize_shares=(0.3, 0.4, 0.3),
    resize_range=(0.3, 1.2),
    gaussian_255=(1.0, 25.0),
    poisson_scale=(0.05, 2.5),
)


@dataclass(frozen=True)
class Stage:
    """What one stage does to one image, in the order in which it is drawn."""

    kernel: Tensor  # (1, K, K)
    blur_px: float  # deviation; 0 where it does not blur
    factor: float  # of the resizing
    mode: str
    is_gaussian: bool  # noise, else shot noise
    gaussian_255: float
    poisson_scale: float
    is_grey: bool  # the same noise in all channels


def check_chain(images: Tensor, scale: int) -> tuple[int, int]:
    """The size that a chain returns: 1/scale of that of images (B, 3, H, W); InputError if none is left."""
    height, width = images.shape[-2:]
    if scale < 1 or min(height, width) < 8 * scale:
        raise InputError(
            f"found {width}x{height} px and scale {scale}, expected a scale of 1 or more and sides of "
            "at least 8 px for each of it"
        )
    return height // scale, width // scale


def draw_modes(count: int, generator: Generators) -> list[str]:
    """How each of `count` images is resized."""
    return [MODES[index] for index in choice(count, [1.0] * len(MODES), generator).tolist()]


def draw_stages(count: int, ranges: Ranges, generator: Generators) -> list[Stage]:
    """Draws one stage for each of `count` images."""
    kernels, blur_px = draw_mixed_kernels(count, ranges.sigma_px, generator)
    blurs = uniform(count, 0, 1, generator) < ranges.blur_share
    kernels = torch.where(blurs.view(-1, 1, 1), kernels, point_kernels(count, kernels.device))
    direction, share = choice(count, ranges.resize_shares, generator), rand((count,), generator)
    low, high = ranges.resize_range
    changes = torch.stack([1 + (high - 1) * share, low + (1 - low) * share, torch.ones_like(share)], dim=1)
    columns = zip(
        kernels.split(1),
        (blur_px * blurs).tolist(),
        changes.gather(1, direction.view(-1, 1)).squeeze(1).tolist(),
        draw_modes(count, generator),
        (uniform(count, 0, 1, generator) < 0.5).tolist(),
        uniform(count, *ranges.gaussian_255, generator).tolist(),
        uniform(count, *ranges.poisson_scale, generator).tolist(),
        (uniform(count, 0, 1, generator) < GREY_NOISE_SHARE).tolist(),
        strict=True,
    )
    return [Stage(*column) for column in columns]


def resized(image: Tensor, height: float, width: float, mode: str, trace: Trace) -> Tensor:
    """Image (1, 3, H, W) at another size, sides rounded down to whole px."""
    size = (max(1, int(height)), max(1, int(width)))
    trace.resize(size[0], mode)
    if mode == "area":
        return F.interpolate(image, size, mode="area")
    return F.interpolate(image, size, mode=mode, align_corners=False)


def noisy(image: Tensor, stage: Stage, generator: torch.Generator, trace: Trace) -> Tensor:
    """Image (1, 3, H, W) with the noise of its stage, in [0, 1]."""
    image = image.clamp(0, 1)
    if stage.is_gaussian:
        planes = image[:, :1] if stage.is_grey else image
        added = torch.randn(planes.shape, generator=generator, device=generator.device)
        added = added.to(image.device) * (stage.gaussian_255 / 255)
    else:
        added = stage.poisson_scale * _shot_noise(image, stage.is_grey, generator)
    result = (image + added).clamp(0, 1)
    trace.noise(float((result - image).square().mean().sqrt()) * 255)
    return result


def _shot_noise(image: Tensor, is_grey: bool, generator: torch.Generator) -> Tensor:
    """What counting photons adds to (1, 3, H, W); the more values the picture has, the more are counted."""
    if is_grey:
        image = (image * torch.tensor(LUMA, device=image.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    stored = (image * 255).round() / 255
    photons = 2 ** math.ceil(math.log2(stored.unique().numel()))
    counted = torch.poisson((stored * photons).to(generator.device), generator=generator)
    return counted.to(image.device) / photons - stored
