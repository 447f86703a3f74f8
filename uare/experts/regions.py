"""Regions as the network sees them: each one's own patches, unresized; and how a person sees them.

A crop around a region would show its neighbours too, and a resized one would be sharper or cleaner than the
photo is. So a region is read as those patches of the photo that are mostly its own. Together the regions of
a photo have as many patches as the photo.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from uare.config import UAREConfig
from uare.errors import InputError
from uare.packing import VisionImage
from uare.partition import Labels
from uare.resizing import resize, target_size
from uare.results import Region

MOST_PATCHES = 192  # of one region; a region that has more is read at every second or third place
_COLOURS = ((178, 24, 43), (239, 138, 98), (247, 236, 190), (103, 169, 207), (33, 102, 172))  # scores 1 to 5
_TINT = 0.55  # of the colour in a heat map; the rest is the photo's grey
_INK, _PAPER = (20, 20, 20), (255, 255, 255)


def region_views(
    pixels: Tensor, labels: Labels, config: UAREConfig, most_patches: int = MOST_PATCHES
) -> list[VisionImage]:
    """What the vision encoder is shown of each region of an image (3, H, W) with labels (H, W).

    A patch belongs to the region that has most of it; a region that has no patch so is shown the one in which
    its share is largest. Where the photo is larger than what the encoder can see at once, a region is seen in
    the window that holds most of it.
    """
    limits, patch = config.assess_transform, config.vision.patch_size
    if tuple(pixels.shape[-2:]) != labels.shape:
        raise InputError(
            f"regions of {labels.shape} px do not fit an image of {tuple(pixels.shape[-2:])}; "
            "divide the image that is assessed"
        )
    if not limits.cuts or min(labels.shape) < limits.min_size:
        size = target_size(labels.shape, limits)
        pixels, labels = resize(pixels, size), _nearest(labels, size)
    shares = _shares(labels, patch)  # (L, rows, columns)
    owner = shares.argmax(0)
    num_rows, num_columns = owner.shape
    whole = pixels[:, : num_rows * patch, : num_columns * patch]
    grid = whole.unflatten(2, (num_columns, patch)).unflatten(1, (num_rows, patch))  # (3, r, p, c, p)
    side = min(limits.max_size // patch, config.vision.table_side)
    views = []
    for index, share in enumerate(shares):
        own = owner == index
        if not own.any():
            own = share == share.max()
        top, left = _window(own, side)
        rows, columns = (min(side, length) for length in own.shape)
        places = own[top : top + rows, left : left + columns].flatten().nonzero()[:, 0]
        places = places[:: -(-len(places) // most_patches)]
        seen = grid[:, top + places // columns, :, left + places % columns]  # (n, 3, p, p)
        patches = ((seen.float() - 0.5) / 0.5).permute(0, 2, 3, 1).flatten(1)  # as `patchify_image` has them
        views.append(VisionImage(patches=patches, grid=(rows, columns), places=places))
    return views


def _nearest(labels: Labels, size: tuple[int, int]) -> Labels:
    """Labels (H, W) at another size, none of them new."""
    rows = np.arange(size[0]) * labels.shape[0] // size[0]
    columns = np.arange(size[1]) * labels.shape[1] // size[1]
    return labels[rows[:, None], columns]


def _shares(labels: Labels, patch: int) -> Tensor:
    """How many pixels of every whole patch each region has: (L, rows, columns) int64."""
    height, width = (side // patch * patch for side in labels.shape)
    whole = labels[:height, :width]
    shares = []
    for index in range(int(labels.max()) + 1):
        # rows first and in bytes, which a patch's side fits: a photo of 16 megapixels takes milliseconds
        lines = (whole == index).reshape(-1, patch, width).sum(axis=1, dtype=np.uint8)
        shares.append(lines.reshape(len(lines), -1, patch).sum(axis=2, dtype=np.int64))
    return torch.from_numpy(np.stack(shares))


def _window(own: Tensor, side: int) -> tuple[int, int]:
    """Top and left of the window, up to `side` patches a side, with most of a region's (rows, columns)."""
    rows, columns = (min(side, length) for length in own.shape)
    lines = F.avg_pool2d(own.float()[None], (rows, 1), 1, divisor_override=1)
    counts = F.avg_pool2d(lines, (1, columns), 1, divisor_override=1)[0]
    place = int(counts.argmax())
    return place // counts.shape[1], place % counts.shape[1]


def colour_of(score: float) -> tuple[int, int, int]:
    """RGB of a score in [1, 5]: red is bad, blue is good, as people without red or green can tell too."""
    place = min(max(score, 1.0), 5.0) - 1
    low = min(int(place), len(_COLOURS) - 2)
    share = place - low
    return tuple(round(a + share * (b - a)) for a, b in zip(_COLOURS[low], _COLOURS[low + 1], strict=True))  # type: ignore[return-value]


def heat_map(image: Image.Image, regions: Sequence[Region]) -> Image.Image:
    """The picture in grey, tinted by each region's overall score; that and the worst dimension stand in it.

    Same size as the picture. Raises InputError for regions of another size.
    """
    grey = np.asarray(image.convert("L"), dtype=np.float32)
    for region in regions:
        if region.mask.shape != grey.shape:
            raise InputError(
                f"a region of {region.mask.shape} px does not fit a picture of {grey.shape}; "
                "draw the regions over the photo that was assessed"
            )
    tinted = np.repeat(grey[..., None], 3, axis=-1)
    for region in regions:
        colour = np.array(colour_of(region.overall), dtype=np.float32)
        tinted[region.mask] = (1 - _TINT) * tinted[region.mask] + _TINT * colour
    labels = np.zeros(grey.shape, dtype=np.uint8)
    for index, region in enumerate(regions):
        labels[region.mask] = index
    tinted[_borders(labels, max(1, min(grey.shape) // 200))] = _PAPER
    picture = Image.fromarray(tinted.round().astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for region in regions:
        _write(draw, region, letter_px=max(9, min(24, min(picture.size) // 22)))
    return picture


def _borders(labels: Labels, width_px: int) -> NDArray[np.bool_]:
    """True (H, W) where regions meet, about `width_px` wide."""
    borders = np.zeros(labels.shape, dtype=bool)
    for step in range(1, width_px + 1):
        borders[step:] |= labels[step:] != labels[:-step]
        borders[:, step:] |= labels[:, step:] != labels[:, :-step]
    return borders


def _write(draw: ImageDraw.ImageDraw, region: Region, letter_px: int) -> None:
    """Writes a region's score at its innermost point, and its worst dimension below where there is room."""
    centre, radius = innermost(region.mask)
    font = ImageFont.load_default(letter_px)
    lines = [f"{region.overall:.1f}", region.worst]
    width = max(font.getlength(line) for line in lines)
    text = "\n".join(lines if 2 * radius >= width / 2 else lines[:1])
    left, top, right, bottom = draw.textbbox(centre, text, font=font, anchor="mm", align="center")
    shift_x = max(2 - left, 0) + min(draw.im.size[0] - 2 - right, 0)
    shift_y = max(2 - top, 0) + min(draw.im.size[1] - 2 - bottom, 0)
    draw.text(
        (centre[0] + shift_x, centre[1] + shift_y),
        text,
        fill=_INK,
        font=font,
        anchor="mm",
        align="center",
        stroke_width=max(1, letter_px // 8),
        stroke_fill=_PAPER,
    )


def innermost(mask: NDArray[np.bool_]) -> tuple[tuple[float, float], float]:
    """The point (x, y) of a mask (H, W) that is furthest from its border, and how far along rows and columns.

    Found on a picture of at most 96 px a side, by taking the border off again and again.
    """
    step = -(-max(mask.shape) // 96)
    left = np.pad(mask[::step, ::step], 1)
    if not left.any():  # thinner than the steps
        left = np.pad(mask, 1)
        step = 1
    depth = 0
    while True:
        inner = left.copy()
        for axis in (0, 1):
            inner &= np.roll(left, 1, axis) & np.roll(left, -1, axis)
        if not inner.any():
            break
        left, depth = inner, depth + 1
    rows, columns = np.nonzero(left)
    middle = np.square(rows - rows.mean()) + np.square(columns - columns.mean())
    place = int(middle.argmin())
    return ((float(columns[place] - 0.5) * step), float(rows[place] - 0.5) * step), (depth + 0.5) * step
