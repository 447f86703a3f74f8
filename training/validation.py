"""The same few harmed pictures restored again and again while a phase trains, to see what it learns.

The averaged weights restore them on the way that users' photos take (`uare.restore`). All processes work
together, since under ZeRO 3 each holds a part of every weight; the first one writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch.distributed as dist
from torch import Tensor

from data.rows import Rows
from training.curves import write_curves
from training.ema import ShardedAverage
from training.engine import TrainingEngine, computing
from training.fixed_samples import FixedSample, fixed_samples, psnr_db
from training.opening import open_set
from training.pages import write_page, write_picture
from training.phases import STAGE_ONE
from training.settings import TrainSettings
from training.validation_page import RESULTS_FILE, step_folder, validation_page
from uare.model import ModelOutput, UAREModel
from uare.options import RestoreOptions
from uare.restore import restore_pixels
from uare.tokenizer import TextTokenizer
from uare.vae import Codec
from uare.writing import write_atomically


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a fixed sample."""

    number: int
    restored: Tensor  # (3, H, W) in [0, 1]
    restored_db: float
    analysis: str | None  # as the model wrote it, where it was asked for one


@contextmanager
def averaged(engine: TrainingEngine, average: ShardedAverage) -> Iterator[None]:
    """The network computes with the averaged weights inside; every process has to enter."""
    try:
        with average.in_place_of_masters():
            engine.refresh_weights()
            yield
    finally:
        engine.refresh_weights()


@contextmanager
def on_board(model: UAREModel, codec: Codec) -> Iterator[None]:
    """The model has its codec inside, which training keeps apart from it."""
    model.codec = codec
    try:
        yield
    finally:
        del model.codec


@contextmanager
def same_words(model: UAREModel) -> Iterator[None]:
    """Every process reads the first one's logits inside.

    Rounding may differ between processes. One that ended its text a token earlier would leave the others
    waiting for its parts of the weights.
    """

    def share(_: Any, __: Any, output: ModelOutput) -> None:
        if output.logits.numel():
            dist.broadcast(output.logits, 0)

    if not dist.is_initialized() or dist.get_world_size() == 1:
        yield
        return
    hook = model.register_forward_hook(share)
    try:
        yield
    finally:
        hook.remove()


def restore_all(
    model: UAREModel,
    tokenizer: TextTokenizer,
    samples: Sequence[FixedSample],
    *,
    with_analysis: bool,
    flow_steps: int | None,
) -> list[Outcome]:
    """Restores samples one by one, each from the noise of its number, as a pipeline of this model would."""
    outcomes = []
    for sample in samples:
        options = RestoreOptions(
            instruction=sample.instruction, analyse=with_analysis, steps=flow_steps, seed=sample.number
        )
        restored, analysis, _ = restore_pixels(model, tokenizer, sample.scene.lq, options)
        outcomes.append(
            Outcome(
                number=sample.number,
                restored=restored,
                restored_db=psnr_db(restored, sample.scene.hq),
                analysis=analysis.text if analysis is not None else None,
            )
        )
    return outcomes


class Validation:
    """The fixed samples of a phase, and the folder `output/validation` with all that became of them."""

    def __init__(self, settings: TrainSettings, rows: Rows) -> None:
        form = settings.validation
        self.settings = settings
        self.folder = settings.output / "validation"
        self.with_analysis = settings.phase not in STAGE_ONE  # only the second stage trains words
        self.samples: tuple[FixedSample, ...] = ()
        if form.samples:
            held_out = [(open_set(one), one.weight) for one in form.sets]
            self.samples = fixed_samples(
                rows, form.samples, with_analysis=self.with_analysis, held_out=held_out
            )

    def is_due(self, step: int) -> bool:
        """Whether to validate after a step: every so many, and after the last."""
        every = self.settings.validation.every_steps
        return bool(self.samples) and (step % every == 0 or step == self.settings.steps)

    def run(
        self, engine: TrainingEngine, average: ShardedAverage, codec: Codec, tokenizer: TextTokenizer
    ) -> str:
        """Restores the samples with the averaged weights and rebuilds the page; returns a sentence about it.

        All processes together. The codec is not part of the engine's network.
        """
        model, device = engine.module.network, engine.ranks.device
        with (
            averaged(engine, average),
            on_board(model, codec),
            same_words(model),
            computing(self.settings, device),
        ):
            outcomes = restore_all(
                model,
                tokenizer,
                self.samples,
                with_analysis=self.with_analysis,
                flow_steps=self.settings.validation.flow_steps,
            )
        if engine.ranks.rank == 0:
            self.write(engine.step_index, outcomes)
        return f"validation after step {engine.step_index}: {self.summary(outcomes)}"

    def summary(self, outcomes: Sequence[Outcome]) -> str:
        """Mean PSNR of what was restored and of what was degraded, held-out samples by themselves."""
        said = []
        restored_db = {outcome.number: outcome.restored_db for outcome in outcomes}
        for is_held_out, name in ((False, ""), (True, "held out ")):
            chosen = [sample for sample in self.samples if sample.is_held_out is is_held_out]
            if chosen:
                restored = fmean([restored_db[sample.number] for sample in chosen])
                degraded = fmean([sample.lq_db for sample in chosen])
                said.append(f"{name}PSNR {restored:.2f} dB restored, {degraded:.2f} dB degraded")
        return "; ".join(said)

    def write(self, step: int, outcomes: Sequence[Outcome]) -> None:
        """Writes what became of the samples at a step, the run's curves, and the page over all steps.

        A step that a resumed run validates again replaces what was there. InputError where the disk does not
        take it.
        """
        for sample in self.samples:
            write_picture(self.folder / f"samples/{sample.number}-lq.png", sample.scene.lq)
            write_picture(self.folder / f"samples/{sample.number}-hq.png", sample.scene.hq)
        folder = self.folder / step_folder(step)
        for outcome in outcomes:
            write_picture(folder / f"{outcome.number}.png", outcome.restored)
        results = {
            str(outcome.number): {"restored_db": outcome.restored_db, "analysis": outcome.analysis}
            for outcome in outcomes
        }
        text = json.dumps({"step": step, "samples": results}, indent=1) + "\n"
        write_atomically(folder / RESULTS_FILE, lambda file: file.write(text.encode()), overwrite=True)
        write_curves(self.settings.output)
        write_page(
            self.folder / "index.html", validation_page(self.settings.phase, self.folder, self.samples)
        )
