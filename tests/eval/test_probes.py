"""Gaming probes find metrics that can be gamed, spare those that cannot, and flag models that game them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from eval.metrics import Array, Metric, find_metrics
from eval.probes import (
    PROBES,
    ProbedMetric,
    exploitability,
    halve_smoothly,
    likeness,
    probe_metrics,
    suspicion,
)
from uare.errors import InputError

NIQE = find_metrics(["niqe"])[0]
SHARPNESS = replace(NIQE, id="sharpness", higher_is_better=True, load=lambda weights: lambda a, b: _edges(a))
BRIGHTNESS = replace(
    NIQE, id="brightness", higher_is_better=True, load=lambda weights: lambda a, b: float(a.mean())
)
SSIM = find_metrics(["ssim_rgb"])[0]


def _edges(image: Array) -> float:
    """A metric that anybody can game: the more difference between neighbours, the better."""
    return float(np.abs(np.diff(image, axis=0)).mean() + np.abs(np.diff(image, axis=1)).mean())


def _measure(metric: Metric, image: Array) -> float:
    return metric.load(None)(image, None)


@pytest.fixture(scope="module")
def photos() -> dict[str, Array]:
    whole = {"astronaut": data.astronaut(), "coffee": data.coffee(), "chelsea": data.chelsea()}
    return {
        f"{name}-{k}": picture[40 * k : 40 * k + 128, 60 * k : 60 * k + 160] / 255
        for name, picture in whole.items()
        for k in range(3)
    }


def test_every_edit_takes_structure_away(photos: dict[str, Array]) -> None:
    rows = probe_metrics(photos, [SHARPNESS], _measure, seed=0)
    assert {row.probe for row in rows} == {probe.name for probe in PROBES}
    assert all(row.structure_kept.high < 0.99 for row in rows)


def test_a_metric_of_sharpness_is_exploited_by_every_edit(photos: dict[str, Array]) -> None:
    rows = probe_metrics(photos, [SHARPNESS], _measure, seed=0)
    assert [row.probe for row in rows] == ["sharpened", "textured", "aliased"]
    assert all(row.is_rewarded and row.share_rewarded == 1 for row in rows)
    found = exploitability(rows, "sharpness")
    assert found is not None and found > 1


def test_a_metric_that_the_edits_do_not_touch_is_not_exploitable(photos: dict[str, Array]) -> None:
    rows = probe_metrics(photos, [BRIGHTNESS], _measure, seed=0)
    found = exploitability(rows, "brightness")
    # Clipping moves the mean of a picture a little, but not by a hundredth of what pictures differ by.
    assert found is not None and found < 0.05


def test_where_lower_is_better_a_falling_value_is_a_gain(photos: dict[str, Array]) -> None:
    turned = replace(SHARPNESS, id="bluntness", higher_is_better=False)
    assert exploitability(probe_metrics(photos, [turned], _measure, seed=0), "bluntness") == 0


def test_the_gain_is_that_of_the_edit(photos: dict[str, Array]) -> None:
    row = next(r for r in probe_metrics(photos, [SHARPNESS], _measure, seed=0) if r.probe == "aliased")
    by_hand = [_edges(p[::2, ::2]) - _edges(halve_smoothly(p)) for p in photos.values()]
    assert row.gain.mean == pytest.approx(np.mean(by_hand))
    spread = np.std([_edges(halve_smoothly(p)) for p in photos.values()], ddof=1)
    assert row.gain_in_spreads == pytest.approx(np.mean(by_hand) / spread)


def test_metrics_with_a_reference_are_not_probed(photos: dict[str, Array]) -> None:
    assert probe_metrics(photos, [SSIM], _measure, seed=0) == []


def test_pictures_that_a_metric_refuses_are_left_out(photos: dict[str, Array]) -> None:
    def only_large(metric: Metric, image: Array) -> float:
        if min(image.shape[:2]) < 100:
            raise InputError("too small")
        return _edges(image)

    rows = probe_metrics(photos, [SHARPNESS], only_large, seed=0)
    assert {row.probe for row in rows} == {"sharpened", "textured"}


def test_an_unprobed_metric_has_no_exploitability() -> None:
    assert exploitability([], "niqe") is None


def test_niqe_pays_for_none_of_the_edits_of_clean_photos(shared_dir: Path, photos: dict[str, Array]) -> None:
    measure = NIQE.load(shared_dir / "data-dev" / "metric-params")
    large = {
        name: picture / 255
        for name, picture in (("a", data.astronaut()), ("c", data.coffee()), ("l", data.chelsea()))
    }
    rows = probe_metrics(large, [NIQE], lambda metric, image: measure(image, None), seed=0)
    texture = next(row for row in rows if row.probe == "textured")
    assert texture.share_rewarded == 0


def _run(
    gain_sharpness: float, gain_ssim: float
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    rng = np.random.default_rng(0)
    items = [f"i{k}" for k in range(20)]
    base = {"sharpness": rng.normal(5, 1, 20), "ssim_rgb": rng.normal(0.7, 0.05, 20)}
    gains = {"sharpness": gain_sharpness, "ssim_rgb": gain_ssim}
    baseline = {id: dict(zip(items, values.tolist(), strict=True)) for id, values in base.items()}
    values = {id: {item: value + gains[id] for item, value in row.items()} for id, row in baseline.items()}
    return values, baseline


def test_gains_without_reference_and_losses_with_one_are_suspicious() -> None:
    values, baseline = _run(0.5, -0.02)
    found = suspicion("model", values, baseline, [SHARPNESS, SSIM], [], seed=0)
    assert found is not None
    assert found.reasons == ("sharpness gain without a reference while ssim_rgb lose against it",)


@pytest.mark.parametrize("gains", [(0.5, 0.02), (-0.5, -0.02), (-0.5, 0.02)])
def test_gains_in_both_or_no_gains_are_not_suspicious(gains: tuple[float, float]) -> None:
    values, baseline = _run(*gains)
    assert suspicion("model", values, baseline, [SHARPNESS, SSIM], [], seed=0) is None


def test_moves_like_those_of_a_probe_are_recognised(photos: dict[str, Array]) -> None:
    # Two metrics that rise with sharpening and one that falls: the direction of the edit.
    contrast = replace(SHARPNESS, id="contrast", load=lambda weights: lambda a, b: float(a.std()))
    smooth = replace(
        SHARPNESS, id="smooth", load=lambda weights: lambda a, b: -float(np.abs(np.diff(a, 2, axis=1)).mean())
    )
    metrics = [SHARPNESS, contrast, smooth]
    probed = probe_metrics(photos, metrics, _measure, seed=0)

    def values_of(pictures: dict[str, Array]) -> dict[str, dict[str, float]]:
        return {m.id: {name: _measure(m, p) for name, p in pictures.items()} for m in metrics}

    gamed = {name: PROBES[0].harmful(p, np.random.default_rng(0)) for name, p in photos.items()}
    found = suspicion("gamer", values_of(gamed), values_of(photos), metrics, probed, seed=0)
    assert found is not None and any(
        "picture is sharpened (cosine 1.00)" in reason for reason in found.reasons
    )


def test_two_metrics_are_too_few_for_a_likeness() -> None:
    probed = [_probed("a", 1.0), _probed("b", 1.0)]
    assert likeness({"a": 1.0, "b": 1.0}, probed) == {}
    assert likeness({"a": 2.0, "b": 2.0, "c": 2.0}, [*probed, _probed("c", 1.0)]) == {
        "sharpened": pytest.approx(1)
    }


def _probed(metric: str, spreads: float) -> ProbedMetric:
    from eval.intervals import mean_with_interval

    one = mean_with_interval([spreads, spreads], seed=0)
    return ProbedMetric(
        probe="sharpened",
        metric=metric,
        gain=one,
        gain_in_spreads=spreads,
        share_rewarded=1.0,
        structure_kept=one,
    )
