"""The configuration is a checked form, and its file gives it back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.uare.tiny import tiny_config
from uare.config import LanguageConfig, SamplingConfig, UAREConfig, VisionConfig
from uare.errors import ConfigError


def test_the_written_file_gives_the_same_configuration(tmp_path: Path) -> None:
    config = tiny_config()
    config.save_pretrained(tmp_path)
    loaded = UAREConfig.from_pretrained(tmp_path)
    assert loaded.language == config.language
    assert loaded.sampling == config.sampling
    assert loaded.to_dict() == config.to_dict()


def test_sections_may_be_dictionaries() -> None:
    vision = {"hidden_size": 8, "intermediate_size": 8, "num_layers": 1, "num_heads": 1}
    assert UAREConfig(vision=vision).vision == VisionConfig(**vision)


def test_an_unknown_field_is_refused_by_its_section() -> None:
    with pytest.raises(ConfigError, match=r"section 'sampling'.*'steps'"):
        UAREConfig(sampling={"steps": 3})


def test_derived_sizes_follow_from_the_fields() -> None:
    config = tiny_config()
    assert config.language.head_width == 8
    assert config.latent.token_width == 64
    assert config.latent.stride_px == 16
    assert (config.hidden_size, config.vocab_size, config.num_hidden_layers) == (32, 300, 2)


@pytest.mark.parametrize("change", [{"hidden_size": 30}, {"num_heads": 3}, {"num_kv_heads": 3}])
def test_sizes_that_do_not_divide_are_refused(change: dict[str, int]) -> None:
    sizes = LanguageConfig(
        vocab_size=10, hidden_size=32, intermediate_size=8, num_layers=1, num_heads=4, num_kv_heads=2
    )
    with pytest.raises(ConfigError):
        replace(sizes, **change)


@pytest.mark.parametrize(
    "change",
    [
        {"num_steps": 0},
        {"num_steps": -3},
        {"timestep_shift": 0.0},
        {"noise_scale": -0.1},
        {"renorm": "local"},
        {"renorm_min": 1.5},
    ],
)
def test_sampling_that_cannot_be_run_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(change))):
        SamplingConfig(**change)


def test_an_unknown_prediction_target_is_refused() -> None:
    with pytest.raises(ConfigError, match="velocity or residual, found 'noise'"):
        tiny_config("noise")
