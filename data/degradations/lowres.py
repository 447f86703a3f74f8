"""Low resolution: reduced by a factor and brought back to its size with bicubic interpolation.

Severity sets the factor, so that the x2 and x4 of super-resolution are severities 2 and 4.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from data.degradations.kernels import convolve, gaussian_kernels
from data.degradations.sampling import (
    Columns,
    Generators,
    choice,
    device_of,
    normal_like,
    per_image,
    records_of,
    uniform,
)
from data.records import DegradationRecord

FACTORS = (1.5, 2.0, 3.0, 4.0, 6.0)  # severities 1..5
FILTERS = ("bicubic", "bilinear", "area")
SHARES = (0.5, 0.25, 0.25)
BLUR_PX = (0.3, 0.9)  # deviation of the lens blur before the reduction
NOISE_255 = 2.0  # largest sigma on the small image


def _there_and_back(images: Tensor, factor: float, reduce: str) -> Tensor:
    """Reduces (B, 3, H, W) by `factor`, rounds to 8 bits and enlarges to the old size."""
    height, width = images.shape[-2:]
    small = (max(1, round(height / factor)), max(1, round(width / factor)))
    if reduce == "area":
        reduced = F.interpolate(images, small, mode="area")
    else:
        reduced = F.interpolate(images, small, mode=reduce, align_corners=False, antialias=True)
    reduced = (reduced.clamp(0, 1) * 255).round() / 255
    return F.interpolate(reduced, (height, width), mode="bicubic", align_corners=False).clamp(0, 1)


def lowres(images: Tensor, severity: Tensor, generator: Generators) -> tuple[Tensor, list[DegradationRecord]]:
    """Takes resolution from each image of (B, 3, H, W) in [0, 1], size kept; records factor and filter."""
    count = images.shape[0]
    severity = severity.to(device_of(generator))
    level = severity.float().round().clamp(1, 5).long() - 1
    kind = choice(count, SHARES, generator)
    sigma_px = uniform(count, *BLUR_PX, generator)
    sigma = uniform(count, 0, NOISE_255, generator)
    factor = torch.tensor(FACTORS, device=level.device)[level]
    soft = convolve(images, gaussian_kernels(sigma_px.to(images.device)))
    # The reduction averages factor^2 pixels, so this leaves about `sigma` on the small image.
    soft = soft + normal_like(images, generator) * per_image(sigma * factor / 255, images)
    result = torch.empty_like(images)
    group = level * len(FILTERS) + kind
    for code in sorted(set(group.tolist())):  # sizes differ between factors: one resize per combination
        chosen = (group == code).nonzero().squeeze(1).to(images.device)
        row, column = divmod(code, len(FILTERS))
        result[chosen] = _there_and_back(soft[chosen], FACTORS[row], FILTERS[column])
    columns: Columns = {
        "factor": factor,
        "filter": [FILTERS[index] for index in kind.tolist()],
        "blur_px": sigma_px,
        "sigma_255": sigma,
    }
    return result, records_of("lowres", severity, columns)
