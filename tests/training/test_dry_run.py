"""The plan of a phase: exact counts of weights, memory by ZeRO's shares, rows like those of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from data.drafts import ConditionPicture, TargetPicture
from tests.uare.tiny import tiny_text_tokenizer, tiny_uare_model
from training.dry_run import count_weights, plan
from training.estimates import (
    Cluster,
    RowEstimate,
    Weights,
    activations,
    count_expert,
    draw_rows,
    duration_s,
    memory,
    operations,
)
from training.mixture import make_rows
from training.presets import full_size
from training.settings import Task, TrainSettings, read_settings
from training.train import main
from uare.errors import ConfigError
from uare.info import components_of
from uare.model import UAREModel
from uare.packing import VisionImage

CONFIGS = Path(__file__).resolve().parents[2] / "training" / "configs"
STAGE_ONE = ("stage1_single", "stage1_multi", "stage1_high_order")
# Of BAGEL-7B-MoT (tests/benchmarks/test_full_size.py has the release's total).
EXPERT_7B, LATENT_7B, ALL_7B, CODEC_7B = 6_525_628_928, 14_232_128, 14_658_838_147, 83_819_683
LORA_7B = 28 * 16 * (2 * (3584 + 3584) + 2 * (3584 + 512) + 3 * (3584 + 18_944))  # rank 16, seven matrices
# Tokens that the paper saw (table A.1), stage 2 with its text; and how near the estimate has to come.
SEEN = {"stage1_single": 9.6e9, "stage1_multi": 19.2e9, "stage1_high_order": 1.3e9, "stage2_unified": 5e9}
NEAR = 0.03
ROW = RowEstimate(mean=15_000, longest=24_000, text=100, views=6_000)


def phase(name: str, *changes: str) -> TrainSettings:
    return read_settings(CONFIGS / f"{name}.yaml", changes)


@pytest.mark.parametrize("name", STAGE_ONE)
def test_the_tiny_plan_counts_the_weights_of_the_model_itself(name: str) -> None:
    model = UAREModel.from_pretrained("uare-tiny")
    printed = plan(phase(f"tiny/{name}", "model=uare-tiny"), Cluster())
    lines = {" ".join(line.split()) for line in printed.splitlines()}
    trained = {"restoration expert", "latent in and out, timestep"}
    for row in components_of(model):
        count = f"{row['parameters']:,}"
        split = f"{count} 0" if row["name"] in trained else f"0 {count}"
        assert f"{row['name']} {count} {split}" in lines
        if row["name"] == "restoration expert":
            assert count_expert(model) == row["parameters"]
    assert "is not there yet" not in printed


def test_the_tiny_unified_phase_trains_all_but_codec_and_detail_path() -> None:
    counts = count_weights(phase("tiny/stage2_unified"), UAREModel.from_pretrained("uare-tiny").config)
    for name, count in counts.items():
        assert count.trained == (0 if name in ("codec", "detail path") else count.weights), name


@pytest.mark.parametrize(
    ("name", "trained"),
    [
        ("stage1_single", EXPERT_7B + LATENT_7B),
        ("stage2_unified", ALL_7B - CODEC_7B),
        ("stage1_single_lora", LORA_7B + LATENT_7B),
        ("stage2_unified_lora", 2 * LORA_7B + LATENT_7B),
    ],
)
def test_the_7b_phases_train_what_the_paper_says(name: str, trained: int) -> None:
    pytest.importorskip("diffusers")
    pytest.importorskip("peft")
    counts = count_weights(phase(name), full_size())
    adapters = trained - LATENT_7B if name.endswith("lora") else 0
    assert sum(count.weights for count in counts.values()) == ALL_7B + adapters
    assert sum(count.trained for count in counts.values()) == trained


@pytest.mark.parametrize(("name", "seen"), SEEN.items())
def test_the_7b_phases_see_the_tokens_of_the_paper(name: str, seen: float) -> None:
    settings = phase(name)
    row = draw_rows(settings, full_size())
    assert row.mean * settings.data.rows_per_step * settings.steps == pytest.approx(seen, rel=NEAR)


def test_the_7b_plan_needs_neither_weights_nor_data(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("diffusers")
    monkeypatch.chdir(tmp_path)
    arguments = ["--config", str(CONFIGS / "stage2_unified.yaml"), "--dry-run", "--gpus", "64"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    for expected in (
        "phase unified: 10,000 steps from runs/stage1_high_order/model",
        "AdamW (0.9, 0.95), eps 1e-15, learning rate 2e-05 constant after 500 steps",
        "MSE + 0.25 CE, timestep shift 4, conditions dropped 0.1, average 0.995",
        "short side from 512 px, long side to 1024 px",
        "questions 378 to 980 px",
        "runs/stage1_high_order/model is not there yet: counted with the sizes of BAGEL-7B-MoT",
        "foundir in sets/FoundIR: missing of train-mixed",
        "spaq: there is no folder sets/SPAQ; give the folder with Annotations",
        " 20.0%  interleaved: interleave, harm recorded",
        "(64 × 148 TFLOP/s × 30%)",
    ):
        assert expected in printed
    assert printed.count("there is no folder sets/FoundIR") == 1  # of four groups that want it


def test_more_processes_than_rows_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--config", str(CONFIGS / "tiny" / "stage1_single.yaml"), "--dry-run", "--gpus", "64"]
    assert main(arguments) == 2
    assert "data.rows_per_step is 4, not a multiple of 64 processes" in capsys.readouterr().err


@pytest.mark.parametrize("values", [{"gpus": 0}, {"tflops": 0.0}, {"mfu": 0.0}, {"mfu": 1.5}])
def test_a_cluster_that_makes_no_sense_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="expected at least one"):
        Cluster(**values)


@pytest.fixture
def small(tmp_path: Path) -> TrainSettings:
    """A unified phase of the tiny model on pictures of 64 px."""
    tiny_uare_model().save_pretrained(tmp_path / "model")
    tiny_text_tokenizer().save(tmp_path / "model")
    (tmp_path / "photos").mkdir()
    for number in range(3):
        coarse = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((64, 64)).save(tmp_path / "photos" / f"{number}.png")
    sets = [{"reader": "folder", "root": str(tmp_path / "photos")}]
    groups = {
        "restore": {"task": "restore", "harm": "single", "weight": 3, "sets": sets},
        "score": {"task": "score", "harm": "single", "weight": 1, "sets": sets},
    }
    document = {
        "phase": "unified",
        "model": str(tmp_path / "model"),
        "output": str(tmp_path / "out"),
        "steps": 10,
        "data": {
            "tokens_per_row": 60,
            "rows_per_step": 4,
            "size": {"crops_px": [32, 48]},
            "groups": groups,
        },
    }
    path = tmp_path / "phase.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return read_settings(path)


def test_the_mixture_has_its_shares_and_the_sources_that_are_there(small: TrainSettings) -> None:
    printed = plan(small, Cluster(gpus=2))
    assert " 75.0%  restore: restore, harm single" in printed
    assert " 25.0%  score: score, harm single" in printed
    assert printed.count("photos: 3 sources") == 2
    assert "missing" not in printed
    assert "4 rows a step, 2 of them for each of 2 processes" in printed


@pytest.mark.parametrize("task", ["restore", "interleave", "score", "describe", "compare"])
def test_an_estimated_sample_has_the_images_of_a_real_one(small: TrainSettings, task: Task) -> None:
    """Exactly; how many tokens its words have depends on the tokenizer."""
    group = small.data.groups["restore"].model_copy(update={"task": task})
    size = small.data.size.model_copy(update={"crops_px": (48,)})
    data = small.data.model_copy(update={"groups": {task: group}, "size": size, "tokens_per_row": 1})
    loss = small.loss.model_copy(update={"dropout": 0.0})
    settings = small.model_copy(update={"data": data, "loss": loss})
    config = UAREModel.from_pretrained(small.model).config
    estimate = draw_rows(settings, config, num_rows=5)
    parts = make_rows(settings, config, tiny_text_tokenizer())[0].drafts[0].parts
    assert estimate.views == sum(2 + len(part.patches) for part in parts if isinstance(part, VisionImage))
    latents = [part.pixels for part in parts if isinstance(part, ConditionPicture | TargetPicture)]
    assert estimate.mean - estimate.views - estimate.text == len(latents) * (2 + 48 * 48 // 16**2)


@pytest.mark.parametrize(
    ("zero", "expected"),
    [
        # 2 bytes a weight, 2 a gradient, 12 and 4 and 4 a trained weight, over 4 processes
        (
            "zero1",
            {"weights": 2000, "gradients": 1200, "master weights, Adam": 1800, "averaged weights": 600},
        ),
        ("zero2", {"weights": 2000, "gradients": 300, "master weights, Adam": 1800, "averaged weights": 600}),
        ("zero3", {"weights": 500, "gradients": 300, "master weights, Adam": 1800, "weights gathered": 2000}),
    ],
)
def test_zero_shares_memory_out(zero: str, expected: dict[str, float]) -> None:
    settings = phase("stage1_single", f"deepspeed=zero/{zero}.json")
    needs = memory(Weights(network=1000, trained=600, codec=10), ROW, full_size(), settings, 4)
    found = {need.what: need.num_bytes for need in needs}
    assert {what: found[what] for what in expected} == expected
    assert found["codec"] == 40
    assert ("weights gathered" in found) == (zero == "zero3")
    assert not any(need.on_host for need in needs)


def test_offloading_moves_the_optimiser_and_the_weights_to_the_host() -> None:
    weights = Weights(network=1000, trained=600, codec=10)
    optimiser = {"gradients", "master weights, Adam", "averaged weights"}
    for zero, hosted in (("zero2", optimiser), ("zero3", optimiser | {"weights"})):
        settings = phase("stage1_single", f"deepspeed=zero/{zero}_offload.json")
        needs = memory(weights, ROW, full_size(), settings, 4)
        assert {need.what for need in needs if need.on_host} == hosted


def test_recomputing_layers_saves_most_of_the_activations() -> None:
    kept = activations(ROW, full_size(), phase("stage1_single", "recompute_layers=false"))
    assert activations(ROW, full_size(), phase("stage1_single")) < kept / 10


@pytest.mark.parametrize(
    ("name", "changes", "per_weight"),
    [
        ("stage1_single", (), 4 * 100 + 6 * 10),  # nothing for the gradient of frozen weights
        ("stage1_single", ("detach_frozen=true",), 2 * 100 + 6 * 10),
        ("stage1_single_lora", (), 4 * 100 + 4 * 10),
        ("stage2_unified", (), 6 * 100 + 6 * 10),
    ],
)
def test_operations_are_those_that_a_phase_does(name: str, changes: tuple[str, ...], per_weight: int) -> None:
    assert operations(100, 10, 7, phase(name, *changes)) == 7 * per_weight


def test_the_four_phases_take_about_the_week_of_the_paper() -> None:
    cluster = Cluster(gpus=64, tflops=148.0, mfu=0.3)  # H20s; 30 % follows from the week
    seconds = sum(duration_s(6 * tokens * EXPERT_7B, cluster) for tokens in SEEN.values())
    assert 5 < seconds / 86_400 < 7
