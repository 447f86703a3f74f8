"""Metrics without reference: NIQE against recorded values, and metrics that are unavailable say why."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from torch import Tensor

from eval.metrics import METRICS, MetricUnavailable, find_metrics
from eval.metrics.brisque import brisque, read_support_vectors
from eval.metrics.niqe import PristineModel, halve, niqe, read_pristine_model
from eval.metrics.own_score import own_weights_version
from eval.pictures import read_picture
from uare.errors import InputError

# Official values of pictures with flat areas hang on rounding errors (see eval.metrics.niqe): 0.6 % at most.
OFFICIAL_TOLERANCE = 0.006
BRISQUE_TOLERANCE = 2.5  # of about 100 points; pyiqa's differs by up to 5.4 from the same values
EXACT = "I04"  # no flat areas: the official value to the last digits printed
# pyiqa's values on a graphics card, same reason; the means of 60 pictures agree to the third decimal.
PUBLISHED_TOLERANCE, PUBLISHED_MEAN_TOLERANCE = 0.08, 0.0005


@pytest.fixture(scope="module")
def pristine(shared_dir: Path) -> PristineModel:
    return read_pristine_model(shared_dir / "data-dev" / "metric-params")


def test_niqe_gives_the_values_of_its_authors_code(shared_dir: Path, pristine: PristineModel) -> None:
    data_dir = shared_dir / "data-dev" / "iqa-calibration"
    with (data_dir / "results_official.csv").open(encoding="utf-8") as file:
        official = next(row for row in csv.DictReader(file) if row["Method"] == "niqe")
    for name in ("I03", "I04", "I06", "I08", "I19"):
        found = niqe(read_picture(data_dir / "dist_dir" / f"{name}.webp"), pristine)
        tolerance = 1e-10 if name == EXACT else OFFICIAL_TOLERANCE
        assert found == pytest.approx(float(official[f"{name}.bmp"]), rel=tolerance), name


def test_brisque_gives_the_values_of_its_authors_code(shared_dir: Path) -> None:
    data_dir = shared_dir / "data-dev" / "iqa-calibration"
    machine = read_support_vectors(shared_dir / "data-dev" / "metric-params")
    with (data_dir / "results_official.csv").open(encoding="utf-8") as file:
        official = next(row for row in csv.DictReader(file) if row["Method"] == "brisque")
    for name in ("I03", "I04", "I06", "I08", "I19"):
        found = brisque(read_picture(data_dir / "dist_dir" / f"{name}.webp"), machine)
        tolerance = 1e-3 if name == EXACT else BRISQUE_TOLERANCE
        assert found == pytest.approx(float(official[f"{name}.bmp"]), abs=tolerance), name


def test_brisque_falls_when_noise_goes(shared_dir: Path, astronaut: Tensor) -> None:
    machine = read_support_vectors(shared_dir / "data-dev" / "metric-params")
    photo = astronaut[0].permute(1, 2, 0).double().numpy()
    noisy = np.clip(photo + 0.1 * np.random.default_rng(0).standard_normal(photo.shape), 0, 1)
    assert brisque(photo, machine) < brisque(noisy, machine) - 10


def test_brisque_reads_a_machine_of_libsvm(tmp_path: Path) -> None:
    head = "svm_type epsilon_svr\nkernel_type rbf\ngamma 0.5\nnr_class 2\ntotal_sv 2\nrho -3\nSV\n"
    (tmp_path / "allmodel").write_text(head + "2 1:1 36:-1\n-1 2:0.5\n")
    machine = read_support_vectors(tmp_path)
    # distances² of the origin: 2 and 0.25
    assert machine(np.zeros(36)) == pytest.approx(2 * np.exp(-1) - np.exp(-0.125) + 3)
    (tmp_path / "allmodel").write_text(head.replace("rbf", "linear"))
    with pytest.raises(MetricUnavailable, match="allmodel holds no machine of BRISQUE"):
        read_support_vectors(tmp_path)
    with pytest.raises(InputError, match="15x40 px, BRISQUE needs 16 px"):
        brisque(np.zeros((40, 15, 3)), machine)


def test_niqe_gives_the_published_values_of_restored_pictures(
    shared_dir: Path, pristine: PristineModel
) -> None:
    data_dir = shared_dir / "data-dev" / "realsr-osediff"
    with (data_dir / "published_realsr.csv").open(encoding="utf-8") as file:
        published = {row["name"]: float(row["niqe"]) for row in csv.DictReader(file)}
    pictures = [path for path in (data_dir / "results_osediff").iterdir() if path.stem in published]
    differences = np.array([niqe(read_picture(path), pristine) - published[path.stem] for path in pictures])
    assert len(differences) == 60
    assert np.abs(differences).max() < PUBLISHED_TOLERANCE
    assert abs(differences.mean()) < PUBLISHED_MEAN_TOLERANCE


def _some_model() -> PristineModel:
    return PristineModel(mean=np.zeros(36), covariance=np.eye(36))


def test_niqe_needs_two_patches() -> None:
    with pytest.raises(InputError, match="191x96 px, NIQE needs two patches of 96x96"):
        niqe(np.zeros((96, 191, 3)), _some_model())


def test_what_does_not_fill_a_patch_does_not_count() -> None:
    picture = np.random.default_rng(0).random((200, 230, 3))
    assert niqe(picture, _some_model()) == niqe(picture[:192, :192], _some_model())


def test_halving_keeps_planes_and_ramps() -> None:
    assert halve(np.full((16, 12), 0.3)) == pytest.approx(np.full((8, 6), 0.3))
    ramp = np.arange(32.0)[:, None].repeat(8, axis=1)
    # Away from the mirrored edges, output k stands for the place between inputs 2k and 2k + 1.
    assert halve(ramp)[2:-2, 0] == pytest.approx(np.arange(16.0)[2:-2] * 2 + 0.5)


def test_both_files_of_the_pristine_model_are_read(tmp_path: Path) -> None:
    mean, covariance = np.arange(36.0)[None], np.eye(36)
    savemat(tmp_path / "niqe_modelparameters.mat", {"mu_prisparam": mean, "cov_prisparam": covariance})
    assert read_pristine_model(tmp_path).mean == pytest.approx(np.arange(36.0))
    np.savez(tmp_path / "niqe_pris_params.npz", mu_pris_param=mean + 1, cov_pris_param=covariance)
    assert read_pristine_model(tmp_path).mean == pytest.approx(np.arange(36.0) + 1)


def test_niqe_without_weights_is_unavailable_and_says_which_file_it_needs(tmp_path: Path) -> None:
    row = find_metrics(["niqe"])[0]
    for weights in (None, tmp_path):
        with pytest.raises(MetricUnavailable, match=r"niqe_pris_params\.npz"):
            row.load(weights)


def test_a_damaged_pristine_model_is_unavailable(tmp_path: Path) -> None:
    np.savez(tmp_path / "niqe_pris_params.npz", mu_pris_param=np.zeros(3), cov_pris_param=np.eye(36))
    with pytest.raises(MetricUnavailable, match="holds no pristine model"):
        read_pristine_model(tmp_path)


@pytest.mark.skipif(importlib.util.find_spec("pyiqa") is not None, reason="pyiqa is installed")
def test_without_pyiqa_its_metrics_say_what_to_install() -> None:
    rows = [row for row in METRICS if row.made_by == "pyiqa"]
    assert len(rows) >= 10
    for row in rows:
        with pytest.raises(MetricUnavailable, match=r"pip install -e \"\.\[eval,iqa\]\""):
            row.load(None)
        assert row.version == "pyiqa, not installed"


def test_the_own_score_is_that_of_the_command(shared_dir: Path) -> None:
    from uare.pipeline import UAREPipeline

    file = shared_dir / "data-dev" / "realsr-osediff" / "test_HR" / "Canon_001_LR4.webp"
    found = find_metrics(["uare_score"])[0].load(None)(read_picture(file), None)
    assert found == pytest.approx(UAREPipeline.from_pretrained("uare-tiny").assess(file).score, abs=1e-5)


def test_values_of_the_own_score_belong_to_the_weights_that_gave_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = find_metrics(["uare_score"])[0]
    before = row.version
    own_weights_version.cache_clear()
    monkeypatch.setattr("eval.metrics.own_score.folder_digest", lambda folder: "0123")
    assert before != row.version == "uare 1, weights 0123"
    own_weights_version.cache_clear()
