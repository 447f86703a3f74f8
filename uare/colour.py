"""Colour that a restoration must not change: luma, and low frequencies taken from the source."""

import torch
import torch.nn.functional as F
from torch import Tensor

from uare.errors import InputError

TONE_STRIDE, TONE_RADIUS = 4, 16  # lines are fitted at a quarter of the size, over windows of 132 px
TONE_EPSILON = 1e-5  # of the source's variance: what deviates by less than 0.003 is flat


def luma(image: Tensor) -> Tensor:
    """Luma (..., 1, H, W) of RGB (..., 3, H, W): ITU-R BT.601, which keeps grey as it is."""
    red, green, blue = image.split(1, dim=-3)
    return (0.299 * red + 0.587 * green + 0.114 * blue).clamp(0, 1)


def low_frequencies(image: Tensor, levels: int = 5) -> Tensor:
    """What is left of an image (..., C, H, W) after `levels` à-trous wavelet planes are taken off.

    Each level blurs with the weights 1 2 1 at twice the distance of the one before, edges repeated: 5 levels
    blur with a standard deviation of 13 px. Float32 throughout.
    """
    if levels < 1:
        raise InputError(f"levels is {levels}, expected at least 1")
    image = image.float()
    for level in range(levels):
        image = _blurred(_blurred(image, 2**level, axis=-1), 2**level, axis=-2)
    return image


def match_low_frequencies(result: Tensor, source: Tensor, levels: int = 5) -> Tensor:
    """Result (..., 3, H, W) with its own detail and the large-scale colours and tones of `source`, in [0, 1].

    Wavelet colour correction (StableSR, arXiv 2305.07015, section 3.4). Not for low light, haze or exposure,
    where the tones have to change. Raises InputError where the sizes differ.
    """
    if result.shape != source.shape:
        raise InputError(
            f"colours are matched at one size only, found {tuple(result.shape)} and {tuple(source.shape)}; "
            "resize the source first"
        )
    return (result + low_frequencies(source - result, levels)).clamp(0, 1)


def retoned(source: Tensor, result: Tensor) -> Tensor:
    """The source (B, 3, H, W) with the tones of `result` and its own structure, in [0, 1].

    Fast guided filter (He, Sun and Tang 2013; He and Sun 2015): around each pixel the result is fitted as a
    straight line over the source, per channel, and the lines are applied to the source. What the result shows
    that is no function of the source's own tones, such as blotches or a grid, does not get through.
    """
    guide = source.float()
    size = [max(1, round(side / TONE_STRIDE)) for side in source.shape[-2:]]
    x, y = (F.interpolate(image, size, mode="area") for image in (guide, result.float()))
    mean_x, mean_y = window_mean(x, TONE_RADIUS), window_mean(y, TONE_RADIUS)
    variance = window_mean(x * x, TONE_RADIUS) - mean_x**2
    slope = (window_mean(x * y, TONE_RADIUS) - mean_x * mean_y) / (variance + TONE_EPSILON)
    offset = mean_y - slope * mean_x
    slope, offset = (
        F.interpolate(window_mean(lines, TONE_RADIUS), source.shape[-2:], mode="bilinear")
        for lines in (slope, offset)
    )
    return (slope * guide + offset).clamp(0, 1)


def window_mean(image: Tensor, radius: int) -> Tensor:
    """Mean over windows of 2·radius + 1 pixels, cut at the borders; (B, C, h, w) both ways.

    Sums of shifted pictures: several times as fast as pooling on a processor.
    """
    for axis, padding in ((-2, (0, 0, radius, radius)), (-1, (radius, radius))):
        length = image.shape[axis]
        padded = F.pad(image, padding)
        total = padded.narrow(axis, 0, length).clone()
        for shift in range(1, 2 * radius + 1):
            total += padded.narrow(axis, shift, length)
        places = torch.arange(length, device=image.device)
        inside = (places + radius).clamp(max=length - 1) - (places - radius).clamp(min=0) + 1
        image = total.div_(inside if axis == -1 else inside[:, None])
    return image


def _blurred(image: Tensor, distance: int, axis: int) -> Tensor:
    """Weights 1 2 1 at -distance, 0, +distance along one axis of an image (..., C, H, W)."""
    planes = image.reshape(-1, *image.shape[-3:])  # (B, C, H, W), as replicate padding wants it
    sides = (distance, distance, 0, 0) if axis == -1 else (0, 0, distance, distance)
    padded = F.pad(planes, sides, mode="replicate")
    length = image.shape[axis]
    outer = padded.narrow(axis, 0, length) + padded.narrow(axis, 2 * distance, length)
    return outer.mul_(0.25).add_(planes, alpha=0.5).reshape(image.shape)
