"""A large picture as overlapping tiles of one size, and their results as one picture without seams.

Tiles start on a grid of `multiple` pixels, so that a network with that stride sees every tile in the same
phase as the whole. Along each axis the windows of all tiles sum to one, so that a canvas needs no divisor:
the memory for any picture is that of the result and of one tile. Beyond its edges a picture is mirrored.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import torch
from torch import Tensor

from uare.errors import InputError

Box: TypeAlias = tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels of the padded picture, end exclusive


@dataclass(frozen=True, kw_only=True)
class TilePlan:
    """Where the tiles of a picture lie; made by `plan_tiles`."""

    size: tuple[int, int]  # (height, width) of the picture
    tile_size: tuple[int, int]  # (height, width) of every tile, multiples of the grid
    row_starts: tuple[int, ...]  # y0 of each row of tiles
    column_starts: tuple[int, ...]  # x0 of each column of tiles

    @property
    def boxes(self) -> list[Box]:
        """Boxes of the tiles, row by row; the last ones may reach beyond the picture."""
        height, width = self.tile_size
        return [(x, y, x + width, y + height) for y in self.row_starts for x in self.column_starts]

    @cached_property
    def row_windows(self) -> dict[int, Tensor]:
        """y0 -> weights (tile height,) of that row of tiles."""
        return _windows(self.row_starts, self.tile_size[0])

    @cached_property
    def column_windows(self) -> dict[int, Tensor]:
        """x0 -> weights (tile width,) of that column of tiles."""
        return _windows(self.column_starts, self.tile_size[1])


def plan_tiles(height: int, width: int, tile: int, overlap: int, multiple: int = 16) -> TilePlan:
    """Covers a picture with the fewest tiles of up to `tile` px a side that overlap by `overlap` px or more.

    `tile` and `overlap` are rounded up to multiples of `multiple`. A side that fits into one tile gets one
    tile of that side, rounded up. Raises InputError if a tile would be half overlap or more.
    """
    if min(height, width) < 1 or multiple < 1 or overlap < 0:
        raise InputError(
            f"cannot tile {height}x{width} px with overlap {overlap} and multiple {multiple}; "
            "expected sides and multiple of at least 1 and an overlap of at least 0"
        )
    tile, overlap = _round_up(tile, multiple), _round_up(overlap, multiple)
    if tile < multiple or 2 * overlap >= tile:
        raise InputError(
            f"tiles of {tile} px cannot overlap by {overlap} px (both in steps of {multiple}); "
            "expected less than half a tile"
        )
    tile_height, row_starts = _starts(height, tile, overlap, multiple)
    tile_width, column_starts = _starts(width, tile, overlap, multiple)
    return TilePlan(
        size=(height, width),
        tile_size=(tile_height, tile_width),
        row_starts=row_starts,
        column_starts=column_starts,
    )


def cut_tile(image: Tensor, box: Box) -> Tensor:
    """The part of an image (..., H, W) inside a box, mirrored beyond the right and lower edge."""
    x0, y0, x1, y1 = box
    height, width = image.shape[-2:]
    if y1 <= height and x1 <= width:
        return image[..., y0:y1, x0:x1]
    rows = mirrored_indices(y0, y1, height).to(image.device)
    columns = mirrored_indices(x0, x1, width).to(image.device)
    return image.index_select(-2, rows).index_select(-1, columns)


class Canvas:
    """The picture that tiles add up to: one float32 buffer of the result's size."""

    def __init__(self, plan: TilePlan, channels: int = 3, device: torch.device | str = "cpu") -> None:
        self.plan = plan
        self._sum = torch.zeros(channels, *plan.size, device=device)  # (C, H, W)

    def add(self, tile: Tensor, box: Box) -> None:
        """Adds one tile (C, tile height, tile width) of the plan; each box must be added exactly once."""
        x0, y0, x1, y1 = box
        if tile.shape[-2:] != self.plan.tile_size:
            raise InputError(
                f"a tile came back as {tuple(tile.shape[-2:])} px, expected {self.plan.tile_size}; "
                "what runs on tiles must keep their size"
            )
        height, width = self.plan.size
        part = tile[..., : height - y0, : width - x0].to(self._sum)  # what lies inside the picture
        rows = self.plan.row_windows[y0][: height - y0].to(self._sum)
        columns = self.plan.column_windows[x0][: width - x0].to(self._sum)
        self._sum[..., y0:y1, x0:x1].add_(part * rows[:, None] * columns)

    def result(self) -> Tensor:
        """The picture (C, H, W) float32, once all tiles are added."""
        return self._sum


def blend(tiles: Iterable[Tensor], plan: TilePlan, channels: int = 3) -> Tensor:
    """The picture (C, H, W) float32 of tiles (C, tile height, tile width) in the order of the boxes."""
    canvas = Canvas(plan, channels)
    for tile, box in zip(tiles, plan.boxes, strict=True):
        canvas.add(tile, box)
    return canvas.result()


def pad_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """An image (..., H, W) mirrored at its right and lower edge until its sides are multiples; 1x1 works.

    The way back is `crop(padded, size)`.
    """
    height, width = image.shape[-2:]
    return cut_tile(image, (0, 0, _round_up(width, multiple), _round_up(height, multiple)))


def crop(image: Tensor, size: tuple[int, int]) -> Tensor:
    """The upper left part (..., height, width) of an image: what `pad_to_multiple` was given."""
    return image[..., : size[0], : size[1]]


def mirrored_indices(start: int, end: int, length: int) -> Tensor:
    """Indices (end - start,) into an axis of `length`, mirrored about both its ends as often as needed."""
    period = max(2 * (length - 1), 1)
    folded = torch.arange(start, end) % period
    return torch.minimum(folded, period - folded) if length > 1 else torch.zeros_like(folded)


def _starts(length: int, tile: int, overlap: int, multiple: int) -> tuple[int, tuple[int, ...]]:
    """Side of the tiles along an axis and where each starts, evenly spread on the grid."""
    padded = _round_up(length, multiple)
    if padded <= tile:
        return padded, (0,)
    num_steps = math.ceil((padded - tile) / (tile - overlap))
    # Rounding down to the grid never widens a step beyond tile - overlap, which lies on the grid itself.
    return tile, tuple(
        (padded - tile) * step // num_steps // multiple * multiple for step in range(num_steps + 1)
    )


def _windows(starts: tuple[int, ...], side: int) -> dict[int, Tensor]:
    """start -> weights (side,) float32: raised cosines over the overlap with each neighbour, one elsewhere.

    Divided by their sum, so that they add up to one also where three tiles meet.
    """
    total = torch.zeros(starts[-1] + side, dtype=torch.float64)
    windows = {}
    for index, start in enumerate(starts):
        window = torch.ones(side, dtype=torch.float64)
        if index > 0:
            ramp = _raised_cosine(starts[index - 1] + side - start)
            window[: len(ramp)] *= ramp
        if index + 1 < len(starts):
            ramp = _raised_cosine(start + side - starts[index + 1])
            window[side - len(ramp) :] *= ramp.flip(0)
        windows[start] = window
        total[start : start + side] += window
    return {start: (window / total[start : start + side]).float() for start, window in windows.items()}


def _raised_cosine(length: int) -> Tensor:
    """Weights (length,) float64 that rise from 0 to 1 and complement their mirror image."""
    return 0.5 - 0.5 * torch.cos(math.pi * (torch.arange(length, dtype=torch.float64) + 0.5) / max(length, 1))


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
