"""Training photos in memory, and deterministic random crops of them.

A folder holds pictures and a `photos.json` manifest; only entries marked `clear` (licence) are used. Crops
are reduced by 0.5 to 1 with antialiasing, so that the marks of the files' own compression vanish. A small
share of crops is drawn instead: flat areas, ramps and glyphs that photos seldom have. Degrading crops is left
to `data.degradations`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from uare.errors import InputError

FOLDER_VARIABLE = "UARE_TRAIN_PHOTOS"
Pixels = NDArray[np.uint8]  # (H, W, 3) RGB


def training_folder(given: Path | None = None) -> Path:
    """The folder given, or the one that UARE_TRAIN_PHOTOS names in the environment; InputError if neither."""
    if given is not None:
        return given
    named = os.environ.get(FOLDER_VARIABLE)
    if not named:
        raise InputError(f"no folder of training photos given; pass one or set {FOLDER_VARIABLE}")
    return Path(named)


def load_photos(folder: Path) -> list[Pixels]:
    """Decodes every photo that `folder/photos.json` marks `clear`; InputError if one cannot be read."""
    return [read_rgb(folder / name) for name in clear_names(folder)]


def clear_names(folder: Path) -> list[str]:
    """Files that `folder/photos.json` marks `clear`, in its order; InputError if it marks none."""
    manifest = folder / "photos.json"
    try:
        entries = json.loads(manifest.read_text(encoding="utf-8"))
        names = [entry["file"] for entry in entries if entry["clear"] is True]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{manifest} is not a list of photos with `file` and `clear` ({error}); give another folder"
        ) from error
    if not names:
        raise InputError(f"{manifest} marks no photo as clear, expected at least one; give another folder")
    return names


def read_rgb(path: Path) -> Pixels:
    """Pixels of an 8-bit picture without an orientation tag; InputError if it cannot be decoded."""
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except OSError as error:
        raise InputError(
            f"cannot read training photo {path} ({error}); restore it or take it out of the manifest"
        ) from error


ENLARGED = (1.3, 3.0)  # factors of soft crops


@dataclass(frozen=True, kw_only=True)
class CropSettings:
    """How crops are drawn."""

    size_px: int  # side of the square crop
    min_scale: float = 0.5  # a crop is reduced by a factor drawn from [min_scale, 1]
    drawn_share: float = 0.05  # share of procedural pictures
    soft_share: float = (
        0.0  # share of photos enlarged: pixels of a camera are softer than those of small photos
    )
    darkened_share: float = 0.15  # share of photos made darker: not every dark photo is in need of light
    quarter_turns: bool = (
        False  # rotations by 90 degrees: fine for a codec, wrong for a network that knows the sky
    )

    def __post_init__(self) -> None:
        shares = (self.drawn_share, self.soft_share, self.darkened_share)
        if self.size_px < 16 or not 0 < self.min_scale <= 1 or not all(0 <= share <= 1 for share in shares):
            raise InputError(
                f"crop settings need size_px >= 16, 0 < min_scale <= 1 and shares in [0, 1]; found {self}"
            )


class PhotoCrops:
    """Endless crops of photos: the same (seed, index) always gives the same crop."""

    def __init__(self, photos: Sequence[Pixels], settings: CropSettings, seed: int) -> None:
        """Photos (H, W, 3); those smaller than the crop are left out, InputError if that leaves none."""
        self.photos = [photo for photo in photos if min(photo.shape[:2]) >= settings.size_px]
        if not self.photos:
            raise InputError(
                f"none of {len(photos)} photos has sides of {settings.size_px} px; choose a smaller crop"
            )
        self.settings = settings
        self.seed = seed

    def crop(self, index: int) -> Pixels:
        """Crop number `index`: (size_px, size_px, 3) uint8."""
        generator = np.random.default_rng((self.seed, index))
        if generator.random() < self.settings.drawn_share:
            return draw_picture(self.settings.size_px, generator)
        photo = self.photos[int(generator.integers(len(self.photos)))]
        pixels = self._cut(photo, generator)
        if generator.random() < self.settings.darkened_share:
            pixels = darkened(pixels, generator)
        if generator.random() < 0.5:
            pixels = pixels[:, ::-1]
        if self.settings.quarter_turns:
            pixels = np.rot90(pixels, int(generator.integers(4)))
        return np.ascontiguousarray(pixels)

    def _cut(self, photo: Pixels, generator: np.random.Generator) -> Pixels:
        size_px, min_scale = self.settings.size_px, self.settings.min_scale
        if not self.settings.soft_share or generator.random() >= self.settings.soft_share:
            return random_crop(photo, size_px, min_scale, generator)
        small_px = round(size_px / generator.uniform(*ENLARGED))
        small = Image.fromarray(random_crop(photo, small_px, min_scale, generator))
        return np.asarray(small.resize((size_px, size_px), Image.Resampling.BICUBIC))

    def batch(self, first_index: int, count: int) -> Tensor:
        """Crops `first_index` to `first_index + count` as (count, 3, H, W) float32 in [0, 1]."""
        pixels = np.stack([self.crop(index) for index in range(first_index, first_index + count)])
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)  # (B, H, W, 3) to (B, 3, H, W)


def random_crop(photo: Pixels, size_px: int, min_scale: float, generator: np.random.Generator) -> Pixels:
    """A random square of `photo`, reduced with antialiasing by min_scale to 1 to (size_px, size_px, 3)."""
    height, width = photo.shape[:2]
    scale = generator.uniform(max(min_scale, size_px / min(height, width)), 1.0)
    side = min(round(size_px / scale), height, width)
    top = int(generator.integers(height - side + 1))
    left = int(generator.integers(width - side + 1))
    square = np.ascontiguousarray(photo[top : top + side, left : left + side])
    if side == size_px:
        return square
    # BICUBIC widens its kernel when it reduces, so it antialiases, without the ringing of LANCZOS
    return np.asarray(Image.fromarray(square).resize((size_px, size_px), Image.Resampling.BICUBIC))


def darkened(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """The same picture as if taken at dusk: values by a power of 1.1 to 1.7 and a factor of 0.7 to 1."""
    power, factor = generator.uniform(1.1, 1.7), generator.uniform(0.7, 1.0)
    return (255 * factor * (pixels / 255) ** power).round().astype(np.uint8)


def draw_picture(size_px: int, generator: np.random.Generator) -> Pixels:
    """A ramp between two colours with shapes, strokes, glyphs on it: (size_px, size_px, 3), antialiased."""
    side = 2 * size_px  # drawn at twice the size, because ImageDraw does not antialias
    angle = generator.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[0:side, 0:side] / side - 0.5
    ramp = np.clip(0.5 + rows * np.sin(angle) + columns * np.cos(angle), 0, 1)[..., None]  # (side, side, 1)
    first, last = generator.uniform(0, 255, (2, 3))
    picture = Image.fromarray((first + (last - first) * ramp).round().astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(generator.integers(0, 7))):
        colour = tuple(int(value) for value in generator.integers(0, 256, 3))
        (x0, x1), (y0, y1) = np.sort(generator.integers(0, side, (2, 2)), axis=1).tolist()
        match int(generator.integers(4)):
            case 0:
                pen.rectangle((x0, y0, x1, y1), fill=colour)
            case 1:
                pen.ellipse((x0, y0, x1, y1), fill=colour)
            case 2:
                pen.line((x0, y1, x1, y0), fill=colour, width=int(generator.integers(1, 12)))
            case _:
                glyphs = "".join(chr(code) for code in generator.integers(33, 127, 12))
                font = ImageFont.load_default(size=float(generator.integers(14, 60)))
                pen.text((x0 // 2, y0), glyphs, fill=colour, font=font)
    return np.asarray(picture.resize((size_px, size_px), Image.Resampling.BOX))
