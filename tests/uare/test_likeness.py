"""Warnings about pairs: other sizes and other contents, and none for a photo and its harmed version."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.uare.pictures import smooth_pixels
from uare.likeness import pair_warnings


def test_a_photo_and_its_harmed_versions_raise_no_doubt(astronaut: Tensor) -> None:
    photo = astronaut[0]
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
    blurred = torch.nn.functional.avg_pool2d(photo[None], 15, stride=1, padding=7)[0]
    for harmed in ((photo + 0.2 * noise).clamp(0, 1), photo**2.5 * 0.2, 0.4 * photo + 0.6, blurred):
        assert pair_warnings(photo, harmed) == ()


def test_other_contents_are_noticed(astronaut: Tensor, coffee: Tensor) -> None:
    cut = coffee[0, :, :400, :400]
    (warning,) = pair_warnings(astronaut[0, :, :400, :400], cut)
    assert "do not seem to show the same" in warning
    assert pair_warnings(cut, cut.flip(-1))


def test_sizes_are_told_as_width_by_height() -> None:
    small, large = smooth_pixels(30, 40), smooth_pixels(60, 80)
    (warning,) = pair_warnings(small, torch.nn.functional.interpolate(small[None], (60, 80))[0])
    assert "40x30 and 80x60 px" in warning
    assert len(pair_warnings(small, large)) >= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (3, 2)])
def test_plain_and_tiny_pictures_are_never_called_unlike(size: tuple[int, int]) -> None:
    plain = torch.full((3, *size), 0.5)
    assert pair_warnings(plain, torch.zeros(3, *size)) == ()
