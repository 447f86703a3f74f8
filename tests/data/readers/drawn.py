"""Tiny pictures whose pixels say which they are."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from data.samples import Picture


def encoded(grey: int, kind: str = "png") -> bytes:
    """A picture of 8x6 px that is `grey` (0..255) all over."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (grey, grey, grey)).save(buffer, format=kind)
    return buffer.getvalue()


def draw(path: Path, grey: int) -> None:
    """Writes such a picture, in the format of its name, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {".jpg": "jpeg"}.get(path.suffix.lower(), path.suffix[1:].lower())
    path.write_bytes(encoded(grey, kind))


def grey_of(picture: Picture | None) -> int:
    """Which one it is."""
    assert picture is not None
    pixels = picture.pixels()
    assert pixels.shape == (6, 8, 3)
    return int(np.median(pixels))
