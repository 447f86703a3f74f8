"""Transparency: what is hidden does not bleed into what can be seen."""

import torch

from uare.alpha import fill_transparent, resize_alpha


def test_colours_under_full_transparency_continue_those_around_them() -> None:
    pixels = torch.zeros(3, 17, 23)
    pixels[0] = 1.0  # red where it can be seen,
    alpha = torch.ones(1, 17, 23)
    alpha[:, 4:12, 5:20] = 0
    hidden = torch.where(alpha > 0, pixels, torch.tensor([0.0, 1.0, 0.0])[:, None, None])  # green below
    assert torch.allclose(fill_transparent(hidden, alpha), pixels, atol=1e-6)


def test_visible_colours_are_left_alone_and_an_invisible_photo_too() -> None:
    pixels = torch.rand(3, 9, 9, generator=torch.Generator().manual_seed(0))
    alpha = torch.rand(1, 9, 9, generator=torch.Generator().manual_seed(1)).round()
    filled = fill_transparent(pixels, alpha)
    assert torch.equal(filled[:, alpha[0] > 0], pixels[:, alpha[0] > 0])
    assert torch.equal(fill_transparent(pixels, torch.zeros(1, 9, 9)), pixels)


def test_alpha_grows_with_the_photo_and_stays_in_range() -> None:
    alpha = torch.zeros(1, 4, 4)
    alpha[:, :, 2:] = 1
    grown = resize_alpha(alpha, (16, 16))
    assert grown.shape == (1, 16, 16)
    assert grown.min() >= 0
    assert grown.max() <= 1
    assert grown[0, 8, 0] < 0.02
    assert grown[0, 8, 15] > 0.98
