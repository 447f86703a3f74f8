"""What makes a comparison of two photos doubtful: other sizes, other contents."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

_SIDE = 16  # cells along each side of the sketch of a photo
# Correlation of sketches below which two photos hardly show the same. Measured: at least 0.67 between photos
# and their harmed versions of seven kinds, at most 0.47 between 95 % of pairs of different photos.
_UNLIKE = 0.5
_PLAIN = 0.01  # deviation of a sketch below which it shows nothing


def pair_warnings(first: Tensor, second: Tensor) -> tuple[str, ...]:
    """A sentence for each reason to doubt a comparison of images (3, H, W) in [0, 1]."""
    sizes = [tuple(image.shape[-2:]) for image in (first, second)]
    warnings = []
    if sizes[0] != sizes[1]:
        found = " and ".join(f"{width}x{height}" for height, width in sizes)
        warnings.append(f"the photos have different sizes ({found} px), which sways the comparison")
    if not _show_the_same(first, second):
        warnings.append("the photos do not seem to show the same; their qualities are compared all the same")
    return tuple(warnings)


def _show_the_same(first: Tensor, second: Tensor) -> bool:
    """Whether the coarse distributions of light agree; True where one of them has none."""
    a, b = (_sketch(image) for image in (first, second))
    if min(float(a.std()), float(b.std())) < _PLAIN:
        return True
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (a.norm() * b.norm())) >= _UNLIKE


def _sketch(image: Tensor) -> Tensor:
    """Mean light of 16×16 cells, (256,)."""
    return F.adaptive_avg_pool2d(image.mean(0, keepdim=True), _SIDE).flatten()
