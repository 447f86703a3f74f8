"""What a phase starts from: a folder of ours or BAGEL's, a model of the package, or a new network."""

from __future__ import annotations

import torch
from safetensors.torch import load_file

from training.presets import tiny_config, tiny_tokenizer
from training.settings import TrainSettings
from uare.checkpoints.bagel import is_bagel_folder, read_config
from uare.checkpoints.folders import check_weight_files, find_folder
from uare.config import UAREConfig
from uare.errors import ConfigError
from uare.model import UAREModel
from uare.tokenizer import TextTokenizer

PRESET = "preset:tiny"


def configuration_of(settings: TrainSettings) -> tuple[UAREConfig, TextTokenizer]:
    """The configuration and the tokenizer of the model that a phase starts from, without its weights."""
    if settings.model == PRESET:
        tokenizer = tiny_tokenizer(seed=settings.seed)
        return tiny_config(tokenizer), tokenizer
    if settings.model.startswith("preset:"):
        raise ConfigError(f"model is {settings.model}, expected {PRESET}, a folder or a name of the package")
    folder = find_folder(settings.model)
    tokenizer = TextTokenizer.from_folder(folder)
    if is_bagel_folder(folder):
        return read_config(folder), tokenizer
    check_weight_files(folder)
    return UAREConfig.from_pretrained(folder), tokenizer


def build(settings: TrainSettings) -> tuple[UAREModel, TextTokenizer]:
    """The model that the phase starts from, in float32 on the CPU, and its tokenizer."""
    config, tokenizer = configuration_of(settings)
    if settings.model != PRESET:
        folder = find_folder(settings.model)
        return UAREModel.from_pretrained(folder, config=config, dtype=torch.float32), tokenizer
    assert settings.codec is not None  # the settings have seen to it
    torch.manual_seed(settings.seed)  # initial weights
    model = UAREModel(config)
    model.codec.load_state_dict(load_file(settings.codec / "codec.safetensors"))
    return model, tokenizer
