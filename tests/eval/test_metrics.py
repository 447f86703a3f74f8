"""Metrics agree with published values, and with answers that can be worked out by hand."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from eval.metrics import METRICS, Array, Metric, find_metrics, gmsd, psnr, psnr_y, ssim, ssim_y
from eval.metrics.fsim import fsim
from eval.metrics.full_reference import psnr_aligned, psnr_y_full, ssim_y_full
from eval.metrics.rows import OWN
from eval.pictures import read_picture
from uare.errors import InputError

# The published values were computed in float32 and are printed to six places.
PUBLISHED_TOLERANCE = 5e-6
# Values of the authors' MATLAB code for GMSD (iqa-calibration/results_official.csv), printed in full.
GMSD_TOLERANCE = 1e-12
OWN_COMPARISONS = [row for row in METRICS if row.made_by == OWN and row.needs_reference]


def test_luma_metrics_give_the_published_values(shared_dir: Path) -> None:
    data_dir = shared_dir / "data-dev" / "realsr-osediff"
    with (data_dir / "published_realsr.csv").open(encoding="utf-8") as file:
        published = {row["name"]: row for row in csv.DictReader(file)}
    references = {path.stem: path for path in (data_dir / "test_HR").iterdir()}
    restored = [path for path in (data_dir / "results_osediff").iterdir() if path.stem in published]
    assert len(restored) == 60
    for path in restored:
        row, pictures = published[path.stem], (read_picture(path), read_picture(references[path.stem]))
        assert psnr_y(*pictures) == pytest.approx(float(row["psnr"]), abs=PUBLISHED_TOLERANCE)
        assert ssim_y(*pictures) == pytest.approx(float(row["ssim"]), abs=PUBLISHED_TOLERANCE)


def test_gmsd_gives_the_values_of_its_authors_code(shared_dir: Path) -> None:
    data_dir = shared_dir / "data-dev" / "iqa-calibration"
    with (data_dir / "results_official.csv").open(encoding="utf-8") as file:
        official = next(row for row in csv.DictReader(file) if row["Method"] == "gmsd")
    for name in ("I03", "I04", "I06", "I08", "I19"):
        distorted = read_picture(data_dir / "dist_dir" / f"{name}.webp")
        reference = read_picture(data_dir / "ref_dir" / f"{name}.webp")
        assert gmsd(distorted, reference) == pytest.approx(float(official[f"{name}.bmp"]), abs=GMSD_TOLERANCE)


def test_fsim_gives_the_values_of_its_authors_code(shared_dir: Path) -> None:
    data_dir = shared_dir / "data-dev" / "iqa-calibration"
    with (data_dir / "results_official.csv").open(encoding="utf-8") as file:
        official = next(row for row in csv.DictReader(file) if row["Method"] == "fsim")
    for name in ("I03", "I04", "I06", "I08", "I19"):
        distorted = read_picture(data_dir / "dist_dir" / f"{name}.webp")
        reference = read_picture(data_dir / "ref_dir" / f"{name}.webp")
        # Printed to four places, one of them cut and not rounded.
        assert fsim(distorted, reference) == pytest.approx(float(official[f"{name}.bmp"]), abs=6e-5)


def test_psnr_and_ssim_agree_with_the_calibration_of_the_library(shared_dir: Path) -> None:
    data_dir = shared_dir / "data-dev" / "iqa-calibration"
    with (data_dir / "calibration_summary.csv").open(encoding="utf-8") as file:
        rows = {row["Method"]: row for row in csv.DictReader(file)}
    for name in ("I03", "I04", "I06", "I08", "I19"):
        distorted = read_picture(data_dir / "dist_dir" / f"{name}.webp")
        reference = read_picture(data_dir / "ref_dir" / f"{name}.webp")
        assert psnr(distorted, reference) == pytest.approx(float(rows["psnr(ours)"][f"{name}.bmp"]), abs=6e-5)
        assert ssim_y_full(distorted, reference) == pytest.approx(
            float(rows["ssim(ours)"][f"{name}.bmp"]), abs=6e-4
        )


def test_a_uniform_error_has_the_psnr_that_its_size_says() -> None:
    grey = np.full((16, 16, 3), 0.5)
    # mse = 0.01, so 10 log10(1 / 0.01) = 20 dB; the floor of 1e-8 takes 4e-6 dB of it.
    assert psnr(grey + 0.1, grey) == pytest.approx(20, abs=1e-5)


def test_luma_psnr_of_a_grey_error_is_higher_by_the_studio_range() -> None:
    grey = np.full((16, 16, 3), 0.5)
    # Studio luma spans 219 of 255 steps: the known gap of 20 log10(255 / 219) = 1.32 dB to full range.
    gap_db = psnr_y(grey + 0.1, grey) - psnr(grey + 0.1, grey)
    assert gap_db == pytest.approx(20 * np.log10(255 / 219), abs=1e-4)


@pytest.mark.parametrize(
    ("metric", "best"),
    [
        (psnr, 80.0),
        (psnr_y, 80.0),
        (psnr_y_full, 80.0),
        (psnr_aligned, 80.0),
        (ssim, 1.0),
        (ssim_y, 1.0),
        (ssim_y_full, 1.0),
        (gmsd, 0.0),
        (fsim, 1.0),
    ],
)
def test_equal_pictures_reach_the_best_value(metric: Callable[[Array, Array], float], best: float) -> None:
    picture = np.random.default_rng(0).random((24, 20, 3))
    assert metric(picture, picture) == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("row", OWN_COMPARISONS, ids=lambda row: row.id)
def test_more_noise_is_worse_in_the_stated_direction(row: Metric) -> None:
    rng = np.random.default_rng(0)
    picture = rng.random((8, 8, 3)).repeat(8, axis=0).repeat(8, axis=1)
    noise = rng.normal(size=picture.shape)
    mild = np.clip(picture + 0.02 * noise, 0, 1)
    strong = np.clip(picture + 0.1 * noise, 0, 1)
    measure = row.load(None)
    assert row.better(measure(mild, picture), measure(strong, picture))


@pytest.mark.parametrize("row", OWN_COMPARISONS, ids=lambda row: row.id)
def test_pictures_of_two_sizes_are_refused(row: Metric) -> None:
    with pytest.raises(InputError, match=r"\(16, 16, 3\) and \(16, 18, 3\)"):
        row.load(None)(np.zeros((16, 16, 3)), np.zeros((16, 18, 3)))


def test_a_picture_smaller_than_the_window_has_no_ssim() -> None:
    with pytest.raises(InputError, match="8x12 px, expected sides of at least 11 px"):
        ssim_y(np.zeros((12, 8, 3)), np.zeros((12, 8, 3)))


def test_full_range_luma_psnr_is_lower_by_the_studio_range_for_any_error() -> None:
    rng = np.random.default_rng(0)
    picture = rng.random((32, 32, 3))
    noisy = np.clip(picture + 0.1 * rng.normal(size=picture.shape), 0, 1)
    # The floor of the mean square error and the rounded weights of the standard cost some 1e-4 dB.
    assert psnr_y(noisy, picture) - psnr_y_full(noisy, picture) == pytest.approx(
        20 * np.log10(255 / 219), abs=1e-3
    )


def test_alignment_takes_exposure_out_and_nothing_else() -> None:
    picture = np.random.default_rng(0).uniform(0.2, 0.8, (32, 32, 3))
    assert psnr(picture / 2, picture) < 15
    assert psnr_aligned(picture / 2, picture) == pytest.approx(80)
    assert psnr_aligned(np.zeros_like(picture), picture) == psnr(np.zeros_like(picture), picture)


def test_grey_pictures_have_one_similarity_in_rgb_and_full_range_luma() -> None:
    rng = np.random.default_rng(0)
    steps = rng.integers(0, 256, (2, 32, 32, 1)).repeat(3, axis=3) / 255
    assert ssim(*steps) == pytest.approx(ssim_y_full(*steps), abs=1e-9)


def test_protocol_ids_and_names_are_unique() -> None:
    assert len({row.id for row in METRICS}) == len({row.name for row in METRICS}) == len(METRICS)


def test_the_columns_of_the_published_protocol_are_there() -> None:
    columns = "psnr_y_ycbcr psnr_y_yiq psnr_rgb ssim_y_ycbcr ssim_rgb lpips_alex dists niqe liqe musiq"
    columns += " maniqa_koniq maniqa_pipal clipiqa topiq_nr"
    assert {row.id for row in find_metrics(columns.split()) if row.default} == set(columns.split())


def test_an_unknown_metric_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="'psnr_y_ycrcb'; did you mean 'psnr_y_ycbcr'"):
        find_metrics(["psnr_y_ycrcb"])


def test_a_comparison_without_reference_is_refused() -> None:
    with pytest.raises(InputError, match="reference"):
        find_metrics(["gmsd"])[0].load(None)(np.zeros((16, 16, 3)), None)


def test_the_page_about_metrics_names_every_protocol(checkout: Path) -> None:
    page = (checkout / "eval" / "METRICS.md").read_text(encoding="utf-8")
    assert [row.id for row in METRICS if f"`{row.id}`" not in page] == []
