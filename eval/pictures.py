"""Picture files and the arrays that metrics take: (H, W, 3) float64 RGB in [0, 1] here, 8-bit PNG on disk.

`uare.images` reads them, so that scores see the same upright pixels as the model; alpha and colour profiles
have no part in a score.
"""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from eval.metrics import Array
from uare.errors import InputError
from uare.images import load_photo


def read_picture(path: Path) -> Array:
    """Reads a picture as (H, W, 3) float64 in [0, 1]; InputError if it is missing, damaged or too large."""
    return load_photo(path).pixels.permute(1, 2, 0).numpy().astype(np.float64)


def write_picture(image: Array, path: Path) -> None:
    """Writes an (H, W, 3) picture as 8-bit PNG, rounded; a broken run leaves no half-written file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    Image.fromarray(to_bytes(image)).save(partial, format="PNG")
    os.replace(partial, path)


def to_bytes(image: Array) -> NDArray[np.uint8]:
    """Rounds a picture in [0, 1] to 8 bits, clipping what lies outside."""
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


def to_array(picture: Image.Image | NDArray[np.generic] | Tensor) -> Array:
    """(H, W, 3) in [0, 1] of what a restorer gives back: a PIL image, a tensor (3, H, W), or an array."""
    if isinstance(picture, Tensor):
        picture = picture.movedim(0, -1).numpy()
    array = np.asarray(picture.convert("RGB") if isinstance(picture, Image.Image) else picture)
    if array.ndim != 3 or array.shape[2] != 3:
        raise InputError(f"found a restored picture of shape {array.shape}, expected (H, W, 3)")
    if np.issubdtype(array.dtype, np.integer):
        return array.astype(np.float64) / np.iinfo(array.dtype).max
    return array.astype(np.float64)
