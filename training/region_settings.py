"""The training of the region head as a form: every field of `training/configs/region_head.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from data.forms import Form


class ExampleSettings(Form):
    """Made-up photos: crops of which one region, or all, was harmed; the target is the quality left."""

    photos: Path  # folder with photos.json
    num_photos: int = Field(default=120, gt=1)  # drawn from it
    per_photo: int = Field(default=4, gt=0)
    held_out: float = Field(default=0.25, gt=0, lt=1)  # of the photos
    size_px: int = Field(default=224, ge=64, multiple_of=16)
    local_share: float = Field(default=0.6, ge=0, le=1)  # of crops in which one region is harmed
    clean_share: float = Field(default=0.1, ge=0, le=1)


class HeadSettings(Form):
    """The parts of the head (`uare.experts.region_head.RegionHeadConfig`)."""

    width: int = Field(default=64, gt=0)
    guided_width: int = Field(default=64, gt=0)
    num_heads: int = Field(default=4, gt=0)
    fusion: bool = True
    text: bool = True
    attention: bool = True
    mode: Literal["bias", "hard", "both"] = "bias"


class RegionHeadSettings(Form):
    """One training of the head over a network that stays as it is."""

    model: str = "uare-tiny"
    output: Path
    seeds: tuple[int, ...] = (0,)  # one training each, on the same examples
    examples: ExampleSettings
    head: HeadSettings = HeadSettings()
    epochs: int = Field(default=30, gt=0)
    batch: int = Field(default=16, gt=0)
    learning_rate: float = Field(default=1e-3, gt=0)  # the start of a cosine to zero
    weight_decay: float = Field(default=1e-2, ge=0)
