"""The pictures that every validation of a phase restores: made once, and never as training sees them.

They come from the sets of the mixture itself, with seeds that training leaves alone, and where there are any
from sets that are held out.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from data.rows import Rows
from data.samples import RestorationSource, Sources
from data.scenes import Scene, make_scene
from data.texts import degradations_of, worst_first
from uare import prompts
from uare.errors import ConfigError, InputError

FIRST_SEED = 2**31  # of the fixed samples; training makes its scenes from seeds below
ATTEMPTS = 20  # for each sample: sources may be unreadable, and some scenes are left unharmed
RESTORATION_TASKS = ("restore", "interleave")
SMALLEST_ERROR = 1e-10  # mean square; two equal pictures have 100 dB


def psnr_db(picture: Tensor, reference: Tensor) -> float:
    """PSNR of two images in [0, 1] of one shape."""
    return float(-10 * (picture - reference).square().mean().clamp(min=SMALLEST_ERROR).log10())


@dataclass(frozen=True, kw_only=True)
class FixedSample:
    """A harmed picture that every validation restores anew."""

    number: int
    id: str
    scene: Scene
    instruction: str
    is_held_out: bool = False  # of a set that training does not see

    @property
    def harms(self) -> str:
        """What was done to the picture, in words."""
        known = [
            one if self.scene.is_measured else replace(one, severity=None)
            for one in degradations_of(self.scene.records)
        ]
        return prompts.joined([one.words for one in known])

    @property
    def lq_db(self) -> float:
        return psnr_db(self.scene.lq, self.scene.hq)


def fixed_samples(
    rows: Rows,
    count: int,
    *,
    with_analysis: bool,
    held_out: Sequence[tuple[Sources, float]] = (),
) -> tuple[FixedSample, ...]:
    """Samples of the mixture's first restoration group: the same for the same data, whatever the run's seed.

    They come from the sets that training uses, harmed and cut in ways that training never sees; as many more
    come from the sets that are held out, with their weights. ConfigError if no group restores; InputError if
    no picture of the group, or of what is held out, can be used.
    """
    group = next((one for one in rows.settings.groups if one.task in RESTORATION_TASKS), None)
    if group is None:
        raise ConfigError(
            f"validation.samples is {count}, but no group of the data has one of the tasks "
            f"{', '.join(RESTORATION_TASKS)}; set it to 0"
        )
    own = drawn(Draw(name=f"group {group.name}", sets=group.sets, harm=group.harm), rows, count)
    others = []
    if held_out:
        draw = Draw(name="validation.sets", sets=held_out, harm=group.harm, is_held_out=True)
        others = drawn(draw, rows, count)
    return tuple(
        FixedSample(
            number=number,
            id=name,
            scene=scene,
            instruction=prompts.ANALYSE_THEN_RESTORE if with_analysis else _instruction(scene, group.harm),
            is_held_out=number >= len(own),
        )
        for number, (name, scene) in enumerate([*own, *others])
    )


@dataclass(frozen=True, kw_only=True)
class Draw:
    """What samples are drawn from."""

    name: str
    sets: Sequence[tuple[Sources, float]]
    harm: str
    is_held_out: bool = False


def drawn(draw: Draw, rows: Rows, count: int) -> list[tuple[str, Scene]]:
    """Names and scenes of so many sources, or of fewer where many cannot be used."""
    found: list[tuple[str, Scene]] = []
    for seed in range(FIRST_SEED, FIRST_SEED + ATTEMPTS * count):
        if len(found) < count and (made := _scene_of(draw, rows, seed)) is not None:
            found.append(made)
    if not found:
        raise InputError(
            f"{draw.name} gave no harmed picture to validate with in {ATTEMPTS * count} attempts; "
            "check its sets and data.size, or set validation.samples to 0"
        )
    return found


def _scene_of(draw: Draw, rows: Rows, seed: int) -> tuple[str, Scene] | None:
    """The source's name and the scene of a seed; None where it cannot be read or was not harmed."""
    rng = random.Random(seed)
    sources = rng.choices([one for one, _ in draw.sets], [weight for _, weight in draw.sets])[0]
    source = sources[rng.randrange(len(sources))]
    if not isinstance(source, RestorationSource):
        return None
    size, sides = rows.settings.task.size, rows.settings.crops_px
    if sides:
        size = replace(size, crop_px=max(sides))
    try:
        scene = make_scene(source, _harm_of(source, draw), size, seed)
    except InputError:
        return None
    return None if torch.equal(scene.lq, scene.hq) else (source.id, scene)


def _harm_of(source: RestorationSource, draw: Draw) -> str:
    """That of the group; what is held out keeps its pairs, and clean pictures among it are always harmed."""
    if not draw.is_held_out:
        return draw.harm
    if source.lq is not None:
        return "recorded"
    return "multi" if draw.harm == "recorded" else draw.harm


def _instruction(scene: Scene, harm: str) -> str:
    if harm == "high_order":
        return prompts.RESTORE_MIXED
    return prompts.restore_instruction([one.type for one in worst_first(scene.records)])
