"""The size an image has before an encoder: BAGEL's resize rule, and the resize itself.

Rounding is half to even throughout, as Python's `round` does (BAGEL, data/transforms.py).
"""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from uare.config import TransformConfig


def target_size(size: tuple[int, int], limits: TransformConfig, num_images: int = 1) -> tuple[int, int]:
    """Returns (height, width), multiples of the stride, for an image of `size` (height, width).

    Small images are enlarged until their short side is `min_size` (the minimum wins over the maximum); an
    area above `max_pixels / num_images` shrinks by the *ratio* of areas, not its root: BAGEL's rule.
    """
    height, width = size
    scale = max(min(limits.max_size / max(height, width), 1.0), limits.min_size / min(height, width))
    height, width = _scaled(height, width, scale, limits.stride)
    budget = limits.max_pixels / num_images
    if height * width > budget:
        height, width = _scaled(height, width, budget / (height * width), limits.stride)
    if max(height, width) > limits.max_size:
        height, width = _scaled(height, width, limits.max_size / max(height, width), limits.stride)
    return height, width


def fitted(image: Tensor, limits: TransformConfig, num_images: int = 1) -> Tensor:
    """The image (3, H, W) at the size it has before an encoder: resized by the rule, or cut."""
    height, width = image.shape[-2:]
    if limits.cuts and min(height, width) >= limits.min_size:
        return cut_middle(image, limits.max_size, limits.stride)
    return resize(image, target_size((height, width), limits, num_images))


def cut_middle(image: Tensor, max_size: int, stride: int) -> Tensor:
    """The middle of an image (..., H, W): sides up to `max_size`, multiples of the stride, on its grid."""
    for axis in (-2, -1):
        side = min(image.shape[axis], max_size) // stride * stride
        start = (image.shape[axis] - side) // 2 // stride * stride  # blocks of JPEG stay where they were
        image = image.narrow(axis, start, side)
    return image


def _scaled(height: int, width: int, scale: float, stride: int) -> tuple[int, int]:
    def snap(side: int) -> int:
        return max(stride, int(round(round(side * scale) / stride) * stride))

    return snap(height), snap(width)


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resizes an image (3, H, W) float32 in [0, 1] to `size` (height, width), bicubic with antialiasing.

    Goes through 8 bits and Pillow, as the reference does; an image that has the size already is returned as
    it is. Pillow rounds between height and width. One that gets lower and wider has its height resized
    first, as Pillow 13 does it, so that Pillow 12 gives the same; where both sides shrink, the two versions
    may differ by one level of 255.
    """
    if tuple(image.shape[-2:]) == tuple(size):
        return image
    pixels = (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()  # (H, W, 3)
    picture = Image.fromarray(pixels)
    height, width = size
    if height < picture.height and width > picture.width:
        picture = picture.resize((picture.width, height), Image.Resampling.BICUBIC)
    resized = picture.resize((width, height), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.asarray(resized).copy()).permute(2, 0, 1).to(image.device) / 255  # (3, h, w)
