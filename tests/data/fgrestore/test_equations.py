"""The JND model, SSIM and the filters against known answers, and what they must do on any picture."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.fgrestore import jnd
from data.fgrestore.filters import (
    coarse_filter,
    jnd_image,
    jnd_similarity,
    luma,
    median_threshold,
    ssim,
    unnoticeable_filter,
)
from uare.errors import InputError


def _cases(goldens: Path, name: str) -> list[dict[str, Any]]:
    cases = json.loads((goldens / "equations" / f"{name}.json").read_text())["cases"]
    assert cases
    return list(cases)


def test_every_stage_of_the_jnd_model_has_its_known_value(goldens_dir: Path) -> None:
    for case in _cases(goldens_dir, "jnd-pattern-complexity"):
        image = np.array(case["inputs"]["image"], dtype=np.float64)
        contrast, count = jnd.luminance_contrast(image), jnd.orientation_count(image)
        complexity = jnd.pattern_complexity(count)
        threshold = jnd.jnd_map(image)
        centre = image.shape[0] // 2, image.shape[1] // 2
        found: dict[str, Any] = {
            "luminance_adaptation": jnd.luminance_adaptation(image),
            "luminance_contrast": contrast,
            "contrast_masking": jnd.contrast_masking(contrast),
            "orientation_count": count,
            "pattern_complexity": complexity,
            "pattern_masking": jnd.pattern_masking(contrast, complexity),
            "jnd": threshold,
            "centre_jnd": threshold[centre],
            "luminance_contrast_centre": contrast[centre],
            "orientation_count_centre": count[centre],
        }
        if "ssim_with_jnd_image" in case["expected"]:
            found["ssim_with_jnd_image"] = ssim(image, jnd_image(image, threshold))
        for name, expected in case["expected"].items():
            np.testing.assert_allclose(
                found[name], expected, **case["tolerance"], err_msg=f"{case['id']} {name}"
            )


def _filtered(inputs: dict[str, Any]) -> dict[str, list[int]]:
    """Both filters in their order, as the golden names what each of them takes."""
    pairs = inputs["pairs"]
    a, b = (np.array([pair[side] for pair in pairs], dtype=np.float64) for side in ("sA", "sB"))
    near = coarse_filter(a, b, inputs["tau"])
    seen = unnoticeable_filter(np.array([pair["ssim"] for pair in pairs]), inputs["threshold"])
    of = [pair["id"] for pair in pairs]
    return {
        "kept": [id for id, one, two in zip(of, near, seen, strict=True) if one and two],
        "coarse": [id for id, one in zip(of, near, strict=True) if not one],
        "unnoticeable": [id for id, one, two in zip(of, near, seen, strict=True) if one and not two],
    }


def _answers(case: dict[str, Any]) -> dict[str, Any]:
    given = case["inputs"]
    match case["id"].split("-")[0]:
        case "eq1":
            tau = given["tau"]
            if isinstance(tau, dict):
                tau = np.array([tau[origin] for origin in given["dataset"]])
            kept = coarse_filter(np.array(given["scores_A"]), np.array(given["scores_B"]), tau)
            return {"keep": kept.astype(int)}
        case "eq2":
            image, threshold = np.array(given["image"]), np.array(given["jnd"])
            signs = np.array(given["sign"]) if "sign" in given else None
            clipped = jnd_image(image, threshold, signs, given.get("strength", 1.0))
            return {"sum": image + threshold, "clipped": clipped}
        case "eq3":
            median = median_threshold(given["ssim_jnd"])
            kept = unnoticeable_filter(np.array(given["pair_ssim"]), median)
            return {"threshold": median, "keep": kept.astype(int)}
        case "ssim":
            a = np.array(given["A"])
            return {"ssim": [ssim(a, np.array(b)) for b in given["B"]]}
        case "both":
            return _filtered(given)
    raise AssertionError(f"no answer to the case {case['id']}; add one")


def test_the_filters_have_their_known_answers(goldens_dir: Path) -> None:
    for case in _cases(goldens_dir, "fgrestore-eq1-3-filters"):
        found = _answers(case)
        for name, expected in case["expected"].items():
            np.testing.assert_allclose(
                found[name], expected, **case["tolerance"], err_msg=f"{case['id']} {name}"
            )


def test_less_is_noticed_in_dark_and_irregular_places() -> None:
    rng = np.random.default_rng(1)
    dark, grey = np.full((32, 32), 10.0), np.full((32, 32), 128.0)
    rough = np.clip(128 + 40 * rng.standard_normal((32, 32)), 0, 255)
    centre = np.s_[8:-8, 8:-8]
    assert jnd.jnd_map(dark)[centre].min() > jnd.jnd_map(grey)[centre].max()
    assert jnd.jnd_map(rough)[centre].mean() > 2 * jnd.jnd_map(grey)[centre].mean()


def test_turning_a_picture_turns_its_thresholds_of_light_and_contrast() -> None:
    image = np.random.default_rng(2).uniform(0, 255, (20, 24))
    for stage in (jnd.luminance_adaptation, jnd.luminance_contrast):
        np.testing.assert_allclose(stage(image[:, ::-1]), stage(image)[:, ::-1], atol=1e-9)


def test_noise_of_random_signs_harms_more_than_a_shift_of_all_pixels() -> None:
    rng = np.random.default_rng(3)
    image = np.clip(np.cumsum(rng.normal(0, 4, (48, 48)), axis=1) + 128, 0, 255)
    assert jnd_similarity(image, "random", random.Random(0)) < jnd_similarity(image, "plus", random.Random(0))
    assert jnd_similarity(image, "random", random.Random(0)) == jnd_similarity(
        image, "random", random.Random(0)
    )


def test_grey_pictures_have_their_own_luma_and_are_equal_to_themselves() -> None:
    grey = np.random.default_rng(4).integers(0, 256, (16, 16, 1), dtype=np.uint8).repeat(3, axis=2)
    plane = luma(grey)
    np.testing.assert_allclose(plane, grey[..., 0], atol=1e-9)
    assert ssim(plane, plane) == pytest.approx(1)


def test_pictures_of_two_sizes_or_too_small_ones_are_refused() -> None:
    with pytest.raises(InputError, match="one size"):
        ssim(np.zeros((16, 16)), np.zeros((16, 17)))
    with pytest.raises(InputError, match="at least 11 px"):
        ssim(np.zeros((8, 8)), np.zeros((8, 8)))
    with pytest.raises(InputError, match="at least one picture"):
        median_threshold([])


def test_a_picture_smaller_than_a_window_has_thresholds_too() -> None:
    assert np.isfinite(jnd.jnd_map(np.full((2, 3), 50.0))).all()
