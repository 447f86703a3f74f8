"""A training phase as a form: every field of a `training/configs/*.yaml`, typed, checked, with its source.

Unknown keys and wrong values are refused with their dotted path. `--set a.b=c` changes one field.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, model_validator

from data.forms import Form, read_form

Phase = Literal["single", "multi", "high_order", "unified"]
Harm = Literal["recorded", "single", "multi", "high_order"]
Task = Literal["restore", "interleave", "score", "describe", "compare"]


class OptimizerSettings(Form):
    """AdamW and its schedule (UARE, table A.1)."""

    learning_rate: float = Field(default=2e-5, gt=0)
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = Field(default=1e-15, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    warmup_steps: int = Field(default=250, ge=0)
    schedule: Literal["constant", "cosine", "linear"] = "constant"


class LossSettings(Form):
    """Total = MSE of the velocity + `text_weight` · cross-entropy (UARE, section 3.5)."""

    text_weight: float = Field(default=0.25, ge=0)
    timestep_shift: float = Field(default=4.0, gt=0)
    start_share: float = Field(default=0.0, ge=0, le=1)  # of targets at t = 1, for models of few steps
    balance: bool = False  # every picture's error counts in units of how far it was from clean
    dropout: float = Field(default=0.1, ge=0, le=1)  # of each text, ViT and clean latent condition


class LoraSettings(Form):
    """Low-rank adapters on attention and MLP in place of full training."""

    rank: int = Field(default=16, gt=0)
    alpha: int = Field(default=32, gt=0)
    experts: tuple[Literal["iqa", "restoration"], ...] = ("restoration",)


class SetSettings(Form):
    """One data set: a name of `data.readers.sets.table`, `folder`, `pairs`, `photos`, `table` or `shards`."""

    reader: str
    root: Path  # where it lies: a folder, a table, or a pattern of shards
    split: str = "train"  # of a published set
    columns: dict[str, str | list[str]] | None = None  # of `table` and `shards`: field of a source -> column
    scale: tuple[float, float] | None = None  # worst and best of the column `mos`; None: 1 to 5
    weight: float = Field(default=1.0, gt=0)


class GroupSettings(Form):
    """Samples of one task and kind of harm, drawn from sets by their weights."""

    task: Task
    harm: Harm = "recorded"
    weight: float = Field(gt=0)
    sets: tuple[SetSettings, ...] = Field(min_length=1)


class SizeSettings(Form):
    """Sizes of restoration pictures in pixels: either square crops, or whole pictures within limits."""

    crops_px: tuple[int, ...] | None = None  # a side is drawn for every row
    short_px: int = 512  # smallest short side
    long_px: int = 1024  # largest long side


class DataSettings(Form):
    """The mixture and how it is packed."""

    groups: dict[str, GroupSettings] = Field(min_length=1)
    grammar: Literal["small", "rich"] = "small"  # of what is said: `data.texts` or `data.phrasings`
    captions: Path | None = None  # JSONL of a large model's words about the sources, by id (`data.captions`)
    harm_on_device: bool = False  # single and multi harms of `restore` in batches there, not in the workers
    size: SizeSettings = SizeSettings()
    tokens_per_row: int = Field(default=15_000, gt=0)  # reached by the last sample of each row
    rows_per_step: int = Field(default=64, gt=0)  # over all ranks and micro-steps
    workers: int = Field(default=2, ge=0)  # processes per rank
    faulty_share: float = Field(default=0.01, ge=0, le=1)  # of unreadable pictures that is put up with

    @model_validator(mode="after")
    def _captions_suit_pictures(self) -> DataSettings:
        if self.captions and self.size.crops_px:
            raise ValueError(
                "data.captions are about whole pictures, but data.size.crops_px cuts them; leave one out"
            )
        return self


class CheckpointSettings(Form):
    every_steps: int = Field(default=500, gt=0)
    keep: int = Field(default=3, gt=0)


class LogSettings(Form):
    tensorboard: bool = False
    wandb: bool = False
    peak_tflops: float | None = Field(default=None, gt=0)  # dense, of one device; None: no MFU is written


class ValidationSettings(Form):
    every_steps: int = Field(default=500, gt=0)
    samples: int = Field(default=8, ge=0)  # of the mixture, and as many of `sets`
    sets: tuple[SetSettings, ...] = ()  # held out: pairs, or clean pictures to be harmed as the mixture's are
    flow_steps: int | None = Field(default=None, ge=1)  # None: the model's own number


class RunSettings(Form):
    """What every run has that goes through the engine: a start, an optimiser, checkpoints."""

    phase: str
    model: str  # a folder, a name of the package, or "preset:tiny" for a new network
    output: Path
    seed: int = 0
    steps: int = Field(gt=0)
    precision: Literal["float32", "bf16", "bf16_autocast"] = "bf16"
    deepspeed: Path | None = None  # JSON beside the phase's file; None: ZeRO-1
    recompute_layers: bool = True  # activation checkpointing
    compile: bool = False
    optimizer: OptimizerSettings = OptimizerSettings()
    ema_decay: float = Field(default=0.995, ge=0, lt=1)
    lora: LoraSettings | None = None
    checkpoint: CheckpointSettings = CheckpointSettings()
    log: LogSettings = LogSettings()
    max_bad_steps: int = Field(default=10, gt=0)  # steps in a row without a finite loss or gradient

    @property
    def rows_per_step(self) -> int:
        """Over all ranks and micro-steps."""
        raise NotImplementedError


AnyRun = TypeVar("AnyRun", bound=RunSettings)


class TrainSettings(RunSettings):
    """One phase of training."""

    phase: Phase
    codec: Path | None = None  # folder that training/codec.py wrote, for a new network
    vision: Path | None = None  # folder that training/vision.py wrote: a new network's texture reader
    detach_frozen: bool = False  # BAGEL's reading of freezing instead of exact gradients
    loss: LossSettings = LossSettings()
    data: DataSettings
    validation: ValidationSettings = ValidationSettings()

    @property
    def rows_per_step(self) -> int:
        return self.data.rows_per_step

    @model_validator(mode="after")
    def _fits_together(self) -> TrainSettings:
        if self.detach_frozen and self.phase == "unified":
            raise ValueError("detach_frozen belongs to the first stage; the unified phase freezes no expert")
        if self.model.startswith("preset:") and self.codec is None:
            raise ValueError("a new network needs the weights of a codec; set codec to a folder")
        if self.vision is not None and not self.model.startswith("preset:"):
            raise ValueError(f"vision belongs to a new network; {self.model} has a texture reader of its own")
        return self


def read_settings(path: Path, changes: Sequence[str] = ()) -> TrainSettings:
    """The settings of a phase in a YAML file, with `a.b=value` changes.

    `deepspeed` counts from the file's folder, all other paths from the working directory. Raises ConfigError
    with the dotted path of what is wrong.
    """
    return beside(read_form(TrainSettings, path, changes), path)


def beside(settings: AnyRun, path: Path) -> AnyRun:
    """The settings with `deepspeed` counted from the folder of their file."""
    if settings.deepspeed is None or settings.deepspeed.is_absolute():
        return settings
    return settings.model_copy(update={"deepspeed": path.parent / settings.deepspeed})
