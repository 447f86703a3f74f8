"""Model folders that cannot be used: the command says in one sentence why, and ends with code 2."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tests.uare.command_line import (
    Ran,
    assert_wrong_call,
    run,
)
from uare.pipeline import UAREPipeline


@pytest.fixture
def own_model(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the model folder that a test may spoil."""
    return Path(shutil.copytree(model_folder, tmp_path / "model"))


def info(model: Path) -> Ran:
    return run("info", "--model", model, "--device", "cpu")


def test_a_missing_model_is_said(tmp_path: Path) -> None:
    assert_wrong_call(info(tmp_path / "missing"), "no model", "expected a folder")


def test_missing_weights_are_said(own_model: Path) -> None:
    (own_model / "model.safetensors").unlink()
    assert_wrong_call(info(own_model), f"{own_model} holds no model*.safetensors")


def test_a_missing_tokenizer_is_said(own_model: Path) -> None:
    (own_model / "tokenizer.json").unlink()
    assert_wrong_call(info(own_model), "tokenizer.json is missing")


def test_a_folder_that_is_no_model_is_said(photos: Path) -> None:
    assert_wrong_call(info(photos), "holds neither config.json (ours) nor llm_config.json (BAGEL)")


def test_a_file_where_a_model_folder_belongs_is_said(photos: Path) -> None:
    assert_wrong_call(info(photos / "a.png"), "is a file; expected a model folder")


def test_another_kind_of_model_is_said(own_model: Path) -> None:
    config = json.loads((own_model / "config.json").read_text(encoding="utf-8"))
    (own_model / "config.json").write_text(json.dumps(config | {"model_type": "qwen2"}), encoding="utf-8")
    assert_wrong_call(info(own_model), "qwen2")


def test_weights_that_are_cut_off_are_said(own_model: Path) -> None:
    weights = own_model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    assert_wrong_call(info(own_model), str(own_model))


def test_a_missing_shard_is_said(restoring_pipeline: UAREPipeline, tmp_path: Path) -> None:
    restoring_pipeline.model.save_pretrained(tmp_path, max_shard_size="100KB")
    restoring_pipeline.tokenizer.save(tmp_path)
    assert info(tmp_path).code == 0
    sorted(tmp_path.glob("model-*.safetensors"))[1].unlink()
    assert_wrong_call(info(tmp_path), "model-00002-of-")


def test_weights_that_are_no_numbers_are_said(own_model: Path) -> None:
    weights = load_file(own_model / "model.safetensors")
    name = "text.embed.weight"
    weights[name] = weights[name].clone()
    weights[name][3, 5] = float("nan")
    save_file(weights, own_model / "model.safetensors", metadata={"format": "pt"})
    assert_wrong_call(info(own_model), f"weight {name} holds NaN or infinity")


def test_a_pickle_is_refused_unopened(own_model: Path, tmp_path: Path) -> None:
    (own_model / "model.safetensors").unlink()
    witness = tmp_path / "witness"
    payload = f"cos\nsystem\n(S'touch {witness}'\ntR.".encode()  # runs a program where it is unpickled
    (own_model / "pytorch_model.bin").write_bytes(payload)
    assert_wrong_call(info(own_model), "pytorch_model.bin, a pickle that could run code")
    assert not witness.exists()
