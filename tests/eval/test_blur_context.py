"""Blur that belongs to a photo: the probe set is what it says, and judges are told apart by it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from eval.blur_context import (
    KINDS,
    MOST_ADDED,
    ContextCase,
    background_detail,
    context_cases,
    judge_metric,
    judge_restored,
    scenes,
)
from eval.metrics import Array, Metric, find_metrics
from uare.errors import InputError

SHARPNESS: Metric = replace(find_metrics(["niqe"])[0], id="sharpness", higher_is_better=True)


@pytest.fixture(scope="module")
def cases() -> list[ContextCase]:
    return context_cases(scenes())


def _sharpness(image: Array) -> float:
    return float(np.abs(np.diff(image, axis=0)).mean() + np.abs(np.diff(image, axis=1)).mean())


def test_the_set_has_both_kinds_of_each_scene(cases: list[ContextCase]) -> None:
    assert len(cases) == 12
    assert {case.kind for case in cases} == set(KINDS)
    assert len({(case.name, case.kind) for case in cases}) == 12


def test_only_the_background_is_blurred_and_sharpened(cases: list[ContextCase]) -> None:
    sharp = {scene.name: scene.photo for scene in scenes()}
    for case in cases:
        original = sharp[case.name.split(",")[0]]
        height, width = original.shape[:2]
        middle = (slice(int(0.44 * height), int(0.48 * height)), slice(int(0.46 * width), int(0.5 * width)))
        assert np.abs(case.photo[middle] - original[middle]).max() < 0.02
        assert np.abs(case.background_sharpened[middle] - original[middle]).max() < 0.02
        assert background_detail(original, case) > 1.3  # the blur took detail away
        assert background_detail(case.background_sharpened, case) > MOST_ADDED
        assert 0.1 < case.background.mean() < 0.9


def test_the_streak_lies_along_rows(cases: list[ContextCase]) -> None:
    case = next(one for one in cases if one.name == "chelsea, 6 px" and one.kind == "motion")
    across = np.abs(np.diff(case.photo, axis=1))[case.background[:, 1:]].mean()
    down = np.abs(np.diff(case.photo, axis=0))[case.background[1:]].mean()
    assert across < 0.6 * down


def test_a_metric_of_sharpness_punishes_belonging_blur(cases: list[ContextCase]) -> None:
    for row in judge_metric(SHARPNESS, _sharpness, cases, seed=0):
        assert row.punishes == 1 and row.punishes_by.low > 0
        assert row.punishes_by.num_groups == 3  # intervals draw scenes, not cases


def test_where_lower_is_better_the_verdict_turns(cases: list[ContextCase]) -> None:
    turned = replace(SHARPNESS, higher_is_better=False)
    for row in judge_metric(turned, _sharpness, cases, seed=0):
        assert row.punishes == 0 and row.punishes_by.high < 0


def test_a_metric_that_knows_the_photo_punishes_nothing_and_sees_the_harm(cases: list[ContextCase]) -> None:
    """The distance to the right photo stands for a judge who understands it."""
    right = {case.photo.tobytes(): case for case in cases}

    def knowing(image: Array) -> float:
        case = min(
            (one for one in right.values() if one.photo.shape == image.shape),
            key=lambda one: float(np.abs(one.photo - image).mean()),
        )
        return -float(np.abs(case.photo - image).mean())

    for row in judge_metric(SHARPNESS, knowing, cases, seed=0):
        assert (row.punishes, row.sees_harm) == (0, 1)


def test_who_leaves_the_background_alone_adds_nothing(cases: list[ContextCase]) -> None:
    for row in judge_restored("input", [case.photo for case in cases], cases, seed=0):
        assert row.added.mean == pytest.approx(1)
        assert row.mends == 0


def test_who_sharpens_everything_mends_what_was_meant(cases: list[ContextCase]) -> None:
    def unsharp(image: Array) -> Array:
        return np.clip(2 * image - gaussian_filter(image, (2, 2, 0)), 0, 1)

    for row in judge_restored("unsharp", [unsharp(case.photo) for case in cases], cases, seed=0):
        assert row.added.low > 1 and row.mends > 0.5


def test_metrics_with_a_reference_are_refused(cases: list[ContextCase]) -> None:
    with pytest.raises(InputError, match="gmsd needs a reference"):
        judge_metric(find_metrics(["gmsd"])[0], _sharpness, cases, seed=0)
