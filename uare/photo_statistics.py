"""A photo as a row of fixed numbers: what noise, blur, blocks and lost contrast do to its fine structure.

Nothing here is learned. Filter answers over patches at two scales (`uare.texture`), statistics of locally
normalised light at three (Mittal, Moorthy and Bovik, BRISQUE, 2012), and a few of colour and tone. A judge of
restorations needs them beside features of a network that was taught to name harm: what tells two restorations
of one photo apart is often too small to have a name.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from uare.packing import patchify_image
from uare.texture import NUM_STATISTICS, image_statistics, patch_statistics

PATCH = 16  # pixels
LEAST_PX = 2 * PATCH  # of each side: half of it must still hold a patch
_LUMA = (0.299, 0.587, 0.114)
_SHIFTS = ((1, 0), (0, 1), (1, 1), (1, -1))  # to neighbours: below, right, and both diagonals
_NORMALISED = 7 + 4 * len(_SHIFTS)
_SCALES = (1, 2, 4)
_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
NUM_PHOTO_STATISTICS = 2 * 4 * NUM_STATISTICS + len(_SCALES) * _NORMALISED + 4 + len(_QUANTILES)
_EDGE = 3  # pixels at the border that the window of normalisation does not fill


def photo_statistics(image: Tensor) -> Tensor:
    """(NUM_PHOTO_STATISTICS,) float32 of an image (3, H, W) in [0, 1]; one below 32 px is repeated to it."""
    image = _enough(image.float())
    luma = (image * image.new_tensor(_LUMA)[:, None, None]).sum(0)[None, None]  # (1, 1, H, W)
    opponents = torch.stack([image[0] - image[1], (image[0] + image[1]) / 2 - image[2]]).flatten(1)
    return torch.cat(
        [
            _filter_answers(image),
            _filter_answers(F.avg_pool2d(image[None], 2)[0]),
            *(_normalised(F.avg_pool2d(luma, scale)) for scale in _SCALES),
            opponents.mean(1),
            opponents.std(1),
            torch.quantile(luma.flatten(), luma.new_tensor(_QUANTILES)),
        ]
    )


def _enough(image: Tensor) -> Tensor:
    """The image, or a small one mirrored until each side has LEAST_PX."""
    while min(image.shape[-2:]) < LEAST_PX:
        axis = -1 if image.shape[-1] < LEAST_PX else -2
        image = torch.cat([image, image.flip(axis)], dim=axis)
    return image


def _filter_answers(image: Tensor) -> Tensor:
    """Mean, deviation, least and largest over patches of what `patch_statistics` says of each."""
    height, width = (side // PATCH * PATCH for side in image.shape[-2:])
    patches = patchify_image((image[:, :height, :width] - 0.5) / 0.5, PATCH)
    return image_statistics(patch_statistics(patches, PATCH), (len(patches),))[0]


def _normalised(luma: Tensor) -> Tensor:
    """(_NORMALISED,) of light (1, 1, H, W) over its local deviation, and of the latter."""
    row = luma.new_tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    window = (row[:, None] * row[None])[None, None]
    mean = F.conv2d(luma, window, padding=2)
    spread = (F.conv2d(luma * luma, window, padding=2) - mean * mean).clamp_min(0).sqrt()
    values = (luma - mean) / (spread + 1 / 255)
    if min(values.shape[-2:]) > 2 * _EDGE + 1:
        values = values[..., _EDGE:-_EDGE, _EDGE:-_EDGE]
    logs = (spread + 1 / 255).log()
    found = [
        values.mean(),
        values.abs().mean(),
        values.square().mean(),
        values.pow(4).mean().clamp_min(1e-6).log(),
        spread.mean().clamp_min(1e-4).log(),
        logs.mean(),
        logs.std(),
    ]
    for down, right in _SHIFTS:
        products = values * values.roll((-down, -right), (-2, -1))
        products = products[..., : products.shape[-2] - down, :]
        products = products[..., :-1] if right > 0 else products[..., 1:] if right < 0 else products
        found += [
            products.mean(),
            products.abs().mean(),
            products.clamp_min(0).square().mean().sqrt(),
            products.clamp_max(0).square().mean().sqrt(),
        ]
    return torch.stack(found)
