"""Does level 1..5 mean the same visible harm in every type of degradation? Measured, not promised.

Three photographs are harmed many times by each type at each level. Harm is the geometric mean of two
distances of luma: gradient-magnitude similarity deviation, which sees edges lost and grains or blocks won,
and one minus multi-scale structural similarity, which sees contrast and light. Medians over draws and
photographs are compared with the median type. `python data/calibrate.py` prints the table.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from data.degradations import DEGRADATIONS, compress, generator_for
from data.degradations.sampling import severity_of
from data.degradations.table import Degrade
from data.sample_photos import SAMPLE_PHOTOS, clean_photo
from uare.errors import UAREError
from uare.vocabulary import SEVERITIES

LEVELS = tuple(SEVERITIES)
FILES = "jpeg*"  # the row of the real still codecs
SIDE_PX = 256  # longest side: at full size a blur of 3 px would hide in the thumbnail that people look at
LUMA = (0.299, 0.587, 0.114)
GMSD_CONSTANT = 170.0  # Xue et al., IEEE TIP 2014, for values of 0..255 at half size
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al., Asilomar 2003
WINDOW_PX, WINDOW_SIGMA = 11, 1.5

# Median harm at severities 1..5 under the name of each type.
Harms = dict[str, tuple[float, ...]]


def luma(images: Tensor) -> Tensor:
    """Luma (B, 1, H, W) of images (B, 3, H, W), on the same scale."""
    return (images * torch.tensor(LUMA, device=images.device).view(1, 3, 1, 1)).sum(1, keepdim=True)


def gmsd(images: Tensor, references: Tensor) -> Tensor:
    """Gradient-magnitude similarity deviation (B,) of images (B, 3, H, W) in [0, 1]; 0 is equal."""
    prewitt = torch.tensor([[1.0, 0.0, -1.0]] * 3, device=images.device) / 3
    kernels = torch.stack([prewitt, prewitt.T]).unsqueeze(1)
    first, second = (
        F.conv2d(F.avg_pool2d(luma(one) * 255, 2), kernels).square().sum(1).sqrt()
        for one in (images, references)
    )
    similarity = (2 * first * second + GMSD_CONSTANT) / (first**2 + second**2 + GMSD_CONSTANT)
    return similarity.flatten(1).std(1)


def ms_ssim(images: Tensor, references: Tensor) -> Tensor:
    """Multi-scale structural similarity (B,) of images (B, 3, H, W) in [0, 1], sides of 96 px or more."""
    first, second = luma(images), luma(references)
    total = torch.ones(len(images), device=images.device)
    for scale, weight in enumerate(SCALE_WEIGHTS):
        mean_a, mean_b = _windowed(first), _windowed(second)
        variances = _windowed(first**2) - mean_a**2 + _windowed(second**2) - mean_b**2
        covariance = _windowed(first * second) - mean_a * mean_b
        structure = ((2 * covariance + 9e-4) / (variances + 9e-4)).mean((1, 2, 3)).clamp_min(1e-3)
        total = total * structure**weight
        if scale == len(SCALE_WEIGHTS) - 1:
            light = (2 * mean_a * mean_b + 1e-4) / (mean_a**2 + mean_b**2 + 1e-4)
            total = total * light.mean((1, 2, 3)) ** weight
        first, second = F.avg_pool2d(first, 2), F.avg_pool2d(second, 2)
    return total


def _windowed(planes: Tensor) -> Tensor:
    taps = torch.arange(WINDOW_PX, device=planes.device).float() - WINDOW_PX // 2
    taps = torch.exp(-0.5 * (taps / WINDOW_SIGMA) ** 2)
    kernel = torch.outer(taps, taps) / taps.sum() ** 2
    padded = F.pad(planes, (WINDOW_PX // 2,) * 4, mode="reflect")
    return F.conv2d(padded, kernel.view(1, 1, WINDOW_PX, WINDOW_PX))


def harm_of(images: Tensor, references: Tensor) -> Tensor:
    """How harmed images (B, 3, H, W) in [0, 1] look beside their references, (B,) from 0 upwards."""
    return (gmsd(images, references) * (1 - ms_ssim(images, references)).clamp_min(0)).sqrt()


def calibration_photos(side_px: int = SIDE_PX) -> list[Tensor]:
    """The photos of scikit-image, each (1, 3, H, W) with a longest side of `side_px`."""
    photos = [clean_photo(sample.name) for sample in SAMPLE_PHOTOS]
    return [
        F.interpolate(
            photo,
            scale_factor=side_px / max(photo.shape[-2:]),
            mode="bilinear",
            antialias=True,
            recompute_scale_factor=True,
        )
        for photo in photos
    ]


def measure(photos: Sequence[Tensor], num_draws: int) -> Harms:
    """Median harm over photos (1, 3, H, W) and draws for each type and level, and for real still codecs."""
    rows: dict[str, Degrade] = {row.type: row.apply for row in DEGRADATIONS} | {FILES: compress}
    return {
        name: tuple(_median_harm(apply, level, photos, num_draws) for level in LEVELS)
        for name, apply in rows.items()
    }


def _median_harm(apply: Degrade, level: int, photos: Sequence[Tensor], num_draws: int) -> float:
    harms = []
    for photo in photos:
        many = photo.expand(num_draws, -1, -1, -1)
        # The same draws at every level: levels then differ by severity alone.
        generators = [generator_for(0, index) for index in range(num_draws)]
        harmed, _ = apply(many, torch.full((num_draws,), float(level)), generators)
        harms.append(harm_of(harmed, many))
    return float(torch.cat(harms).median())


def median_type(harms: Harms) -> tuple[float, ...]:
    """The median over the table's types at each level: what a level means, as far as the types agree."""
    of_types = torch.tensor([harms[row.type] for row in DEGRADATIONS])
    return tuple(of_types.median(0).values.tolist())


def as_levels(harms: Harms) -> Harms:
    """The level, 0 to 5.5, at which the median type does the same harm."""
    reference = median_type(harms)
    return {name: tuple(severity_of(reference, torch.tensor(row)).tolist()) for name, row in harms.items()}


def format_table(title: str, rows: Mapping[str, Sequence[float]], decimals: int) -> str:
    """Lines of a title with the levels, then a row for each name."""
    lines = [title.ljust(34) + "".join(f"{level:>8}" for level in LEVELS)]
    lines += [
        name.ljust(34) + "".join(f"{value:8.{decimals}f}" for value in row) for name, row in rows.items()
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measures how harmful each level of each degradation is.")
    parser.add_argument("--draws", type=int, default=16, help="per photo, type and level (default: 16)")
    parser.add_argument("--side", type=int, default=SIDE_PX, help="of the photos, px (default: %(default)s)")
    args = parser.parse_args(argv)
    try:
        harms = measure(calibration_photos(args.side), args.draws)
    except UAREError as error:
        print(error, file=sys.stderr)
        return 2
    print(format_table("harm at severity", harms | {"median type": median_type(harms)}, 3))
    print()
    print(format_table("the median type's severity for it", as_levels(harms), 1))
    print(f"\n{FILES}: JPEG, WebP and AVIF files, the codecs themselves")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
