"""Pictures as the page shows them: of a size that a browser takes quickly, and files of their visitor."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from uare.images import Photo
from uare.saving import to_pillow

SHOWN_PX = 2048  # longest side; what is downloaded has all pixels
PAINTED_PX = 768  # longest side of what one paints on
QUICK: dict[str, Any] = {"compress_level": 1}  # PNG, so that the page shows no losses of its own


def shown(pixels: Tensor, alpha: Tensor | None = None, largest_px: int = SHOWN_PX) -> Image.Image:
    """8-bit picture of pixels (3, H, W) and alpha (1, H, W), no side longer than `largest_px`."""
    height, width = pixels.shape[-2:]
    step = max(height, width) // (2 * largest_px)
    if step > 1:  # most of a large photo need not be converted
        pixels = pixels[:, ::step, ::step]
        alpha = None if alpha is None else alpha[:, ::step, ::step]
    picture = to_pillow(pixels, alpha)
    picture.thumbnail((largest_px, largest_px), Image.Resampling.LANCZOS)
    return picture


def write_shown(folder: Path, name: str, picture: Image.Image) -> str:
    """Path of the picture as a new file of `folder`; browsers keep what they have seen under its name."""
    path = folder / f"{name}-{secrets.token_hex(6)}.png"
    picture.save(path, **QUICK)
    return str(path)


def write_photo(folder: Path, name: str, photo: Photo) -> str:
    """Path of a photo as the page shows it."""
    return write_shown(folder, name, shown(photo.pixels, photo.alpha))


def painted_mask(layers: list[Image.Image], size: tuple[int, int], *, keeps: bool) -> np.ndarray | None:
    """Mask (H, W) uint8 for a photo of `size` (height, width), 255 = restore; None if nothing is painted.

    `keeps`: what is painted stays as it is; else it is the only part that is restored.
    """
    alphas = [np.asarray(layer.convert("RGBA"))[..., 3] for layer in layers]
    if not any(alpha.any() for alpha in alphas):
        return None
    painted = Image.fromarray((np.max(alphas, axis=0) > 0).astype(np.uint8) * 255)
    mask = np.asarray(painted.resize((size[1], size[0]), Image.Resampling.NEAREST))
    return 255 - mask if keeps else mask
