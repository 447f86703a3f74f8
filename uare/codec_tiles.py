"""Runs an encoder or decoder over a large picture in overlapping squares and blends what comes out.

Sizes here are in pixels of the picture, whether input and output are pixels or latents. Tiles of the whole
restoration, with an analysis shared between them, are another matter (`uare.tiling`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from uare.errors import InputError

STEP_PX = 16  # tiles begin at whole latent tokens


@dataclass(frozen=True)
class TileGrid:
    """Square tiles with overlap; one step of the input covers `in_px` pixels, one of the output `out_px`."""

    tile_px: int
    overlap_px: int
    in_px: int
    out_px: int

    def __post_init__(self) -> None:
        if (
            self.tile_px % STEP_PX
            or self.overlap_px % STEP_PX
            or not 0 <= 2 * self.overlap_px <= self.tile_px
        ):
            raise InputError(
                f"tile of {self.tile_px} px with an overlap of {self.overlap_px} px: both must be multiples "
                f"of {STEP_PX} and the overlap at most half the tile; choose for example 512 and 128"
            )

    def starts(self, side_px: int) -> list[int]:
        """First pixel of each tile along a side; the last tile is moved back to end with the picture."""
        if side_px <= self.tile_px:
            return [0]
        stride = self.tile_px - self.overlap_px
        return [*range(0, side_px - self.tile_px, stride), side_px - self.tile_px]

    def ramp(self, start: int, side_px: int) -> Tensor:
        """Weights (output steps of the tile,) of the tile that begins at pixel `start` of a side.

        In an overlap the weight is 0 over the outer quarter, where a network sees padding in place of
        picture, rises over the middle half and is 1 over the inner quarter; at the picture's own
        border it stays 1.
        """
        length = min(self.tile_px, side_px) // self.out_px
        overlap = self.overlap_px // self.out_px
        if overlap == 0:
            return torch.ones(length)
        position = (torch.arange(length) + 0.5) / overlap  # in overlaps from the tile's first edge
        rise = ((position - 0.25) * 2).clamp(0, 1)
        weights = torch.ones(length)
        if start > 0:
            weights = weights * rise
        if start + self.tile_px < side_px:
            weights = weights * rise.flip(0)
        return weights


def blend_tiles(apply: Callable[[Tensor], Tensor], inputs: Tensor, grid: TileGrid) -> Tensor:
    """`apply` over tiles of inputs (B, C, Hi, Wi), blended to (B, C', Ho, Wo).

    Tiles are computed one after the other, which is what bounds the memory. A picture that fits into one
    tile is one plain call.
    """
    height_px, width_px = (side * grid.in_px for side in inputs.shape[-2:])
    rows, columns = grid.starts(height_px), grid.starts(width_px)
    if len(rows) == len(columns) == 1:
        return apply(inputs)
    total: Tensor | None = None
    weight_sum = torch.zeros(height_px // grid.out_px, width_px // grid.out_px, device=inputs.device)
    for top in rows:
        for left in columns:
            tile = apply(inputs[(..., *_window(top, left, grid.tile_px, grid.in_px))])
            weights = torch.outer(grid.ramp(top, height_px), grid.ramp(left, width_px)).to(
                inputs.device
            )  # (h, w)
            if total is None:
                total = tile.new_zeros(*tile.shape[:2], *weight_sum.shape, dtype=torch.float32)
            window = _window(top, left, grid.tile_px, grid.out_px)
            total[(..., *window)] += tile * weights
            weight_sum[window] += weights
    assert total is not None  # a grid has at least one tile
    return (total / weight_sum).to(inputs.dtype)


def _window(top_px: int, left_px: int, tile_px: int, step_px: int) -> tuple[slice, slice]:
    """Rows and columns of a tile in steps of `step_px`; slices past the end of a short side stop there."""
    top, left, length = top_px // step_px, left_px // step_px, tile_px // step_px
    return slice(top, top + length), slice(left, left + length)
