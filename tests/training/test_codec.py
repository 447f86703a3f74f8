"""Codec training: seconds of it lower the loss, leave a usable file, and resume where they stopped."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from training.codec import codec_loss, main, mean_psnr_db
from training.timed_run import RunSettings, TimedRun, charbonnier, rate_factor
from uare.errors import CheckpointError, ConfigError
from uare.vae import TinyCodec

SMALL = {"quarter_width": 8, "quarter_blocks": 1, "eighth_width": 8, "eighth_blocks": 1}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of two smooth photos of 80x96 px, both clear."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rows, columns = np.mgrid[0:80, 0:96]
    for index in range(2):
        pixels = np.stack([rows * 3, columns * 2, (rows + columns) * (index + 0.4)], axis=-1).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.webp", lossless=True)
    (folder / "photos.json").write_text(json.dumps([{"file": f"{i}.webp", "clear": True} for i in range(2)]))
    return folder


def run_for(minutes: float, photos: Path, output: Path) -> None:
    sizes = ["--batch-size", "2", "--crop-px", "32"]
    assert main(["--photos", str(photos), "--output", str(output), "--minutes", str(minutes), *sizes]) == 0


def test_a_short_run_leaves_weights_with_latents_of_unit_deviation(photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    run_for(0.02, photos, output)
    document = json.loads((output / "codec.json").read_text())
    codec = TinyCodec(document["config"])
    codec.load_state_dict(load_file(output / "codec.safetensors"))
    images = torch.from_numpy(np.array(Image.open(photos / "0.webp"))).permute(2, 0, 1)[None].float() / 255
    latents = codec.encode(images)
    assert latents.shape == (1, 16, 10, 12)
    assert 0.2 < float(latents.detach().std()) < 5  # one photo against the scale of all crops
    assert float(codec.code_noise) == pytest.approx(0.05, abs=1e-4)


def test_a_run_resumes_and_counts_the_minutes_of_all_its_parts(photos: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    run_for(0.01, photos, output)
    first = torch.load(output / "checkpoint.pt", weights_only=True)
    budget_s = first["elapsed_s"] + 0.6  # of both: a step on a busy machine may take longer than its part
    run_for(budget_s / 60, photos, output)
    second = torch.load(output / "checkpoint.pt", weights_only=True)
    assert second["step"] > first["step"]
    assert budget_s <= second["elapsed_s"] < budget_s + 3


def test_a_foreign_checkpoint_is_refused(tmp_path: Path) -> None:
    torch.save({"model": {}}, tmp_path / "checkpoint.pt")
    with pytest.raises(CheckpointError, match="remove it to start anew"):
        TimedRun(
            model=TinyCodec(SMALL), settings=RunSettings(minutes=1), checkpoint=tmp_path / "checkpoint.pt"
        )


def test_training_on_one_batch_lowers_its_loss(tmp_path: Path) -> None:
    torch.manual_seed(0)
    codec = TinyCodec(SMALL)
    settings = RunSettings(minutes=60, learning_rate=3e-3)
    run = TimedRun(model=codec, settings=settings, checkpoint=tmp_path / "checkpoint.pt")
    run.elapsed_s = 20.0  # past the warm-up
    images = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(1)).repeat_interleave(8, -1)
    images = images.repeat_interleave(8, -2)  # (2, 3, 32, 32), flat squares of 8 px
    noise = torch.zeros(2, 16, 4, 4)
    before = codec_loss(codec, images, noise).item()
    for _ in range(40):
        run.update(codec_loss(codec, images, noise))
    assert codec_loss(codec, images, noise).item() < 0.7 * before


def test_the_averaged_weights_follow_the_trained_ones(tmp_path: Path) -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(1.0)
    run = TimedRun(model=model, settings=RunSettings(minutes=1), checkpoint=tmp_path / "checkpoint.pt")
    run.update(model(torch.ones(1, 1)).square().sum())
    first = 2 / 11  # decay (1 + step) / (10 + step) after the first step
    expected = first * 1.0 + (1 - first) * model.weight.item()
    assert float(run.average.weight) == pytest.approx(expected)


def test_the_learning_rate_rises_then_falls_to_zero() -> None:
    assert rate_factor(22.5, 1000.0) == pytest.approx(0.5)
    assert rate_factor(45.0, 1000.0) == pytest.approx(1.0)
    assert rate_factor(522.5, 1000.0) == pytest.approx(0.5)
    assert rate_factor(1000.0, 1000.0) == pytest.approx(0.0)


def test_charbonnier_is_quadratic_near_zero_and_linear_far_away() -> None:
    values = charbonnier(torch.tensor([0.0, 1e-3, 1.0]))
    assert values.tolist() == pytest.approx([0.0, 5e-5, 0.99], rel=5e-3)


def test_psnr_of_no_pictures_is_not_a_number() -> None:
    assert np.isnan(mean_psnr_db(TinyCodec(SMALL), []))


def test_a_run_without_minutes_is_refused() -> None:
    with pytest.raises(ConfigError, match="minutes"):
        RunSettings(minutes=0)
