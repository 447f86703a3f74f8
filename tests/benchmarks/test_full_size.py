"""The benchmark of the 7B size: its sizes, and the same program at a small one."""

from __future__ import annotations

import json

import pytest
import torch

from benchmarks import full_size
from benchmarks.sizes import outline, random_model, small_size
from training.presets import full_size as full_size_config

pytest.importorskip("diffusers")


def test_the_full_size_has_the_parameters_of_bagel() -> None:
    """Counts of the public checkpoint; its total holds two fixed tables of positions that we compute."""
    model = outline(full_size_config())
    layers = model.mixture.layers
    restoration = sum(p.numel() for layer in layers for p in layer.get_submodule("restoration").parameters())
    # an expert's own final norm counts too
    assert restoration + model.config.hidden_size == 6_525_628_928
    total = sum(p.numel() for p in model.parameters()) - sum(p.numel() for p in model.codec.parameters())
    tables = (64**2 + 70**2) * model.config.hidden_size
    assert total + tables == 14_607_260_128
    assert sum(p.numel() for p in model.codec.parameters()) == 83_819_683


def test_random_weights_are_the_same_again_and_finite_everywhere() -> None:
    first, second = (random_model(small_size(), torch.device("cpu"), torch.bfloat16) for _ in range(2))
    for (name, a), b in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.isfinite(a).all(), name
        assert torch.equal(a, b), name
        assert a.dtype == (torch.float32 if name.startswith("codec.") else torch.bfloat16), name
    assert torch.equal(first.latent.positions.table, second.latent.positions.table)


def test_the_program_runs_at_the_small_size(capsys: pytest.CaptureFixture[str]) -> None:
    assert full_size.main(["--small", "--steps", "2", "--repeats", "1"]) == 0
    *table, line = capsys.readouterr().out.splitlines()
    rows = json.loads(line)["rows"]
    assert len(rows) == len(table) - 2
    assert rows[0]["what"] == "128², 2 steps, three branches"
    stages = [row["value"] for row in rows if row["against"] == "the whole"]
    assert sum(stages) == pytest.approx(rows[0]["value"])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_without_a_cuda_device_the_full_size_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert full_size.main([]) == 2
    assert "found no CUDA device" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments"), [["--steps", "0"], ["--size", "100"], ["--repeats", "0"]])
def test_arguments_that_make_no_sense_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert full_size.main(["--small", *arguments]) == 2
    assert "must be" in capsys.readouterr().err
