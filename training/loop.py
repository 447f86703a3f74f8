"""The loop of a phase: rows in, steps done, checkpoints when due, a finished model at the end."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TypeVar

import torch
import torch.distributed as dist
from safetensors import SafetensorError
from torch.utils.data import DataLoader

from data.rows import Row, RowNumbers, Tally
from training import checkpoints
from training.curves import write_curves
from training.ema import ShardedAverage
from training.engine import Ranks, StepReport, TrainingEngine, join_ranks, trained_weights
from training.estimates import count_expert, operations
from training.harming import harm_drafts
from training.journal import Journal, write_origin
from training.latents import encode_drafts
from training.mixture import load_rows, make_rows
from training.objective import TrainingStep
from training.phases import merge_adapters, prepare
from training.settings import TrainSettings
from training.shards import gathered, scatter
from training.start import PRESET, build, starting_dtype, stored_weights
from training.validation import Validation
from uare.checkpoints.folders import find_folder
from uare.errors import CheckpointError, ConfigError
from uare.model import UAREModel
from uare.packing import pack
from uare.segments import PackedBatch
from uare.tokenizer import TextTokenizer
from uare.vae import Codec

AnyRow = TypeVar("AnyRow")


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Everything that one phase of training works with."""

    settings: TrainSettings
    ranks: Ranks
    model: UAREModel  # with the codec outside: `codec`
    tokenizer: TextTokenizer
    codec: Codec
    expert_weights: int  # of the restoration expert, as many as the other one has
    engine: TrainingEngine
    average: ShardedAverage
    journal: Journal

    @property
    def is_first(self) -> bool:
        return self.ranks.rank == 0

    @property
    def checkpoint_folder(self) -> Path:
        return self.settings.output / "checkpoints"


def train(settings: TrainSettings, *, resume: bool) -> None:
    """Trains the phase on all processes that the launcher started, and writes `output/model`."""
    ranks = join_ranks()
    phase = _set_up(settings, ranks)
    if resume:
        _resume(phase)
    elif phase.is_first:
        checkpoints.refuse_earlier(phase.checkpoint_folder)
    rows = make_rows(settings, phase.model.config, phase.tokenizer)
    validation = Validation(settings, rows)
    numbers = RowNumbers(
        first_step=phase.engine.step_index,
        num_steps=settings.steps,
        rows_per_step=settings.data.rows_per_step,
        rank=ranks.rank,
        world=ranks.world,
    )
    _run(phase, load_rows(rows, numbers, settings.data.workers), validation)
    dist.destroy_process_group()


def _set_up(settings: TrainSettings, ranks: Ranks) -> Phase:
    model, tokenizer = build(settings, starting_dtype(settings))
    # outside of what is sharded: processes encode pictures in their own time
    codec = model.codec.requires_grad_(False).eval().to(ranks.device)
    del model.codec
    prepare(model, settings)
    expert_weights = count_expert(model)  # before ZeRO takes them apart
    engine = TrainingEngine(TrainingStep(model, settings.loss), settings, ranks)
    if settings.precision == "bf16" and settings.model != PRESET:
        fill_masters(engine, find_folder(settings.model))
    journal = Journal(settings.output, settings.log)
    if ranks.rank == 0:
        write_origin(settings.output, settings)
    return Phase(
        settings=settings,
        ranks=ranks,
        model=model,
        tokenizer=tokenizer,
        codec=codec,
        expert_weights=expert_weights,
        engine=engine,
        average=ShardedAverage(engine, settings.ema_decay),
        journal=journal,
    )


def fill_masters(engine: TrainingEngine, folder: Path) -> None:
    """Master weights as the folder has them: DeepSpeed made them of the bfloat16 ones."""
    weights = {name.removeprefix("network."): weight for name, weight in trained_weights(engine.module)}
    for name, value in stored_weights(folder):
        if name in weights and value.dtype == torch.float32:
            scatter(weights[name], value.to(engine.ranks.device))


def _resume(phase: Phase) -> None:
    newest: list[Path | None] = [None]
    if phase.is_first:
        newest = [checkpoints.newest_intact(phase.checkpoint_folder, phase.journal.say)]
    dist.broadcast_object_list(newest)
    if newest[0] is None:
        return
    checkpoints.load(phase.engine, phase.average, newest[0])
    if phase.is_first:
        phase.journal.rewind(phase.engine.step_index)
        phase.journal.say(f"goes on from {newest[0]}")


class Stopper:
    """Remembers that the process was asked to end; all processes agree on it between two steps."""

    def __init__(self, ranks: Ranks) -> None:
        self.ranks, self.asked = ranks, False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, _: int, __: FrameType | None) -> None:
        self.asked = True

    def agreed(self) -> bool:
        """True on every process as soon as one was asked."""
        flag = torch.tensor(float(self.asked), device=self.ranks.device)
        dist.all_reduce(flag)
        return bool(flag > 0)


def step_rows(rows: DataLoader[AnyRow], per_step: int) -> Iterator[tuple[float, list[AnyRow]]]:
    """This rank's rows of each step, and when it began to wait for them (`time.perf_counter`)."""
    started, group = time.perf_counter(), list[AnyRow]()
    for row in rows:
        group.append(row)
        if len(group) == per_step:
            yield started, group
            started, group = time.perf_counter(), []


def _run(phase: Phase, loader: DataLoader[Row], validation: Validation) -> None:
    settings, engine = phase.settings, phase.engine
    tally = Tally()
    stopper, bad_steps = Stopper(phase.ranks), 0
    for started, rows in step_rows(loader, settings.data.rows_per_step // phase.ranks.world):
        for row in rows:
            tally.add(row)
        tally.check(settings.data.faulty_share)
        batches = [pack_row(row, phase) for row in rows]
        report = engine.step(batches)
        if report.is_applied:
            phase.average.update()
        bad_steps = 0 if report.is_applied else bad_steps + 1
        if phase.is_first:
            phase.journal.step(_figures(engine.step_index, report, batches, phase, started))
        if bad_steps:
            _complain(phase, rows, bad_steps)
        asked = stopper.agreed()
        if asked or engine.step_index % settings.checkpoint.every_steps == 0:
            checkpoints.save(engine, phase.average, phase.checkpoint_folder, settings.checkpoint.keep)
        if asked:
            if phase.is_first:
                phase.journal.say(f"asked to end: saved step {engine.step_index}; go on with --resume auto")
            return
        if validation.is_due(engine.step_index):  # all processes together
            said = validation.run(engine, phase.average, phase.codec, phase.tokenizer)
            if phase.is_first:
                phase.journal.say(said)
    checkpoints.save(engine, phase.average, phase.checkpoint_folder, settings.checkpoint.keep)
    write_model(phase, settings.output / "model")
    if phase.is_first:
        write_curves(settings.output)
        _say_tally(phase, tally)


def pack_row(row: Row, phase: Phase) -> PackedBatch:
    """A row with its harms and latents, ready for the network."""
    config = phase.model.config
    drafts = harm_drafts(row.drafts, config, phase.ranks.device)
    return pack(encode_drafts(drafts, phase.codec, config), config)


def _figures(
    step: int, report: StepReport, batches: list[PackedBatch], phase: Phase, started: float
) -> dict[str, float]:
    """What a step's line says; tokens and operations of the other processes are taken to be as many."""
    elapsed_s = time.perf_counter() - started
    num_tokens = sum(batch.num_tokens for batch in batches)
    peak = phase.settings.log.peak_tflops
    memory = torch.cuda.max_memory_allocated() if phase.ranks.device.type == "cuda" else 0
    return {
        "step": step,
        "loss": report.loss,
        "velocity_loss": report.velocity_loss,
        "text_loss": report.text_loss,
        "grad_norm": report.grad_norm,
        "learning_rate": report.learning_rate,
        "tokens_per_s": num_tokens * phase.ranks.world / elapsed_s,
        **({"mfu": _operations(batches, phase) / (elapsed_s * peak * 1e12)} if peak else {}),
        **({"memory_gb": memory / 1e9} if memory else {}),
    }


def _operations(batches: list[PackedBatch], phase: Phase) -> float:
    latent_tokens = sum(len(batch.latent_index) for batch in batches)
    iqa_tokens = sum(batch.num_tokens for batch in batches) - latent_tokens
    return operations(iqa_tokens, latent_tokens, phase.expert_weights, phase.settings)


def _complain(phase: Phase, rows: list[Row], bad_steps: int) -> None:
    """Names the samples of a step without a finite loss or gradient; ConfigError after too many in a row."""
    ids = [draft.id for row in rows for draft in row.drafts]
    text = f"step {phase.engine.step_index} was skipped (loss or gradient not finite); its samples: {ids}"
    phase.journal.say(text)
    if bad_steps >= phase.settings.max_bad_steps:
        raise ConfigError(
            f"{bad_steps} steps in a row had no finite loss or gradient; lower optimizer.learning_rate or "
            f"look at the samples of the last one: {', '.join(ids[:8])}"
        )


def write_model(phase: Phase, folder: Path) -> None:
    """The averaged weights as a model folder, from which the next phase starts; all processes together."""

    def fresh() -> tuple[UAREModel, TextTokenizer]:
        model, tokenizer = build(phase.settings)
        if phase.settings.lora:
            prepare(model, phase.settings)
        return model, tokenizer

    write_averaged(phase.engine, phase.average, fresh, folder)
    if phase.is_first:
        phase.journal.say(f"the averaged model is in {folder}")


def write_averaged(
    engine: TrainingEngine,
    average: ShardedAverage,
    fresh: Callable[[], tuple[UAREModel, TextTokenizer]],
    folder: Path,
) -> None:
    """Writes what the run started from (`fresh`, with its adapters) with averaged weights in their places."""
    own: dict[str, torch.nn.Parameter] = {}
    is_first = engine.ranks.rank == 0
    if is_first:
        model, tokenizer = fresh()
        own = dict(model.named_parameters())
    with average.in_place_of_masters(), torch.no_grad():
        for name, weight in trained_weights(engine.module):
            value = gathered(weight)  # one at a time: the first process holds one model and no second
            if is_first:
                own[name.removeprefix("network.")].copy_(value)
    if is_first:
        if engine.settings.lora:
            merge_adapters(model)
        save_whole(model, tokenizer, folder)
    dist.barrier()


def save_whole(model: UAREModel, tokenizer: TextTokenizer, folder: Path) -> None:
    """Writes a model folder that is complete or not there; CheckpointError where the disk is full."""
    partial = folder.with_name(f".partial-{folder.name}")
    try:
        model.save_pretrained(partial)
        tokenizer.save(partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise CheckpointError(
            f"cannot write the model {folder} ({error}); the last checkpoint has all of it: free space and "
            "go on with --resume auto"
        ) from error


def _say_tally(phase: Phase, tally: Tally) -> None:
    shares = ", ".join(f"{name} {share:.1%}" for name, share in tally.shares().items())
    phase.journal.say(
        f"samples: {shares}; {tally.num_tokens / tally.rows:.0f} tokens a row, none of them padding"
    )
    if tally.faults:
        phase.journal.say(f"{tally.faults} sources could not be read:")
        for fault in tally.listed:
            phase.journal.say(f"  {fault}")
