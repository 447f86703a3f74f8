"""The detectors of detail name what was done to made-up cases, on photos that they were not tuned on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import data

from eval.baselines import enlarge_bicubic
from eval.generation import DetailVerdict, confusion, judge_detail
from eval.generation_blind import FEATURES, blind_features, judge_detail_blind
from eval.generation_cases import (
    FAITHFUL,
    KINDS,
    OVER_GENERATED,
    OVER_SHARPENED,
    UNDER_GENERATED,
    GenerationCase,
    make_cases,
)
from eval.generation_fit import central_squares, fit
from eval.metrics import Array
from eval.pictures import read_picture
from uare.errors import InputError


@pytest.fixture(scope="module")
def photos() -> dict[str, Array]:
    whole = {"astronaut": data.astronaut(), "coffee": data.coffee(), "chelsea": data.chelsea()}
    return {name: picture[:256, 60:316] / 255 for name, picture in whole.items()}


@pytest.fixture(scope="module")
def cases(photos: dict[str, Array]) -> list[GenerationCase]:
    return list(make_cases(photos, seed=1))


def test_with_a_reference_every_made_up_case_is_recognised(cases: list[GenerationCase]) -> None:
    table = confusion((case.kind, judge_detail(case.result, case.reference).kind) for case in cases)
    for true in KINDS:
        assert table[true][true] == sum(table[true].values()) > 0, table


def test_without_a_reference_most_cases_of_other_photos_are_recognised(shared_dir: Path) -> None:
    files = sorted((shared_dir / "data-dev" / "dev-pairs" / "clean").iterdir())
    cases = make_cases(central_squares(files, limit=2, seed=0), seed=1)
    table = confusion((case.kind, judge_detail_blind(case.result, case.lq).kind) for case in cases)
    right = {true: table[true][true] / sum(table[true].values()) for true in KINDS}
    # Chance is a quarter. Measured on twelve photos: 0.71, 0.94, 0.89, 0.99 in the order of KINDS.
    assert right[UNDER_GENERATED] >= 0.9 and right[OVER_GENERATED] >= 0.75, table
    assert np.mean(list(right.values())) >= 0.75, table


def test_a_generative_model_generates_and_a_filter_does_not(shared_dir: Path) -> None:
    folder = shared_dir / "data-dev" / "realsr-osediff"
    generated, enlarged = [], []
    for file in sorted((folder / "results_osediff").iterdir())[::12]:
        reference = read_picture(folder / "test_HR" / file.name)
        generated.append(judge_detail(read_picture(file), reference).kind)
        lq = read_picture(folder / "test_LR" / file.name)
        enlarged.append(judge_detail(enlarge_bicubic(lq, 4), reference).kind)
        assert judge_detail_blind(enlarge_bicubic(lq, 4), lq).kind == UNDER_GENERATED
    assert generated.count(OVER_GENERATED) >= 0.8 * len(generated)
    assert set(enlarged) == {UNDER_GENERATED}


def test_an_equal_picture_keeps_all_and_invents_nothing(photos: dict[str, Array]) -> None:
    found = judge_detail(photos["coffee"], photos["coffee"])
    assert found.kind == FAITHFUL and found.severity == 0
    assert (found.kept, found.new) == pytest.approx((1, 0), abs=0.02)


def test_kept_detail_is_the_factor_of_its_strength(photos: dict[str, Array]) -> None:
    reference = photos["chelsea"]
    low = gaussian_filter(reference, (8, 8, 0))
    half = judge_detail(low + 0.5 * (reference - low), reference)
    # The low-pass of 8 px reaches a little into the band.
    assert half.kept == pytest.approx(0.5, abs=0.03)
    assert half.new == pytest.approx(0, abs=0.01)


def test_exposure_and_colour_are_no_matter_of_detail(photos: dict[str, Array]) -> None:
    reference = photos["astronaut"]
    assert judge_detail(reference * 0.85, reference).kind == FAITHFUL
    assert judge_detail(reference * [0.9, 1.0, 1.05], reference).kind == FAITHFUL


@pytest.mark.parametrize(
    ("mild", "strong"),
    [
        (
            DetailVerdict(kind=OVER_SHARPENED, kept=1.3, new=0),
            DetailVerdict(kind=OVER_SHARPENED, kept=2, new=0),
        ),
        (
            DetailVerdict(kind=OVER_GENERATED, kept=1, new=0.3),
            DetailVerdict(kind=OVER_GENERATED, kept=1, new=2),
        ),
        (
            DetailVerdict(kind=UNDER_GENERATED, kept=0.6, new=0),
            DetailVerdict(kind=UNDER_GENERATED, kept=0, new=0),
        ),
    ],
)
def test_a_worse_fault_is_more_severe(mild: DetailVerdict, strong: DetailVerdict) -> None:
    assert 1 < mild.severity < strong.severity


def test_flat_pictures_have_finite_features_and_a_verdict() -> None:
    flat = np.full((64, 64, 3), 0.5)
    assert judge_detail(flat, flat).kind == FAITHFUL
    assert np.isfinite(blind_features(flat, flat[::4, ::4])).all()
    assert np.isfinite(blind_features(flat * 0, flat[::4, ::4] * 0)).all()


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="shape"):
        judge_detail(np.zeros((16, 16, 3)), np.zeros((16, 17, 3)))
    with pytest.raises(InputError, match=r"\(30, 30, 3\) for an input of shape \(16, 16, 3\)"):
        judge_detail_blind(np.zeros((30, 30, 3)), np.zeros((16, 16, 3)))


def test_the_same_seed_makes_the_same_cases(photos: dict[str, Array], cases: list[GenerationCase]) -> None:
    again = list(make_cases(photos, seed=1))
    assert all(
        (a.result == b.result).all() and (a.lq == b.lq).all() for a, b in zip(again, cases, strict=True)
    )


def test_the_fit_finds_what_can_be_told_apart() -> None:
    rng = np.random.default_rng(0)
    kinds = np.arange(200) % len(KINDS)
    features = rng.normal(size=(200, len(FEATURES)))
    features[:, 0] += 6 * (kinds == 1)
    features[:, 1] += 6 * (kinds == 2)
    features[:, 2] += 6 * (kinds == 3)
    found = fit(features, kinds).probabilities(features).argmax(axis=1)
    assert (found == kinds).mean() > 0.95
