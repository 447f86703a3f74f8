"""What a phase starts from: a folder of ours or BAGEL's, a model of the package, or a new network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from training.presets import tiny_config, tiny_tokenizer
from training.settings import RunSettings, TrainSettings
from uare.checkpoints.bagel import is_bagel_folder, read_config
from uare.checkpoints.folders import check_weight_files, find_folder
from uare.config import UAREConfig
from uare.errors import CheckpointError, ConfigError
from uare.model import UAREModel
from uare.tokenizer import TextTokenizer

PRESET = "preset:tiny"


def configuration_of(settings: RunSettings) -> tuple[UAREConfig, TextTokenizer]:
    """The configuration and the tokenizer of the model that a phase starts from, without its weights."""
    if settings.model == PRESET:
        tokenizer = tiny_tokenizer(seed=settings.seed)
        return tiny_config(tokenizer), tokenizer
    if settings.model.startswith("preset:"):
        raise ConfigError(f"model is {settings.model}, expected {PRESET}, a folder or a name of the package")
    return _configuration_in(find_folder(settings.model))


def _configuration_in(folder: Path) -> tuple[UAREConfig, TextTokenizer]:
    tokenizer = TextTokenizer.from_folder(folder)
    if is_bagel_folder(folder):
        return read_config(folder), tokenizer
    check_weight_files(folder)
    return UAREConfig.from_pretrained(folder), tokenizer


def build(settings: TrainSettings, dtype: torch.dtype = torch.float32) -> tuple[UAREModel, TextTokenizer]:
    """The model that the phase starts from, on the CPU, its codec in float32, and its tokenizer.

    Weights whose files hold them in `dtype` stay mapped to the files, which all processes of a machine share;
    others are copied one by one.
    """
    if settings.model != PRESET:
        return load_model(settings.model, dtype)
    config, tokenizer = configuration_of(settings)
    assert settings.codec is not None  # the settings have seen to it
    torch.manual_seed(settings.seed)  # initial weights
    model = UAREModel(config)
    load_part(model.codec, settings.codec / "codec.safetensors")
    if settings.vision is not None:
        assert model.vision.texture is not None  # the preset has one
        load_part(model.vision.texture.image, settings.vision / "vision.safetensors")
    return model, tokenizer


def load_model(name: str, dtype: torch.dtype = torch.float32) -> tuple[UAREModel, TextTokenizer]:
    """A model folder or a model of the package, its codec in float32, and its tokenizer."""
    folder = find_folder(name)
    config, tokenizer = _configuration_in(folder)
    model = UAREModel.from_pretrained(folder, config=config, dtype=dtype)
    if next(model.codec.parameters()).dtype != torch.float32:
        model.codec.float()
        load_stored(model.codec, folder, "codec.")
    return model, tokenizer


def load_part(module: nn.Module, path: Path) -> None:
    """Fills a part of a network with weights trained alone; CheckpointError if they do not fit."""
    try:
        module.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise CheckpointError(
            f"cannot start from {path} ({str(error).splitlines()[0]}); give the folder of its training run"
        ) from None


def starting_dtype(settings: RunSettings) -> torch.dtype:
    """What weights are read in: DeepSpeed makes bfloat16 of them in the precision `bf16` anyway."""
    return torch.bfloat16 if settings.precision == "bf16" else torch.float32


def stored_weights(folder: Path) -> Iterator[tuple[str, Tensor]]:
    """The weights of a folder of ours by name as they are stored, one at a time; none of a BAGEL folder."""
    for path in sorted(folder.glob("model*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                yield name, file.get_tensor(name)


@torch.no_grad()
def load_stored(module: nn.Module, folder: Path, prefix: str) -> None:
    """Fills a part of the network with what is stored under its prefix."""
    own = module.state_dict()
    for name, value in stored_weights(folder):
        if name.startswith(prefix):
            own[name.removeprefix(prefix)].copy_(value)
