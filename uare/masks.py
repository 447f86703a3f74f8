"""Masks: which part of a photo a restoration may change."""

import torch
from torch import Tensor

from uare.colour import luma
from uare.errors import InputError
from uare.images import PhotoSource, load_photo


def load_mask(source: PhotoSource, size: tuple[int, int]) -> Tensor:
    """Reads a mask as (1, H, W) float32 in [0, 1] for a photo of `size` (height, width): white is restored.

    Colours count by their luma, transparent places as black. Raises InputError for another size than the
    photo's, since no resizing could tell which pixels were meant.
    """
    mask = load_photo(source)
    if mask.size != size:
        raise InputError(
            f"the mask has {mask.size[1]}x{mask.size[0]} px and its photo {size[1]}x{size[0]}; "
            "draw the mask at the photo's size"
        )
    grey = luma(mask.pixels)
    return grey if mask.alpha is None else grey * mask.alpha


def apply_mask(original: Tensor, restored: Tensor, mask: Tensor) -> Tensor:
    """Pixels (3, H, W): restored where the mask (1, H, W) is white, original where black, mixed between.

    Where the mask is 0 the values are the original's own, so that a file of the same depth without loss (PNG,
    TIFF) has the same numbers there.
    """
    if original.shape != restored.shape:
        raise InputError(
            f"a mask needs a restoration of the photo's size, found {tuple(restored.shape[-2:])} "
            f"for {tuple(original.shape[-2:])}; use it without upscaling"
        )
    return torch.where(mask == 0, original, torch.lerp(original, restored, mask.expand_as(original)))
