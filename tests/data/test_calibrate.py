"""Levels of all types side by side: they grow, and mean about the same harm."""

import pytest
import torch
from torch import Tensor

from data.calibrate import (
    FILES,
    LEVELS,
    Harms,
    as_levels,
    calibration_photos,
    gmsd,
    harm_of,
    main,
    measure,
    ms_ssim,
)
from data.degradations import TYPES

pytest.importorskip("skimage.data")
# How many levels a type may lie from the median type. Measured at 256 px: JPEG 1.7 below at level 5, low
# light 1.5 above at level 3, all others within 1.2; at the 160 px of this test up to 2.1.
BAND = 2.25
SIDE_PX, NUM_DRAWS = 160, 4


@pytest.fixture(scope="module")
def harms() -> Harms:
    return measure(calibration_photos(SIDE_PX), NUM_DRAWS)


@pytest.mark.parametrize("name", [*TYPES, FILES])
def test_each_level_does_more_harm_than_the_one_before(name: str, harms: Harms) -> None:
    assert list(harms[name]) == sorted(set(harms[name]))


@pytest.mark.parametrize("name", [*TYPES, FILES])
def test_a_level_means_about_the_same_harm_in_every_type(name: str, harms: Harms) -> None:
    for level, found in zip(LEVELS, as_levels(harms)[name], strict=True):
        assert abs(found - level) <= BAND


def test_files_of_any_codec_are_as_harmful_as_the_jpeg_of_their_level(harms: Harms) -> None:
    for ours, files in zip(harms["jpeg"], harms[FILES], strict=True):
        assert files == pytest.approx(ours, rel=0.3)


def test_an_equal_picture_has_no_harm_and_a_flat_one_has_lost_its_structure(coffee: Tensor) -> None:
    photo = coffee[..., :128, :128]
    assert float(gmsd(photo, photo)) == pytest.approx(0, abs=1e-6)
    assert float(ms_ssim(photo, photo)) == pytest.approx(1, abs=1e-5)
    assert float(ms_ssim(photo.mean((2, 3), keepdim=True).expand_as(photo), photo)) < 0.5


def test_gmsd_agrees_with_the_published_recipe(coffee: Tensor) -> None:
    metrics = pytest.importorskip("eval.metrics")
    photo = coffee[..., :128, :128]
    noisy = (photo + 0.1 * torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    first, second = (one[0].permute(1, 2, 0).double().numpy() for one in (noisy, photo))
    # The reference rounds grey to whole levels and pads its borders.
    assert float(gmsd(noisy, photo)) == pytest.approx(metrics.gmsd(first, second), rel=0.03)


def test_harm_of_an_image_does_not_depend_on_its_batch(coffee: Tensor) -> None:
    photos = torch.cat([coffee[..., :128, :128], coffee[..., 128:256, 128:256]])
    harmed = (photos * 0.7).clamp(0, 1)
    alone = torch.cat([harm_of(harmed[i : i + 1], photos[i : i + 1]) for i in range(2)])
    assert torch.allclose(harm_of(harmed, photos), alone, atol=1e-6)


def test_the_command_prints_a_row_for_each_type(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--draws", "1", "--side", "160"]) == 0
    printed = capsys.readouterr().out
    assert all(f"\n{name} " in printed for name in (*TYPES, "median type"))
