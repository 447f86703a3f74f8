"""In an environment with pyiqa: our recipes are its recipes, and its own metrics are called rightly."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from eval.metrics import Array, MetricUnavailable, find_metrics
from eval.metrics.pyiqa_backed import from_pyiqa
from eval.metrics.torchvision_guard import ABSENT, prepare_torchvision
from eval.pictures import read_picture

# Not importorskip: the import itself needs a prepared torchvision.
if importlib.util.find_spec("pyiqa") is None:
    pytest.skip("pyiqa is not installed", allow_module_level=True)

PAIRS = ("I03", "I04", "I06", "I08", "I19")
# pyiqa computes in float32.
PSNR_TOLERANCE_DB, SIMILARITY_TOLERANCE = 1e-4, 1e-4


@pytest.fixture(scope="module")
def pairs(shared_dir: Path) -> list[tuple[Array, Array]]:
    data_dir = shared_dir / "data-dev" / "iqa-calibration"
    return [
        (read_picture(data_dir / "dist_dir" / f"{n}.webp"), read_picture(data_dir / "ref_dir" / f"{n}.webp"))
        for n in PAIRS
    ]


def _calibration(shared_dir: Path, method: str) -> list[float]:
    file = shared_dir / "data-dev" / "iqa-calibration" / "calibration_summary.csv"
    with file.open(encoding="utf-8") as lines:
        row = next(row for row in csv.DictReader(lines) if row["Method"] == method)
    return [float(row[f"{name}.bmp"]) for name in PAIRS]


@pytest.mark.parametrize(
    ("id", "theirs", "options", "tolerance"),
    [
        ("psnr_rgb", "psnr", {}, PSNR_TOLERANCE_DB),
        ("psnr_y_yiq", "psnr", {"test_y_channel": True}, PSNR_TOLERANCE_DB),
        ("psnr_y_ycbcr", "psnr", {"test_y_channel": True, "color_space": "ycbcr"}, PSNR_TOLERANCE_DB),
        ("ssim_y_ycbcr", "ssim", {"test_y_channel": True, "color_space": "ycbcr"}, SIMILARITY_TOLERANCE),
        ("ssim_y_yiq", "ssim", {}, SIMILARITY_TOLERANCE),
        ("ssim_rgb", "ssimc", {}, SIMILARITY_TOLERANCE),
        ("gmsd", "gmsd", {"test_y_channel": True}, 1e-3),
        ("fsim", "fsim", {}, 1e-3),
    ],
)
def test_our_recipes_are_those_of_the_library(
    pairs: list[tuple[Array, Array]], id: str, theirs: str, options: dict[str, object], tolerance: float
) -> None:
    import torch

    prepare_torchvision()
    import pyiqa

    model = pyiqa.create_metric(theirs, device="cpu", **options)
    ours = find_metrics([id])[0].load(None)
    for pair in pairs:
        tensors = (torch.from_numpy(one).movedim(-1, 0)[None].float() for one in pair)
        assert ours(*pair) == pytest.approx(float(model(*tensors)), abs=tolerance)


@pytest.mark.parametrize("id", ["ms_ssim", "vif", "vsi", "nlpd", "piqe"])
def test_metrics_without_weights_give_the_values_of_the_calibration(
    shared_dir: Path, pairs: list[tuple[Array, Array]], id: str
) -> None:
    row = find_metrics([id])[0]
    measure = row.load(None)
    found = [measure(image, reference if row.needs_reference else None) for image, reference in pairs]
    assert found == pytest.approx(_calibration(shared_dir, f"{id}(ours)"), rel=0.003)


def test_our_niqe_is_that_of_the_library_where_nothing_is_flat(
    shared_dir: Path, pairs: list[tuple[Array, Array]], tmp_path: Path
) -> None:
    import torch

    prepare_torchvision()
    import pyiqa

    folder = shared_dir / "data-dev" / "metric-params"
    parameters = np.load(folder / "niqe_pris_params.npz")
    file = tmp_path / "niqe.mat"
    content = {"mu_prisparam": parameters["mu_pris_param"], "cov_prisparam": parameters["cov_pris_param"]}
    savemat(file, content)
    model = pyiqa.create_metric("niqe", device="cpu", pretrained_model_path=str(file))
    image = pairs[PAIRS.index("I04")][0]
    theirs = float(model(torch.from_numpy(image).movedim(-1, 0)[None].float()))
    assert find_metrics(["niqe"])[0].load(folder)(image, None) == pytest.approx(theirs, abs=1e-4)


def test_what_the_library_cannot_make_is_unavailable_with_its_reason() -> None:
    with pytest.raises(MetricUnavailable, match="pyiqa could not make no-such-metric"):
        from_pyiqa("no-such-metric")(None)


def test_torchvision_imports_once_it_was_prepared() -> None:
    assert prepare_torchvision() != ABSENT
    from torchvision import transforms

    resize: Callable[[int], object] = transforms.Resize
    assert resize(8) is not None
