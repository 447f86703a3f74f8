"""What each classical baseline does to a picture whose answer is known."""

from collections.abc import Callable

import numpy as np
import pytest
from torch import Tensor

from eval.baselines import (
    BASELINES,
    IDENTITY,
    Baseline,
    auto_gamma,
    bilateral,
    enlarge_bicubic,
    estimate_noise,
    median,
    nonlocal_means,
    repeat_pixels,
    unsharp,
)
from eval.metrics import Array, psnr
from uare.vocabulary import DEGRADATIONS


@pytest.fixture
def photo(coffee: Tensor) -> Array:
    """(160, 192, 3): a piece of the still life."""
    return coffee[0, :, 100:260, 200:392].permute(1, 2, 0).double().numpy()


def _noisy(photo: Array, deviation: float) -> Array:
    return np.clip(photo + np.random.default_rng(0).normal(0, deviation, photo.shape), 0, 1)


def test_median_takes_out_single_wrong_pixels() -> None:
    flat = np.full((9, 9, 3), 0.5)
    broken = flat.copy()
    broken[4, 4] = 1.0
    assert np.array_equal(median(broken), flat)


@pytest.mark.parametrize("denoise", [median, bilateral, nonlocal_means])
def test_denoisers_bring_a_noisy_photo_nearer_to_the_clean_one(
    denoise: Callable[[Array], Array], photo: Array
) -> None:
    noisy = _noisy(photo, 0.08)
    assert psnr(denoise(noisy), photo) > psnr(noisy, photo) + 2


def test_unsharp_masking_brings_a_soft_edge_nearer_to_the_sharp_one() -> None:
    sharp = np.zeros((32, 32, 3))
    sharp[:, 16:] = 1.0
    soft = sharp.copy()
    soft[:, 14:18] = np.array([0.1, 0.3, 0.7, 0.9])[None, :, None]
    assert psnr(unsharp(soft), sharp) > psnr(soft, sharp)


def test_gamma_takes_an_evenly_dark_picture_to_mid_grey() -> None:
    assert auto_gamma(np.full((4, 4, 3), 0.04)) == pytest.approx(0.5)


def test_gamma_leaves_black_black() -> None:
    black = np.zeros((4, 4, 3))
    assert np.array_equal(auto_gamma(black), black)


@pytest.mark.parametrize("deviation", [0.02, 0.08])
def test_white_noise_on_a_plain_picture_is_estimated_within_a_tenth(deviation: float) -> None:
    plain = np.full((128, 128, 3), 0.5)
    assert estimate_noise(_noisy(plain, deviation)) == pytest.approx(deviation, rel=0.1)


def test_repeated_pixels_are_the_picture_as_it_came() -> None:
    picture = np.arange(12.0).reshape(2, 2, 3) / 12
    large = repeat_pixels(picture, 2)
    assert large.shape == (4, 4, 3)
    assert np.array_equal(large[::2, ::2], picture)
    assert np.array_equal(large[1::2, 1::2], picture)


def test_bicubic_enlargement_keeps_a_plain_picture_plain() -> None:
    large = enlarge_bicubic(np.full((5, 7, 3), 0.25), 4)
    assert large.shape == (20, 28, 3)
    assert large == pytest.approx(0.25, abs=1e-6)


@pytest.mark.parametrize("row", BASELINES, ids=lambda row: row.name)
def test_every_baseline_keeps_size_and_range_of_noise_and_of_black(row: Baseline) -> None:
    for picture in (np.random.default_rng(0).random((33, 30, 3)), np.zeros((33, 30, 3))):
        result = row.function(picture)
        assert result.shape == picture.shape
        assert result.min() >= 0
        assert result.max() <= 1


def test_every_known_type_has_a_classical_baseline() -> None:
    for degradation in DEGRADATIONS:
        assert [row.name for row in BASELINES if row.name != IDENTITY and row.applies_to(degradation)]


def test_a_mix_gets_every_baseline() -> None:
    assert all(row.applies_to("mixed") for row in BASELINES)
