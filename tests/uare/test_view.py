"""The picture of a photo before and after."""

import numpy as np
from PIL import Image

from uare.view import side_by_side


def test_both_photos_stand_side_by_side_at_one_height() -> None:
    sheet = side_by_side(Image.new("RGB", (60, 40), "red"), Image.new("RGB", (20, 40), "blue"), height=128)
    pixels = np.asarray(sheet)
    assert (pixels[:128, :192] == (255, 0, 0)).all()  # 60 x 40 at 128 px height
    assert (pixels[:128, 192:194] == 255).all()  # the line between
    assert (pixels[:128, 194:] == (0, 0, 255)).all()
    assert sheet.width == 192 + 2 + 64


def test_captions_stand_below_and_inside_their_own_photo() -> None:
    photo = Image.new("RGB", (300, 100), "red")
    long = "a caption that is far too long for so small a photo " * 2
    sheet = np.asarray(side_by_side(photo, photo, captions=("", long), height=100).convert("L"))
    inked = np.flatnonzero((sheet[100:] < 128).any(0))
    assert inked.min() >= 302
    assert inked.max() < 602


def test_transparent_places_are_white() -> None:
    clear = Image.new("RGBA", (10, 10), (0, 0, 0, 0))
    assert np.asarray(side_by_side(clear, clear, captions=("", ""), height=64)).min() == 255
