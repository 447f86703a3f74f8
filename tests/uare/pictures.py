"""Small pictures that the tests of assessment, comparison and restoration share."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def smooth_pixels(height: int, width: int) -> Tensor:
    """Slow waves of colour (3, H, W) in [0.2, 0.8]: neighbours differ by less than 0.02."""
    rows = torch.linspace(0, 1, height)[:, None] * height / 20
    columns = torch.linspace(0, 1, width)[None] * width / 20
    planes = [torch.sin(rows + columns), torch.cos(rows - columns), torch.sin(2 - rows)]
    return torch.stack([0.5 + 0.3 * plane.expand(height, width) for plane in planes])


def random_array(height: int, width: int, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    """Noise (H, W, C) uint8."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, channels))
    return values.astype(np.uint8)
