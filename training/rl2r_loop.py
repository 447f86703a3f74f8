"""The loop of reinforcement learning to rank: batch, answers, rewards, one move of the weights; and again.

On the engine, checkpoints and journal of the supervised phases. Nothing is saved of the sampling: the
generator of an answer follows from seed, batch, picture and place.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from data.rows import RowNumbers, seed_of
from training import checkpoints
from training.ema import ShardedAverage
from training.engine import Moved, Ranks, TrainingEngine, computing, join_ranks
from training.journal import Journal, write_origin
from training.loop import Stopper, fill_masters, step_rows, write_averaged
from training.mixture import load_rows
from training.phases import add_adapters, is_trained
from training.rl2r_data import RatedPicture, RatedRow, RatedRows, held_out_pictures, open_rated_sets
from training.rl2r_policy import Answer, AnsweredRow, Prompt, RankingStep, Reference, sample_answers
from training.rl2r_rollouts import Judged, figures_of, judge, rollout_lines, rollout_path, write_rollouts
from training.rl2r_settings import Rl2rSettings
from training.rl2r_validation import HeldOut, append_held_out, mean_srcc, rate, rewind_held_out
from training.start import load_model, starting_dtype
from uare.assess import user_text
from uare.checkpoints.folders import find_folder
from uare.errors import ConfigError
from uare.model import UAREModel
from uare.patches import vision_item
from uare.tokenizer import TextTokenizer


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that a run works with."""

    settings: Rl2rSettings
    ranks: Ranks
    tokenizer: TextTokenizer
    engine: TrainingEngine
    average: ShardedAverage
    reference: Reference | None
    journal: Journal
    rows: RatedRows
    held_out: list[RatedPicture]

    @property
    def is_first(self) -> bool:
        return self.ranks.rank == 0

    @property
    def step_module(self) -> RankingStep:
        return self.engine.module

    @property
    def checkpoint_folder(self) -> Path:
        return self.settings.output / "checkpoints"


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """A batch with the answers to it."""

    row: RatedRow
    prompts: tuple[Prompt, ...]
    answers: tuple[tuple[Answer, ...], ...]
    texts: tuple[tuple[str, ...], ...]
    judged: Judged


def train(settings: Rl2rSettings, *, resume: bool) -> None:
    """Trains on all processes that the launcher started, and writes `output/model`."""
    ranks = join_ranks()
    run = _set_up(settings, ranks)
    if resume:
        _resume(run)
    elif run.is_first:
        checkpoints.refuse_earlier(run.checkpoint_folder)
    _run(run)
    dist.destroy_process_group()


def prepared_model(
    settings: Rl2rSettings, dtype: torch.dtype = torch.float32
) -> tuple[UAREModel, TextTokenizer]:
    """What the run starts from, with the weights that it trains asking for gradients.

    CheckpointError where the model is missing: it is the reference, also of a run that goes on.
    """
    model, tokenizer = load_model(settings.model, dtype)
    for name, weight in model.named_parameters():
        is_open = settings.trains_vision or not name.startswith("vision.")
        weight.requires_grad_(is_open and is_trained(name, settings.phase))
    model.mixture.recomputes_layers = settings.recompute_layers
    if settings.lora:
        add_adapters(model, settings.lora, settings.phase)
    return model.eval(), tokenizer


def _set_up(settings: Rl2rSettings, ranks: Ranks) -> Run:
    model, tokenizer = prepared_model(settings, starting_dtype(settings))
    sets = open_rated_sets(settings)
    del model.codec  # nothing is painted
    step = RankingStep(model, settings.objective, settings.answers.temperature, settings.answers_per_step)
    engine = TrainingEngine(step, settings, ranks)
    if engine.zero_stage == 3:
        raise ConfigError(
            "ZeRO stage 3 takes weights apart that sampling needs at every token; choose stage 1 or 2, "
            "with offload or lora where memory is short"
        )
    if settings.precision == "bf16":
        fill_masters(engine, find_folder(settings.model))
    journal = Journal(settings.output, settings.log)
    if ranks.rank == 0:
        write_origin(settings.output, settings)
    return Run(
        settings=settings,
        ranks=ranks,
        tokenizer=tokenizer,
        engine=engine,
        average=ShardedAverage(engine, settings.ema_decay),
        reference=Reference(model) if settings.objective.beta else None,
        journal=journal,
        rows=RatedRows(sets, settings, model.config),
        held_out=held_out_pictures(sets, settings, model.config) if ranks.rank == 0 else [],
    )


def _resume(run: Run) -> None:
    newest: list[Path | None] = [None]
    if run.is_first:
        newest = [checkpoints.newest_intact(run.checkpoint_folder, run.journal.say)]
    dist.broadcast_object_list(newest)
    if newest[0] is None:
        return
    checkpoints.load(run.engine, run.average, newest[0])
    if run.is_first:
        run.journal.rewind(run.engine.step_index)
        rewind_held_out(run.settings.output, run.engine.step_index)
        run.journal.say(f"goes on from {newest[0]}")


def _run(run: Run) -> None:
    settings, engine = run.settings, run.engine
    stopper, skipped_in_row = Stopper(run.ranks), 0
    numbers = RowNumbers(
        first_step=engine.step_index,
        num_steps=settings.steps,
        rows_per_step=settings.data.rows_per_step,
        rank=run.ranks.rank,
        world=run.ranks.world,
    )
    if engine.step_index == 0:
        _validate(run)
    loader = load_rows(run.rows, numbers, settings.data.workers)
    for started, rows in step_rows(loader, settings.data.rows_per_step // run.ranks.world):
        figures = _step(run, rows)
        skipped_in_row = skipped_in_row + 1 if figures["skipped"] else 0
        if run.is_first:
            elapsed_s = time.perf_counter() - started
            run.journal.step({"step": engine.step_index, **figures, "elapsed_s": elapsed_s})
        if skipped_in_row >= settings.max_bad_steps:
            raise ConfigError(
                f"{skipped_in_row} steps in a row had no answer with a single rating, or no finite loss; "
                "teach the model the form of the answers first (training/train.py), or lower "
                "optimizer.learning_rate"
            )
        asked = stopper.agreed()
        if asked or engine.step_index % settings.checkpoint.every_steps == 0:
            checkpoints.save(engine, run.average, run.checkpoint_folder, settings.checkpoint.keep)
        if asked:
            if run.is_first:
                run.journal.say(f"asked to end: saved step {engine.step_index}; go on with --resume auto")
            return
        if engine.step_index % settings.validation.every_steps == 0 or engine.step_index == settings.steps:
            _validate(run)
    checkpoints.save(engine, run.average, run.checkpoint_folder, settings.checkpoint.keep)
    write_averaged(engine, run.average, partial(prepared_model, settings), settings.output / "model")
    if run.is_first:
        run.journal.say(f"the model is in {settings.output / 'model'}")


def _step(run: Run, rows: Sequence[RatedRow]) -> dict[str, float]:
    """One step over this rank's batches: its figures, of all ranks."""
    rollouts = [answer_row(run, row) for row in rows]
    says_something = torch.tensor(float(any(not one.judged.is_mute for one in rollouts)))
    says_something = says_something.to(run.ranks.device)
    dist.all_reduce(says_something)
    found = [figures_of(one.judged, one.answers) for one in rollouts]
    lines: list[dict[str, Any]] = []
    moved: Moved | None = None
    is_kept = (run.engine.step_index + 1) % run.settings.keeps_rollouts_every == 0
    if says_something > 0 or is_kept:
        answered = [_answered(run, one) for one in rollouts]
        if is_kept:
            for one, ready in zip(rollouts, answered, strict=True):
                logp, mask = _log_probs(run, ready)
                lines += rollout_lines(one.row, one.answers, one.texts, one.judged, logp, mask)
        if says_something > 0:
            moved = _move(run, answered)
    run.engine.step_index += 1
    _keep(run, lines)
    figures = _mean_over_ranks(found)
    if moved is None:
        return {**figures, "skipped": 1.0}
    loss, kl, clipped = moved.sums
    return {
        **figures,
        "loss": loss,
        "kl": kl,
        "clipped": clipped,
        "grad_norm": moved.grad_norm,
        "learning_rate": moved.learning_rate,
        "skipped": float(not moved.is_applied),
    }


def prompts_of(
    row: RatedRow, network: UAREModel, tokenizer: TextTokenizer, settings: Rl2rSettings
) -> tuple[Prompt, ...]:
    """Each picture of a batch, and the question about it."""
    question = user_text(tokenizer, settings.answers.form.question)
    return tuple(
        (vision_item(picture.pixels, network.config, network.config.assess_transform), question)
        for picture in row.pictures
    )


def answer_row(run: Run, row: RatedRow) -> Rollout:
    """Samples K answers to each picture of a batch, and judges them."""
    settings, network = run.settings, run.step_module.network
    prompts = prompts_of(row, network, run.tokenizer, settings)
    seeds = [
        [seed_of(settings.seed, "answer", row.index, i, k) for k in range(settings.answers.per_image)]
        for i in range(len(prompts))
    ]
    with computing(settings, run.ranks.device):
        answers = sample_answers(
            network, prompts, seeds, settings.answers.max_tokens, settings.answers.temperature
        )
    texts = tuple(tuple(run.tokenizer.decode(one.ids) for one in own) for own in answers)
    truncated = [[one.is_truncated for one in own] for own in answers]
    labels = {name: row.labels(name) for name in settings.weights}
    judged = judge(texts, truncated, labels, settings)
    return Rollout(row=row, prompts=prompts, answers=answers, texts=texts, judged=judged)


@torch.no_grad()
def _answered(run: Run, rollout: Rollout) -> AnsweredRow:
    """The batch for the objective, with log-probabilities of the reference, and of the policy if needed."""
    ready = AnsweredRow(
        prompts=rollout.prompts,
        answers=rollout.answers,
        advantage=rollout.judged.advantage.flatten().float(),
        logp_ref=None,
    )
    with computing(run.settings, run.ranks.device):
        if run.reference is not None:
            logp_ref, _ = run.step_module.log_probs(ready.prompts, ready.answers, run.reference)
            ready = _with(ready, logp_ref=logp_ref)
        if run.settings.objective.updates > 1:
            ready = _with(ready, logp_old=_log_probs(run, ready)[0])
    return ready


def _with(row: AnsweredRow, **changes: torch.Tensor) -> AnsweredRow:
    return AnsweredRow(**{**vars(row), **changes})


@torch.no_grad()
def _log_probs(run: Run, row: AnsweredRow) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the policy as training computes them, not as sampling did: the two round differently."""
    with computing(run.settings, run.ranks.device):
        return run.step_module.log_probs(row.prompts, row.answers)


def _move(run: Run, rows: Sequence[AnsweredRow]) -> Moved:
    """One or several updates by the same answers; what the last one says."""
    moved = None
    for _ in range(run.settings.objective.updates):
        moved = run.engine.descend([partial(run.engine.deepspeed, row) for row in rows])
        if moved.is_applied:
            run.average.update()
    assert moved is not None
    return moved


def _keep(run: Run, lines: list[dict[str, Any]]) -> None:
    """Writes the answers of all ranks, in the order of their batches."""
    gathered: list[Any] = [None] * run.ranks.world
    dist.all_gather_object(gathered, lines)
    if run.is_first and any(gathered):
        ordered = sorted((line for own in gathered for line in own), key=lambda line: line["row"])
        write_rollouts(rollout_path(run.settings.output, run.engine.step_index), ordered)


def _mean_over_ranks(found: Sequence[dict[str, float]]) -> dict[str, float]:
    """Means over all batches of the step, those that have the figure."""
    gathered: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(gathered, list(found))
    rows = [row for own in gathered for row in own]
    means = {}
    for name in rows[0]:
        known = [row[name] for row in rows if not math.isnan(row[name])]
        means[name] = sum(known) / len(known) if known else math.nan
    return means


def _validate(run: Run) -> None:
    """The first process rates the held-out pictures; the others wait."""
    if run.is_first:
        settings, network = run.settings, run.step_module.network
        with computing(settings, run.ranks.device):
            rows = [
                HeldOut(
                    step=run.engine.step_index,
                    set_name=one.set_name,
                    id=one.id,
                    labels=one.labels,
                    values=rate(network, run.tokenizer, one, settings),
                )
                for one in run.held_out
            ]
        append_held_out(settings.output, rows)
        told = "  ".join(f"{name} {mean_srcc(rows, name):.3f}" for name in settings.answers.form.names)
        run.journal.say(f"held out, SRCC after step {run.engine.step_index}: {told}")
    dist.barrier()
