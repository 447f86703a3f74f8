"""The detail path: starts as the plain decoder, obeys its weight per pixel, agrees between tiles."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from uare.detail import DetailPath
from uare.errors import ConfigError, InputError
from uare.smoothing import mixed

SMALL = {"widths": [8, 8], "blocks": [1, 1], "filters": [[1, 1e-3], [2, 1e-2]]}


@pytest.fixture
def pictures() -> tuple[Tensor, Tensor, Tensor]:
    """LQ, D(z), D(E(LQ)): (2, 3, 64, 96) each."""
    generator = torch.Generator().manual_seed(0)
    lq, decoded, lq_decoded = torch.rand(3, 2, 3, 64, 96, generator=generator)
    return lq, decoded, lq_decoded


@pytest.fixture
def trained() -> DetailPath:
    """A small path with random weights in place of trained ones, so that gain and residual are not zero."""
    torch.manual_seed(1)
    path = DetailPath(SMALL)
    for parameter in path.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return path.eval()


@torch.no_grad()
def test_an_untrained_path_gives_an_untouched_photo_back(pictures: tuple[Tensor, Tensor, Tensor]) -> None:
    lq, _, lq_decoded = pictures
    torch.testing.assert_close(DetailPath(SMALL)(lq, lq_decoded, lq_decoded), lq)


@torch.no_grad()
def test_weight_zero_is_exactly_the_plain_decoder(
    trained: DetailPath, pictures: tuple[Tensor, Tensor, Tensor]
) -> None:
    assert torch.equal(trained(*pictures, weight=0.0), pictures[1])
    assert not torch.equal(trained(*pictures, weight=1.0), pictures[1])


@torch.no_grad()
def test_fusion_is_gain_times_lost_detail_plus_shares_of_candidates_plus_residual(
    trained: DetailPath, pictures: tuple[Tensor, Tensor, Tensor]
) -> None:
    lq, decoded, lq_decoded = pictures
    candidates = trained.candidates(*pictures)
    assert torch.equal(candidates[:, -2], lq_decoded - decoded)
    gain, residual, shares = trained.maps(*pictures, candidates)
    expected = decoded + 0.25 * (gain * (lq - lq_decoded) + residual + mixed(candidates, shares))
    assert torch.allclose(trained(lq, decoded, lq_decoded, weight=0.25), expected)


@torch.no_grad()
def test_a_weight_map_acts_only_where_it_is_not_zero(
    trained: DetailPath, pictures: tuple[Tensor, Tensor, Tensor]
) -> None:
    weight = torch.zeros(2, 1, 64, 96)
    weight[..., :32] = 1
    fused = trained(*pictures, weight=weight)
    assert torch.equal(fused[..., 32:], pictures[1][..., 32:])
    assert torch.equal(fused[..., :32], trained(*pictures, weight=1.0)[..., :32])


@torch.no_grad()
def test_a_crop_far_from_its_border_is_fused_as_in_the_whole_picture(trained: DetailPath) -> None:
    generator = torch.Generator().manual_seed(2)
    pictures = torch.rand(3, 1, 3, 64, 256, generator=generator)
    whole = trained(*pictures)
    part = trained(*pictures[..., :192])
    # the small path reaches 68 px; float32 sums in another order differ by less than 1e-5
    assert torch.allclose(part[..., :112], whole[..., :112], atol=1e-5)


def test_widths_and_blocks_must_belong_to_the_same_scales() -> None:
    with pytest.raises(ConfigError, match="one of each for every scale"):
        DetailPath({**SMALL, "blocks": [1]})


def test_pictures_of_different_sizes_are_refused(trained: DetailPath) -> None:
    with pytest.raises(InputError, match="expected one shape"):
        trained(torch.zeros(1, 3, 32, 32), torch.zeros(1, 3, 32, 48), torch.zeros(1, 3, 32, 32))


def test_sides_off_the_latent_grid_are_refused(trained: DetailPath) -> None:
    with pytest.raises(InputError, match="divisible by 16"):
        trained(*torch.zeros(3, 1, 3, 40, 32))


def test_foreign_fields_are_refused() -> None:
    with pytest.raises(ConfigError, match="correct the names"):
        DetailPath({**SMALL, "depth": 2})
