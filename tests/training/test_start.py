"""What a phase starts from: read without a second copy, in the precision of the phase."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.training.phases import Workshop, make_workshop, run
from tests.uare.tiny import tiny_config, tiny_text_tokenizer
from training.phases import is_trained
from training.presets import tiny_config as shipped_config
from training.presets import tiny_tokenizer
from training.settings import TrainSettings
from training.start import build, configuration_of, starting_dtype
from uare.errors import CheckpointError, ConfigError
from uare.model import UAREModel

SMALLEST_RATE = 1e-12  # moves no weight that float32 can tell


def settings_of(model: Path | str, **changes: Any) -> TrainSettings:
    group = {"task": "restore", "harm": "single", "weight": 1, "sets": [{"reader": "folder", "root": "p"}]}
    form = {
        "phase": "single",
        "model": str(model),
        "output": "o",
        "steps": 1,
        "data": {"groups": {"a": group}},
    }
    return TrainSettings.model_validate({**form, **changes})


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return make_workshop(tmp_path_factory.mktemp("start"))


@pytest.fixture(scope="module", params=[torch.float32, torch.bfloat16], ids=["float32 files", "bf16 files"])
def large(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> tuple[Path, int]:
    """A folder with a network of some 40 million weights, and their number."""
    folder, config = tmp_path_factory.mktemp("large"), tiny_config()
    config.language = replace(config.language, hidden_size=512, intermediate_size=2048, num_layers=4)
    model = UAREModel(config).to(request.param)
    model.save_pretrained(folder)
    tiny_text_tokenizer().save(folder)
    return folder, sum(weight.numel() for weight in model.parameters())


def own_bytes() -> int:
    """Memory of this process that is not mapped to a file."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("RssAnon")).split()[1])


@contextmanager
def peak_growth() -> Iterator[Callable[[], int]]:
    """The most bytes that the process takes inside beyond what it had."""
    before, found, is_over = own_bytes(), [0], threading.Event()

    def watch() -> None:
        while not is_over.is_set():
            found[0] = max(found[0], own_bytes() - before)
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield lambda: found[0]
    finally:
        is_over.set()
        watcher.join()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_reading_a_model_takes_no_second_copy_of_it(large: tuple[Path, int], precision: str) -> None:
    folder, num_weights = large
    settings = settings_of(folder, precision=precision)
    dtype = starting_dtype(settings)
    build(settings, dtype)  # what is imported and kept once
    with peak_growth() as peak:
        model, _ = build(settings, dtype)
    assert model.text.head.weight.dtype == dtype
    assert peak() < 1.25 * num_weights * dtype.itemsize
    stored = next(iter(load_file(folder / "model.safetensors").values())).dtype
    if stored == dtype:
        assert peak() < 0.25 * num_weights * dtype.itemsize  # mapped, and so shared by all processes


def test_the_codec_stays_in_float32_as_it_is_stored(workshop: Workshop) -> None:
    folder = workshop.folder / "model"
    model, _ = build(settings_of(folder), torch.bfloat16)
    stored = load_file(folder / "model.safetensors")
    for name, weight in model.codec.state_dict().items():
        assert torch.equal(weight, stored[f"codec.{name}"])
    assert model.mixture.iqa_norm.weight.dtype == torch.bfloat16


@pytest.mark.parametrize("zero", [1, 3])
def test_a_phase_in_bfloat16_goes_on_from_the_float32_weights(workshop: Workshop, zero: int) -> None:
    pytest.importorskip("deepspeed", reason="training needs the extra `train`")
    optimizer = {"learning_rate": SMALLEST_RATE, "warmup_steps": 0}
    name = f"masters-{zero}"
    settings = workshop.settings(name, zero=zero, precision="bf16", optimizer=optimizer, steps=2)
    run(settings)
    before = load_file(workshop.folder / "model" / "model.safetensors")
    after = load_file(workshop.folder / name / "model" / "model.safetensors")
    trained = [key for key in before if is_trained(key, "single")]
    assert any((before[key] != before[key].bfloat16()).any() for key in trained)
    for key, weight in before.items():
        torch.testing.assert_close(after[key], weight, rtol=0, atol=1e-9)


def test_a_preset_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="model is preset:huge, expected preset:tiny"):
        configuration_of(settings_of("preset:huge", codec="codec"))


def test_a_new_network_takes_codec_and_texture_reader_from_their_own_runs(tmp_path: Path) -> None:
    torch.manual_seed(7)
    taught = UAREModel(shipped_config(tiny_tokenizer()))
    assert taught.vision.texture is not None
    save_file(taught.codec.state_dict(), tmp_path / "codec.safetensors")
    save_file(taught.vision.texture.image.state_dict(), tmp_path / "vision.safetensors")
    model, _ = build(settings_of("preset:tiny", codec=tmp_path, vision=tmp_path))
    assert model.vision.texture is not None
    for own, given in (
        (model.codec, taught.codec),
        (model.vision.texture.image, taught.vision.texture.image),
    ):
        stored = given.state_dict()
        assert all(torch.equal(value, stored[name]) for name, value in own.state_dict().items())
    assert not torch.equal(model.text.head.weight, taught.text.head.weight)


@pytest.mark.parametrize("content", [None, b"nothing"])
def test_weights_of_a_part_that_are_missing_or_broken_are_named(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "codec.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"cannot start from .*codec\.safetensors"):
        build(settings_of("preset:tiny", codec=tmp_path))
