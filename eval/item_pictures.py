"""The pixels of an item: its input, its reference and a result, all cut to the item's crop."""

from __future__ import annotations

from pathlib import Path

from eval.metrics import Array
from eval.pictures import read_picture
from eval.records import Box, Item
from eval.suites.items import picture_size
from uare.errors import InputError


def read_input(item: Item) -> Array:
    """The item's own picture (H, W, 3) in [0, 1]."""
    return _cut(read_picture(Path(item.lq)), item.crop, 1)


def read_reference(item: Item) -> Array | None:
    """The reference (scale*H, scale*W, 3) in [0, 1], None without one."""
    return None if item.gt is None else _cut(read_picture(Path(item.gt)), item.crop, item.scale)


def result_size(item: Item) -> tuple[int, int]:
    """(height, width) that a restored picture of this item has; InputError if its input cannot be read."""
    if item.crop is not None:
        left, top, right, bottom = item.crop
        return (bottom - top) * item.scale, (right - left) * item.scale
    width, height = picture_size(Path(item.lq))
    return height * item.scale, width * item.scale


def read_result(item: Item, file: Path, size: tuple[int, int]) -> Array:
    """A restored picture of `size` (height, width); one of the whole input is cut to the item's crop.

    Raises InputError if it has another size.
    """
    picture = read_picture(file)
    if item.crop is not None and picture.shape[:2] != size:
        picture = _cut(picture, item.crop, item.scale)
    if picture.shape[:2] != size:
        raise InputError(
            f"{file} has {picture.shape[1]}x{picture.shape[0]} px, expected {size[1]}x{size[0]} px; "
            "give the result of this input at this scale"
        )
    return picture


def _cut(picture: Array, crop: Box | None, scale: int) -> Array:
    if crop is None:
        return picture
    left, top, right, bottom = (edge * scale for edge in crop)
    return picture[top:bottom, left:right]
