"""Fixed statistics of photos: finite for every size, and moved by what harm does."""

from __future__ import annotations

import pytest
import torch

from uare.photo_statistics import NUM_PHOTO_STATISTICS, photo_statistics


def photo(height: int = 96, width: int = 128) -> torch.Tensor:
    """Smooth hills and an edge, (3, height, width)."""
    rows, columns = torch.meshgrid(torch.linspace(0, 6, height), torch.linspace(0, 9, width), indexing="ij")
    grey = 0.4 + 0.2 * torch.sin(rows) * torch.cos(columns) + 0.2 * (columns > 5)
    return torch.stack([grey, 0.9 * grey, 0.8 * grey])


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (16, 16), (31, 33), (100, 90)])
def test_every_size_has_as_many_finite_numbers(size: tuple[int, int]) -> None:
    for image in (torch.zeros(3, *size), torch.ones(3, *size), photo(*size)):
        found = photo_statistics(image)
        assert found.shape == (NUM_PHOTO_STATISTICS,)
        assert torch.isfinite(found).all()


def test_noise_blur_and_lost_contrast_each_move_them_further_than_turning_round() -> None:
    image = photo()
    image = image + 0.01 * torch.randn(image.shape, generator=torch.Generator().manual_seed(1))
    start = photo_statistics(image)
    noisy = image + 0.05 * torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    blurred = torch.nn.functional.avg_pool2d(image[None], 5, stride=1, padding=2)[0]
    turned = (photo_statistics(image.flip(-1)) - start).abs().mean()
    for harmed in (noisy.clamp(0, 1), blurred, 0.3 + 0.3 * image):
        assert (photo_statistics(harmed) - start).abs().mean() > 2 * turned


def test_white_noise_is_normalised_to_no_mean_and_neighbours_without_relation() -> None:
    noise = 0.5 + 0.1 * torch.randn(3, 256, 256, generator=torch.Generator().manual_seed(0))
    found = photo_statistics(noise)
    normalised = found[400:423]  # of the full size: 7 of the pixel itself, then 4 of each neighbour
    assert abs(float(normalised[0])) < 0.01
    diagonal = float(normalised[7 + 8])  # products with the pixel below and to the right
    assert abs(diagonal) < 0.2 * float(normalised[2])  # the window itself relates neighbours a little
