"""Reinforcement learning to rank as a form: every field of `training/configs/rl2r_*.yaml`.

VR1: VisualQuality-R1, of which MG-IQA's RL2R is the continuation; its numbers stand beside the fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from data.forms import Form, read_form
from training.rl2r_rewards import weights_of
from training.settings import RunSettings, SetSettings, beside
from uare.ratings import RatingForm
from uare.vocabulary import ATTRIBUTES

COMPOSITION = "composition"  # rated only by people: our records of harms have no label for it
RATED = (*ATTRIBUTES, COMPOSITION)


class AnswerSettings(Form):
    """What is asked, and how answers are sampled."""

    kind: Literal["levels", "scores"] = "levels"
    attributes: tuple[str, ...] = ATTRIBUTES
    thinks: bool = False  # reasoning first; `scores` only
    per_image: int = Field(default=6, ge=2)  # K; VR1: 6. One answer alone has no group to stand out from
    max_tokens: int = Field(default=256, gt=0)  # VR1: 256
    temperature: float = Field(default=1.0, gt=0)  # VR1: 1; without top-k and top-p, as the objective needs

    @model_validator(mode="after")
    def _is_a_form(self) -> AnswerSettings:
        if unknown := [name for name in self.attributes if name not in RATED]:
            raise ValueError(f"answers.attributes has {unknown[0]}, expected some of {', '.join(RATED)}")
        if self.kind == "levels" and (self.thinks or self.attributes != ATTRIBUTES):
            raise ValueError(
                "answers.kind levels is the quality answer as it is, without thinking and with the "
                f"attributes {', '.join(ATTRIBUTES)}; take kind: scores for others"
            )
        return self

    @property
    def form(self) -> RatingForm:
        return RatingForm(kind=self.kind, attributes=self.attributes, thinks=self.thinks)


class RewardSettings(Form):
    """How answers are rewarded (`training.rl2r_rewards`)."""

    attributes: tuple[str, ...] | None = None  # None: those of the answers; (): the overall quality alone
    format_weight: float = Field(default=0.5, ge=0)  # VR1: 1, for a model that has yet to learn its form
    pairing: Literal["mean", "sample"] = "mean"
    aggregate: Literal["sum_then_normalise", "normalise_then_sum"] = "sum_then_normalise"
    sigma_floor: float = Field(
        default=0.0, ge=0
    )  # smallest deviation of an image's answers; levels are 1 apart
    tie_band: float = Field(default=0.0, ge=0)  # labels closer than this are equal, in units of their set


class ObjectiveSettings(Form):
    """The clipped objective (`training.rl2r_objective`)."""

    epsilon: float = Field(default=0.2, gt=0)
    beta: float = Field(default=0.04, ge=0)  # weight of the KL to the start; 0: no reference is computed
    updates: int = Field(default=1, gt=0)  # of the same answers


class PublishedScale(Form):
    """How a synthetic set would publish its labels: low + (high − low) · share^power."""

    low: float = 1.0
    high: float = 5.0
    power: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _rises(self) -> PublishedScale:
        if not self.low < self.high:
            raise ValueError(f"published.low is {self.low} and high {self.high}; expected low < high")
        return self


class RatedSetSettings(SetSettings):
    """A data set: people's opinions, or clean pictures that are harmed on the way (`harm`)."""

    harm: Literal["single", "multi"] | None = None
    published: PublishedScale = PublishedScale()  # of a set that is harmed on the way


class RatedDataSettings(Form):
    """The data sets, and how batches are drawn from them."""

    sets: dict[str, RatedSetSettings] = Field(min_length=1)
    images: int = Field(default=8, ge=2)  # B, of one batch; VR1: 8 on each GPU
    rows_per_step: int = Field(default=8, gt=0)  # batches of a step over all ranks; VR1: 8 GPUs
    crops_px: tuple[int, ...] = (256,)  # of pictures that are harmed on the way
    # `mixed`, `realigned`: sets in one batch, labels as they are or brought to 1..5; for comparison
    batches: Literal["one_set", "mixed", "realigned"] = "one_set"
    held_out: float = Field(default=0.2, gt=0, lt=1)  # share of the sources of each set
    workers: int = Field(default=1, ge=0)


class RankValidationSettings(Form):
    """The rank correlation with held-out labels."""

    every_steps: int = Field(default=25, gt=0)
    images: int = Field(default=64, ge=2)  # of each set
    answers: int = Field(default=4, gt=0)  # whose mean is an image's value; `levels` takes the expected level


class Rl2rSettings(RunSettings):
    """One run of reinforcement learning to rank."""

    phase: Literal["rl2r"] = "rl2r"
    ema_decay: float = Field(default=0.0, ge=0, lt=1)  # 0: the weights themselves are written
    trains_vision: bool = False  # the vision encoder too, as VR1 does
    answers: AnswerSettings = AnswerSettings()
    reward: RewardSettings = RewardSettings()
    objective: ObjectiveSettings = ObjectiveSettings()
    data: RatedDataSettings
    validation: RankValidationSettings = RankValidationSettings()
    keeps_rollouts_every: int = Field(default=1, gt=0)  # steps

    @model_validator(mode="after")
    def _fits_together(self) -> Rl2rSettings:
        if self.model.startswith("preset:"):
            raise ValueError(f"model is {self.model}, expected a trained one: a new network answers nothing")
        if self.lora and self.lora.experts != ("iqa",):
            raise ValueError("lora.experts must be [iqa] here: no other expert says anything")
        for name in self.reward.attributes or ():
            if name not in self.answers.attributes:
                raise ValueError(f"reward.attributes has {name}, which answers.attributes does not ask for")
        return self

    @property
    def rows_per_step(self) -> int:
        return self.data.rows_per_step

    @property
    def answers_per_step(self) -> int:
        return self.data.rows_per_step * self.data.images * self.answers.per_image

    @property
    def weights(self) -> dict[str, float]:
        """Of the overall quality and of each rewarded attribute."""
        rewarded = self.reward.attributes
        return weights_of(self.answers.attributes if rewarded is None else rewarded)


def read_rl2r_settings(path: Path, changes: Sequence[str] = ()) -> Rl2rSettings:
    """The settings in a YAML file, with `a.b=value` changes; ConfigError with the dotted path of a fault."""
    return beside(read_form(Rl2rSettings, path, changes), path)
