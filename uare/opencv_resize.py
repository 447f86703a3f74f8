"""OpenCV's bilinear resize of 8-bit pictures, number for number, without OpenCV.

Weights are integers of 11 bits and nothing is blurred before it shrinks. The released judge has seen pictures
that were resized so; Pillow's bilinear resize differs from it by up to 72 grey levels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ONE = 2048  # the weight 1


def resize_bilinear(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resizes (H, W, C) uint8 to `size` (height, width) as cv2.resize does with INTER_LINEAR."""
    height, width = pixels.shape[:2]
    left, share = _places(width, size[1])
    outside = (left < 0) | (left >= width - 1)
    share = np.where(outside, np.float32(0), share)
    left = left.clip(0, width - 1)
    right = np.minimum(left + 1, width - 1)
    weight_left, weight_right = _weights(share)
    wide = pixels.astype(np.int64)
    rows = wide[:, left] * weight_left[:, None] + wide[:, right] * weight_right[:, None]  # (H, w, C)

    top, share = _places(height, size[0])
    weight_top, weight_bottom = _weights(share)
    above, below = rows[top.clip(0, height - 1)], rows[(top + 1).clip(0, height - 1)]  # (h, w, C)
    # the shifts in between are OpenCV's: they keep its products within 32 bits
    upper = ((above >> 4) * weight_top[:, None, None]) >> 16
    lower = ((below >> 4) * weight_bottom[:, None, None]) >> 16
    return ((upper + lower + 2) >> 2).clip(0, 255).astype(np.uint8)


def _places(source: int, target: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For each target pixel the source pixel before it, (target,), and how far it is past that."""
    centres = ((np.arange(target) + 0.5) * (source / target) - 0.5).astype(np.float32)
    before = np.floor(centres)
    return before.astype(np.int64), centres - before


def _weights(share: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Integer weights of the pixels before and after; rounded half to even."""
    before = np.rint((np.float32(1) - share) * np.float32(_ONE)).astype(np.int64)
    return before, np.rint(share * np.float32(_ONE)).astype(np.int64)
