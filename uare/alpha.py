"""Transparency: what a network should see where a photo shows nothing, and alpha at another size."""

import torch
import torch.nn.functional as F
from torch import Tensor


def fill_transparent(pixels: Tensor, alpha: Tensor | None) -> Tensor:
    """Pixels (3, H, W) whose fully transparent places continue the colours around them.

    Editors leave black, white or noise under alpha 0; resized or restored, it would bleed into what can be
    seen. alpha: (1, H, W) in [0, 1] or None for an opaque photo. Wherever alpha > 0 nothing changes.
    """
    if alpha is None or not (alpha == 0).any() or not (alpha > 0).any():
        return pixels
    return torch.where(alpha > 0, pixels, _pull_and_push(pixels[None] * alpha, alpha[None])[0])


def resize_alpha(alpha: Tensor, size: tuple[int, int]) -> Tensor:
    """Alpha (1, H, W) at `size` (height, width), in [0, 1]; bicubic, as restored pixels are upscaled."""
    if tuple(alpha.shape[-2:]) == size:
        return alpha
    return F.interpolate(alpha[None], size, mode="bicubic", antialias=True)[0].clamp(0, 1)


def _pull_and_push(weighted: Tensor, weight: Tensor) -> Tensor:
    """Colours (1, 3, H, W) for weighted colours and weights (1, 1, H, W).

    A pixel with weight keeps its own; the others take those of the picture at half the size, and so on
    (pull-push, Gortler et al., The Lumigraph, 1996).
    """
    own = weighted / weight.clamp_min(1e-6)
    if (weight > 0).all():
        return own
    coarser = _pull_and_push(_halved(weighted), _halved(weight))
    smooth = F.interpolate(coarser, weight.shape[-2:], mode="bilinear", align_corners=False)
    return torch.where(weight > 0, own, smooth)


def _halved(planes: Tensor) -> Tensor:
    return F.avg_pool2d(planes, 2, ceil_mode=True, count_include_pad=False)
