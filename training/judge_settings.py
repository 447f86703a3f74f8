"""The training of a judge as a form: every field of `training/configs/fgresq_*.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from data.forms import Form
from training.judge_losses import LAMBDA_RANK, LAMBDA_SCENE


class PooledSettings(Form):
    """A judge over pooled features of our own network, which stays as it is."""

    model: str = "uare-tiny"  # a folder, or a name of the package
    most_px: int | None = Field(default=None, ge=64)  # largest side looked at; less is faster
    inner_width: int = Field(default=128, gt=0)
    width: int = Field(default=64, gt=0)  # of F_g, F_d and F_p


class ClipSettings(Form):
    """FGResQ: two CLIP towers that are trained."""

    folder: Path  # of the published CLIP, openai/clip-vit-base-patch16
    degradation: Path | None = None  # folder that an alignment wrote; None: CLIP's own weights
    freeze_general: bool = False
    open_layers: int = Field(default=2, ge=0)  # last layers of the degradation tower that are trained


class AlignSettings(Form):
    """The degradation branch against texts that name the harm (FGResQ, eq. 4)."""

    steps: int = Field(default=0, ge=0)
    learning_rate: float = Field(default=1e-3, gt=0)
    scale: float | None = 100.0  # CLIP's; None: plain dot products, as printed
    duplicates: Literal["multi_positive", "literal"] = "multi_positive"  # same harm twice in a batch


class JudgeSettings(Form):
    """One training of a judge."""

    pairs: Path  # folder of a set that data/build_fgrestore.py wrote, or of a published one
    split: Literal["content", "pair"] = "content"  # `pair` is the paper's, and lets a photo be in both parts
    validation_share: float = Field(default=0.15, ge=0, lt=1)  # of the contents of the training part
    plain_per_scene: int = Field(default=0, ge=0)  # pairs that differ plainly, of each content and task
    pooled: PooledSettings | None = None
    clip: ClipSettings | None = None
    output: Path
    seed: int = 0
    steps: int = Field(ge=0)  # 0: the alignment alone
    every_steps: int = Field(default=50, gt=0)  # between validations; the best weights are kept
    pairs_per_step: int = Field(default=64, gt=0)
    scenes_per_step: int = Field(default=1, gt=0)  # a scene: one task of one origin, whose scores compare
    learning_rate: float = Field(default=5e-6, gt=0)  # the start of a cosine to zero
    weight_decay: float = Field(default=0.0, ge=0)
    gate_init: Literal["live", "released"] = "live"
    lambda_scene: float = Field(default=LAMBDA_SCENE, ge=0)
    lambda_rank: float = Field(default=LAMBDA_RANK, ge=0)
    fidelity_on: Literal["logit", "score"] = "logit"
    normalise_scenes: bool = True  # weights of scenes add up to 1; False: 1/N as printed
    rank_loss: Literal["three_way", "binary"] = "three_way"
    align: AlignSettings = AlignSettings()

    @model_validator(mode="after")
    def _one_backbone(self) -> JudgeSettings:
        if (self.pooled is None) == (self.clip is None):
            raise ValueError("a judge has one backbone; give either the section pooled or the section clip")
        return self
