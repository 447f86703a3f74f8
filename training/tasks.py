"""What the network is asked: packed samples of each task, made from harmed crops.

Restoration, analyse-then-restore, analysis, assessment and comparison (UARE, section 3.3). Conditions are
dropped with probability 0.1 each, for guidance; a text with loss never is.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch

from data import texts
from training.pairs import Version
from uare import prompts
from uare.config import UAREConfig
from uare.packing import CleanLatent, Item, NoisedLatent, Text, VisionImage
from uare.schedule import noised, shifted
from uare.tokenizer import TextTokenizer

DROP = 0.1  # of each condition (UARE, section 3.4)
# Restorations with neither latent nor view in the context: the target carries the photo's latent already, so
# they teach the pixels' part at 2.6 times as many crops per token.
LEAN_SHARE = 0.5
MIN_TIMESTEP = 0.02  # velocity divides by it
START_SHARE = 0.6  # of targets at t = 1: few steps are taken, and the first decides


@dataclass(frozen=True, kw_only=True)
class TaskContext:
    """What making a sample needs beside the crop; randomness is handed in."""

    config: UAREConfig
    tokenizer: TextTokenizer
    rng: random.Random
    generator: torch.Generator
    timestep_shift: float

    def text(self, words: str, *, loss: bool = False, dropped: bool = False) -> Text:
        return Text(ids=tuple(self.tokenizer.encode(words)), loss=loss, dropped=dropped)

    def is_dropped(self) -> bool:
        return self.rng.random() < DROP

    def origin(self, grid: tuple[int, int], table_side: int) -> tuple[int, int]:
        """A random place in a position table: crops are smaller than the photos the model will meet."""
        return self.rng.randint(0, table_side - grid[0]), self.rng.randint(0, table_side - grid[1])

    def view(self, version: Version, *, dropped: bool = False) -> VisionImage:
        origin = self.origin(version.view.grid, self.config.vision.table_side)
        return replace(version.view, origin=origin, dropped=dropped)


Sample = list[Item]
T = TypeVar("T")


def restore(version: Version, context: TaskContext) -> Sample:
    """Latent and view of the harmed crop, an instruction, the target."""
    words = texts.restore_instruction(version.records, context.rng)
    instruction = context.text(words, dropped=context.is_dropped())
    images = [] if context.rng.random() < LEAN_SHARE else _conditions(version, context)
    return [*images, instruction, _target(version, context)]


def analyse_then_restore(version: Version, context: TaskContext) -> Sample:
    """As `restore`, with a wish, and the analysis written before the target."""
    wish = context.text(texts.analyse_then_restore_wish(context.rng), dropped=context.is_dropped())
    analysis = texts.analysis_of(version.records, version.content, context.rng).text
    return [
        *_conditions(version, context),
        wish,
        context.text(analysis, loss=True),
        _target(version, context),
    ]


def analyse(version: Version, context: TaskContext) -> Sample:
    """The view, a question, the analysis."""
    analysis = texts.analysis_of(version.records, version.content, context.rng).text
    return [
        context.view(version),
        context.text(texts.analyse_question(context.rng)),
        context.text(analysis, loss=True),
    ]


def name_defects(version: Version, context: TaskContext) -> Sample:
    """The view, a question, the defects in one sentence: most of its words depend on the picture."""
    question, answer = texts.defects_question(context.rng), texts.defects_answer(version.records)
    return [context.view(version), context.text(question), context.text(answer, loss=True)]


def assess(version: Version, context: TaskContext) -> Sample:
    """The view, a question, the levels."""
    answer = texts.assess_answer(version.records, context.rng)
    return [
        context.view(version),
        context.text(texts.assess_question(context.rng)),
        context.text(answer, loss=True),
    ]


def compare(version: Version, other: Version, context: TaskContext) -> Sample:
    """Two versions of one crop, a question, the verdict with its reasons."""
    question = texts.compare_question(context.rng, with_reference=False)
    answer = texts.compare_answer(version.records, other.records)
    return [*_pair(version, other, context), context.text(question), context.text(answer, loss=True)]


def verdict(version: Version, other: Version, context: TaskContext) -> Sample:
    """As `compare` without reasons: the one word that decides is not lost among many."""
    question = texts.verdict_question(context.rng)
    answer = texts.verdict_answer(version.records, other.records)
    return [*_pair(version, other, context), context.text(question), context.text(answer, loss=True)]


def _pair(version: Version, other: Version, context: TaskContext) -> Sample:
    first, second = (context.text(label) for label in prompts.IMAGE_LABELS)
    return [first, context.view(version), second, context.view(other)]


def _conditions(version: Version, context: TaskContext) -> Sample:
    latent = CleanLatent(tokens=version.lq, grid=version.grid, dropped=context.is_dropped())
    return [latent, context.view(version, dropped=context.is_dropped())]


def _target(version: Version, context: TaskContext) -> NoisedLatent:
    noise = torch.randn(version.hq.shape, generator=context.generator) * context.config.sampling.noise_scale
    normal = torch.randn((), generator=context.generator)
    t = float(shifted(torch.sigmoid(normal), context.timestep_shift).clamp(MIN_TIMESTEP, 1.0))
    if context.rng.random() < START_SHARE:
        t = 1.0
    return NoisedLatent(
        tokens=noised(version.hq, noise, t),
        grid=version.grid,
        timestep=t,
        base=version.lq,
        velocity=noise - version.hq,
    )


def placed(sample: Sample, context: TaskContext) -> Sample:
    """Moves all latents of a sample to one random place in the position table."""
    latents = [item for item in sample if isinstance(item, CleanLatent | NoisedLatent)]
    if not latents:
        return sample
    origin = context.origin(latents[0].grid, context.config.latent.table_side)
    return [
        replace(item, origin=origin) if isinstance(item, CleanLatent | NoisedLatent) else item
        for item in sample
    ]


# Shares of single-photo tasks. Pixels teach much, words little: they are asked often.
SINGLE_TASKS: tuple[tuple[Callable[[Version, TaskContext], Sample], float], ...] = (
    (restore, 0.30),
    (analyse_then_restore, 0.12),
    (analyse, 0.14),
    (name_defects, 0.24),
    (assess, 0.20),
)
PAIR_TASKS: tuple[tuple[Callable[[Version, Version, TaskContext], Sample], float], ...] = (
    (compare, 0.3),
    (verdict, 0.7),
)
PAIR_SHARE = 0.25  # of all samples
SAME_SHARE = 0.05  # of pairs: a photo with itself


def _drawn(tasks: Sequence[tuple[T, float]], rng: random.Random) -> T:
    return rng.choices([task for task, _ in tasks], [share for _, share in tasks])[0]


def make_samples(block: Sequence[Version], context: TaskContext, uses: int) -> list[Sample]:
    """Samples of a block in random order: each version is used `uses` times, each for a task drawn anew."""
    versions: dict[int, list[Version]] = {}
    for version in block:
        versions.setdefault(version.crop, []).append(version)
    samples = []
    for version in list(block) * uses:
        if context.rng.random() < PAIR_SHARE:
            others = [one for one in versions[version.crop] if one is not version]
            is_same = not others or context.rng.random() < SAME_SHARE
            other = version if is_same else context.rng.choice(others)
            samples.append(_drawn(PAIR_TASKS, context.rng)(version, other, context))
        else:
            samples.append(placed(_drawn(SINGLE_TASKS, context.rng)(version, context), context))
    context.rng.shuffle(samples)
    return samples
