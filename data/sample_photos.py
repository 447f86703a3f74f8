"""Photos for a first try: the free ones that come with scikit-image, harmed by our own degradations.

The seed is fixed, so that everybody's first restoration starts from the same picture. `python
data/sample_photos.py FOLDER` writes all of them, each beside its clean version.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from data.degradations import degrade_with
from uare.errors import InputError, UAREError
from uare.saving import to_pillow

SEED = 0


@dataclass(frozen=True, kw_only=True)
class SamplePhoto:
    """A photo of scikit-image, and what is done to it."""

    name: str  # of the function in skimage.data
    types: tuple[str, ...]  # ids of the shared vocabulary
    severities: tuple[float, ...]  # 1..5, one for each type


# Astronaut: NASA, public domain. Coffee (Rachel Michetti) and Chelsea (Stefan van der Walt): CC0.
SAMPLE_PHOTOS: tuple[SamplePhoto, ...] = (
    SamplePhoto(name="coffee", types=("lowlight",), severities=(3,)),
    SamplePhoto(name="astronaut", types=("noise",), severities=(4,)),
    SamplePhoto(name="chelsea", types=("haze",), severities=(3,)),
)


def clean_photo(name: str) -> Tensor:
    """The unharmed photo of that name, (1, 3, H, W) in [0, 1]; InputError without scikit-image."""
    try:
        import skimage.data
    except ModuleNotFoundError:
        raise InputError(
            "the sample photos come with scikit-image, which is not installed; run: pip install scikit-image"
        ) from None
    pixels = getattr(skimage.data, name)()  # (H, W, 3) uint8
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def harmed_photo(sample: SamplePhoto) -> Tensor:
    """The photo with its harms, (1, 3, H, W) in [0, 1]; the same at every call."""
    generator = torch.Generator().manual_seed(SEED)
    harmed, _ = degrade_with(clean_photo(sample.name), [sample.types], [sample.severities], generator)
    return harmed


def write_png(image: Tensor, path: Path) -> Path:
    """Writes (1, 3, H, W) in [0, 1] as an 8-bit PNG and returns its path."""
    to_pillow(image[0]).save(path)
    return path


def write_sample(folder: Path, sample: SamplePhoto = SAMPLE_PHOTOS[0]) -> Path:
    """Writes the harmed photo as FOLDER/name.png and returns that path."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_png(harmed_photo(sample), folder / f"{sample.name}.png")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Writes the harmed sample photos and their clean versions.")
    parser.add_argument("folder", type=Path, help="where the PNG files go; created if need be")
    folder: Path = parser.parse_args(argv).folder
    try:
        for sample in SAMPLE_PHOTOS:
            harmed = write_sample(folder, sample)
            clean = write_png(clean_photo(sample.name), folder / f"{sample.name}_clean.png")
            harms = ", ".join(f"{t} {s:g}" for t, s in zip(sample.types, sample.severities, strict=True))
            print(f"{harmed}  ({harms})  from {clean}")
    except UAREError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
