"""Colours at large scale come from the source, detail from the result."""

import math

import pytest
import torch
from torch import Tensor

from tests.uare.pictures import smooth_pixels
from uare.colour import low_frequencies, luma, match_low_frequencies, retoned
from uare.errors import InputError


def test_luma_of_grey_is_the_grey_itself_and_of_colours_the_known_weights() -> None:
    assert torch.allclose(luma(torch.full((3, 2, 2), 0.37)), torch.full((1, 2, 2), 0.37))
    assert luma(torch.eye(3)[:, None]).flatten().tolist() == pytest.approx([0.299, 0.587, 0.114])


@pytest.mark.parametrize("levels", [1, 3, 5])
def test_the_blur_has_the_variance_of_the_a_trous_sum(levels: int) -> None:
    impulse = torch.zeros(1, 201, 201)
    impulse[:, 100, 100] = 1
    profile = low_frequencies(impulse, levels)[0].sum(0).double()
    offsets = torch.arange(201, dtype=torch.float64) - 100
    variance = (profile * offsets**2).sum()
    assert profile.sum().item() == pytest.approx(1, abs=1e-6)
    # 1 2 1 at distance d has the variance d²/2, and variances of blurs in a row add up.
    assert variance.item() == pytest.approx(sum(4**level / 2 for level in range(levels)), rel=1e-4)


def test_a_colour_cast_is_taken_off_and_detail_stays(coffee: Tensor) -> None:
    image = 0.2 + 0.6 * coffee
    cast = torch.tensor([0.08, -0.05, 0.1])[:, None, None]
    assert torch.allclose(match_low_frequencies(image + cast, image), image, atol=1e-5)


def test_detail_that_the_source_lacks_survives(coffee: Tensor) -> None:
    image = 0.2 + 0.6 * coffee
    texture = 0.05 * torch.cos(math.pi * torch.arange(600))  # one pixel light, one dark
    corrected = match_low_frequencies(image + texture, image)
    inner = (corrected - image - texture)[..., 64:-64]  # the repeated edge pixel is no texture
    assert inner.abs().max() < 1e-5


def test_a_result_equal_to_its_source_is_left_alone(chelsea: Tensor) -> None:
    assert torch.equal(match_low_frequencies(chelsea, chelsea), chelsea)


def test_a_photo_gets_the_same_alone_and_in_a_batch(astronaut: Tensor) -> None:
    small = astronaut[..., ::4, ::4]
    batch = torch.cat([small, small.flip(-1)])
    assert torch.equal(low_frequencies(batch)[0], low_frequencies(small[0]))


@pytest.mark.parametrize("size", [(1, 1), (3, 500)])
def test_pictures_smaller_than_the_blur_work(size: tuple[int, int]) -> None:
    image = torch.full((3, *size), 0.25)
    assert torch.allclose(low_frequencies(image), image)


def test_sizes_that_differ_are_refused() -> None:
    with pytest.raises(InputError, match="one size"):
        match_low_frequencies(torch.zeros(3, 4, 4), torch.zeros(3, 2, 2))


def test_retoning_follows_the_tones_and_not_the_texture_of_a_result() -> None:
    """A result that is a power of the source is met closely; a grid on top of it does not get through."""
    source = 0.3 * smooth_pixels(96, 128)[None]
    wanted = source**0.6
    rows, columns = torch.arange(96)[:, None], torch.arange(128)
    grid = 0.05 * (((rows // 8 + columns // 8) % 2) * 2 - 1)
    assert float((retoned(source, wanted) - wanted).abs().mean()) < 0.01
    assert float((retoned(source, wanted + grid) - wanted).abs().mean()) < 0.02  # of 0.05


def test_retoning_a_photo_to_itself_changes_little() -> None:
    photo = smooth_pixels(61, 90)[None]
    assert float((retoned(photo, photo) - photo).abs().max()) < 0.01
    assert retoned(photo[..., :1, :1], photo[..., :1, :1]).shape == (1, 3, 1, 1)
