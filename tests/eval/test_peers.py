"""Published networks give the values recorded for them, and weights that do not fit are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from data.fgrestore.peers import PEERS, SUFFIX, Peer, peers_named
from eval.adapters.peers import peer_subjects
from eval.metrics import Array, psnr
from eval.metrics.table import find_metrics
from eval.peers.restoring import load_network, restored
from eval.peers.table import NETWORKS
from eval.pictures import read_picture, to_bytes
from eval.records import PEER, read_run
from eval.restore_by_peer import main as restore_by_peer
from eval.run_all import main as run_all
from tests.eval.small_sets import make_pairs, save_picture
from uare.errors import CheckpointError

# Values are recorded with three and four decimals and met to 0.0011 dB and half of the last decimal.
TOLERANCE_DB, TOLERANCE_SSIM = 0.005, 0.0005
DEEP = {peer.name for peer in PEERS if set(peer.tasks) & {"rain", "noise"}}  # a minute on a processor


def _peer(name: str) -> Peer:
    (peer,) = peers_named([name])
    return peer


def _untrained(folder: Path, *names: str) -> Path:
    """Files with the weights that networks have before any training."""
    folder.mkdir(parents=True, exist_ok=True)
    for peer in map(_peer, names):
        torch.manual_seed(0)
        weights = NETWORKS[peer.name].build().state_dict()
        save_file({name: weight.clone() for name, weight in weights.items()}, _file(folder, peer))
    return folder


def _file(folder: Path, peer: Peer) -> Path:
    return folder / (peer.weights + SUFFIX)


def _recorded(folder: Path) -> dict[str, dict[str, list[float]]]:
    """What was measured, by the names of our table: `ffdnet-color s=5` is `ffdnet-color-s5`."""
    measured = json.loads((folder / "measured_on_dev_pairs.json").read_text())
    return {name.replace(" s=", "-s"): values for name, values in measured.items()}


def _pairs(folder: Path) -> dict[str, tuple[Array, Array]]:
    entries: list[dict[str, Any]] = json.loads((folder / "pairs.json").read_text())["pairs"]
    return {
        entry["name"]: (read_picture(folder / entry["lq"]), read_picture(folder / entry["gt"]))
        for entry in entries
    }


def _disagreements(shared_dir: Path, names: set[str]) -> list[str]:
    """Recorded values of these networks that differ from ours, of results as 8-bit pictures."""
    weights = shared_dir / "data-dev" / "peer-models"
    pairs = _pairs(shared_dir / "data-dev" / "dev-pairs")
    measures = [metric.load(None) for metric in find_metrics(("psnr_rgb", "ssim_y_ycbcr"))]
    found = []
    for name, values in _recorded(weights).items():
        if name not in names:
            continue
        network = load_network(_peer(name), weights)
        for picture, recorded in values.items():
            lq, gt = pairs[picture]
            result = to_bytes(restored(network, lq)) / 255
            ours = [measure(result, gt) for measure in measures]
            gaps = [abs(mine - theirs) for mine, theirs in zip(ours, recorded, strict=True)]
            if gaps[0] > TOLERANCE_DB or gaps[1] > TOLERANCE_SSIM:
                found.append(f"{name}, {picture}: {ours}, recorded {recorded}")
    return found


def test_light_and_haze_networks_give_the_recorded_values(shared_dir: Path) -> None:
    assert _disagreements(shared_dir, {peer.name for peer in PEERS} - DEEP) == []


@pytest.mark.slow
def test_rain_and_noise_networks_give_the_recorded_values(shared_dir: Path) -> None:
    assert _disagreements(shared_dir, DEEP) == []


def test_every_recorded_network_is_in_the_table(shared_dir: Path) -> None:
    recorded = _recorded(shared_dir / "data-dev" / "peer-models").keys() - {"identity"}
    assert recorded <= {peer.name for peer in PEERS}


def test_networks_without_recorded_values_do_what_they_are_for(shared_dir: Path) -> None:
    weights = shared_dir / "data-dev" / "peer-models"
    pairs = _pairs(shared_dir / "data-dev" / "dev-pairs")
    clean = pairs["rain100l_1"][1][64:160, 64:160]
    noisy = clean + np.random.default_rng(0).normal(0, 25 / 255, clean.shape)
    rainy = pairs["rain100l_1"][0][64:160, 64:160]
    # PReNet_r was trained on rain of another kind
    for name, harmed, least_db in (("adnet-color-blind", noisy, 8), ("prenet-r-rain1400", rainy, 1)):
        gained = psnr(restored(load_network(_peer(name), weights), harmed), clean) - psnr(harmed, clean)
        assert gained > least_db, f"{name} gains {gained:.2f} dB"


def test_the_table_of_networks_is_that_of_their_sources() -> None:
    assert NETWORKS.keys() == {peer.name for peer in PEERS}


@pytest.mark.parametrize("name", ["zero-dce", "aod-net", "ffdnet-color-s10", "prenet-r-rain1400"])
def test_sides_may_be_odd(name: str, tmp_path: Path) -> None:
    network = load_network(_peer(name), _untrained(tmp_path, name))
    picture = np.random.default_rng(0).random((13, 9, 3))
    result = restored(network, picture)
    assert result.shape == picture.shape
    assert result.min() >= 0 and result.max() <= 1


def test_weights_that_only_training_needs_are_not_asked_for(tmp_path: Path) -> None:
    folder = _untrained(tmp_path, "sci-easy")
    weights = load_file(folder / "sci-easy.safetensors")
    save_file(weights | {"calibrate.in_conv.0.bias": torch.zeros(16)}, folder / "sci-easy.safetensors")
    load_network(_peer("sci-easy"), folder)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"e_conv1.bias": None}, r"holds nothing as e_conv1.bias, expected \(3,\)"),
        ({"e_conv9.bias": torch.zeros(3)}, r"holds \(3,\) as e_conv9.bias, expected nothing"),
        ({"e_conv1.bias": torch.zeros(4)}, r"holds \(4,\) as e_conv1.bias, expected \(3,\)"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    change: dict[str, Tensor | None], expected: str, tmp_path: Path
) -> None:
    file = _untrained(tmp_path, "aod-net") / "aod-net.safetensors"
    changed = load_file(file) | change
    save_file({name: weight for name, weight in changed.items() if weight is not None}, file)
    with pytest.raises(CheckpointError, match=expected):
        load_network(_peer("aod-net"), tmp_path)


def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "aod-net.safetensors").write_bytes(b"<html>not found</html>")
    with pytest.raises(CheckpointError, match="could not be loaded"):
        load_network(_peer("aod-net"), tmp_path)


def _evaluate(data: Path, output: Path, *options: object) -> int:
    given = ["--data-root", data, "--output", output, "--suite", "pairs", "--metrics", "psnr_rgb", *options]
    return run_all(list(map(str, given)))


def test_all_baselines_are_those_whose_weights_are_there(tmp_path: Path) -> None:
    data = make_pairs(tmp_path / "data")  # noise, and low resolution at twice the size
    weights = _untrained(tmp_path / "weights", "adnet-color-blind", "zero-dce")
    assert _evaluate(data, tmp_path / "out", "--baseline", "all", "--peer-weights", weights) == 1
    run = read_run(tmp_path / "out")
    (peer,) = [one for one in run.suites[0].subjects if one.info.kind == PEER]
    assert peer.info.name == "adnet-color-blind"  # nothing is dark here, and no network enlarges
    assert {item for item, _ in peer.scores} == {"a", "b", "c", "d"}
    left_out = [problem for problem in run.info.problems if "with the weights of" in problem]
    assert len(left_out) == len(PEERS) - 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--baseline", "zero-dce"), "name their folder with --peer-weights"),
        (
            ("--baseline", "zero-dce", "--peer-weights", "/nowhere"),
            "there is no /nowhere/zero-dce.safetensors",
        ),
    ],
)
def test_a_network_that_is_named_needs_its_weights(
    options: tuple[str, ...], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _evaluate(make_pairs(tmp_path / "data"), tmp_path / "out", *options) == 2
    assert expected in capsys.readouterr().err


def test_other_weights_make_other_results(tmp_path: Path) -> None:
    folder = _untrained(tmp_path, "aod-net")
    (before,), _ = peer_subjects(["aod-net"], folder)
    file = folder / "aod-net.safetensors"
    save_file({name: weight + 1 for name, weight in load_file(file).items()}, file)
    (after,), _ = peer_subjects(["aod-net"], folder)
    assert before.info.digest != after.info.digest


def test_a_folder_is_restored_as_it_is_laid_out_where_the_network_is_meant_for_it(tmp_path: Path) -> None:
    weights = _untrained(tmp_path / "weights", "aod-net")
    inputs = tmp_path / "in"
    for name in ("haze/a.png", "noise/b.png", "trip/c.png", "d.png"):
        save_picture(inputs / name)
    (inputs / "haze" / "broken.png").write_bytes(b"no picture")
    code = restore_by_peer(["aod-net", str(inputs), str(tmp_path / "out"), "--peer-weights", str(weights)])
    assert code == 1
    made = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png")}
    assert made == {"haze/a.png", "trip/c.png", "d.png"}
