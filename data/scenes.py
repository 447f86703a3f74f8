"""A clean picture and its harmed version at training size, with what harmed it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from data.content import describe_content
from data.degradations import (
    TYPES,
    apply_severities,
    degrade_compression_oriented,
    degrade_second_order,
    degrade_with,
    draw_multi,
    draw_single,
)
from data.degradations.chain import JITTER
from data.drafts import PendingHarm
from data.photos import random_crop
from data.records import DegradationRecord
from data.samples import Pixels, RestorationSource
from uare.config import TransformConfig
from uare.errors import InputError
from uare.resizing import resize, target_size

MIN_CROP_SCALE = (
    0.5  # a crop is reduced by a factor drawn from 0.5 to 1, so that marks of its own file vanish
)
HIGH_ORDER = (degrade_second_order, degrade_compression_oriented)  # equally often: UARE gives no split
DRAWN = {"single": draw_single, "multi": draw_multi}  # harms of measured severities, by kind
CLEAN_SHARE = 0.1  # without clean pictures in training the model always "restores" something
SAME_TYPES_SHARE = 0.5  # of rivals, which a comparison must tell apart by severity
UNKNOWN_SEVERITY = 3  # of photographed pairs, whose harms have names but no measure


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a restoration sample is made of."""

    hq: Tensor  # (3, H, W) in [0, 1], sides divisible by the stride
    lq: Tensor  # (3, H, W)
    records: tuple[DegradationRecord, ...]
    content: str  # a sentence about the clean picture
    is_measured: bool  # severities are known


@dataclass(frozen=True, kw_only=True)
class SceneSize:
    """Square crops of one side, or whole pictures scaled into limits."""

    crop_px: int | None
    limits: TransformConfig


def make_scene(source: RestorationSource, harm: str, size: SceneSize, seed: int) -> Scene:
    """Reads, cuts and harms one source; the same arguments give the same scene.

    `harm` is `recorded` (the pair as it was photographed), `single`, `multi` or `high_order`. Raises
    InputError where a picture cannot be read or is too small, or a `recorded` source has no harmed version.
    """
    if harm == "recorded":
        return _photographed(source, size, seed)
    hq = tensor_of(_cut(source.hq.pixels(), source.id, size, seed))
    harmed, records = _harm(hq[None], harm, torch.Generator().manual_seed(seed))
    return _scene(hq, harmed, records)


def plan_scene(source: RestorationSource, harm: str, size: SceneSize, seed: int) -> Scene:
    """`make_scene` before anything is harmed, for a key of `DRAWN`.

    The clean picture stands in for the harmed one; records have no parameters. `harm_batch` does the rest.
    """
    hq = tensor_of(_cut(source.hq.pixels(), source.id, size, seed))
    severities = _drawn(harm, torch.Generator().manual_seed(seed))
    levels = zip(TYPES, severities[0].round().clamp(1, 5).long().tolist(), strict=True)
    suffered = (severities[0] > 0).tolist()
    records = [DegradationRecord(*one) for one, is_so in zip(levels, suffered, strict=True) if is_so]
    return _scene(hq, hq[None], [records])


def harm_batch(
    images: Tensor, pending: Sequence[PendingHarm]
) -> tuple[Tensor, list[list[DegradationRecord]]]:
    """Harms clean images (B, 3, H, W) of `plan_scene` on their device, each as `make_scene` does it alone."""
    generators = [torch.Generator().manual_seed(one.seed) for one in pending]
    drawn = [_drawn(one.harm, generator) for one, generator in zip(pending, generators, strict=True)]
    return apply_severities(images, torch.cat(drawn), generators)


def _drawn(harm: str, generator: torch.Generator) -> Tensor:
    """Severities (1, number of types) of one picture; a few are spared."""
    if float(torch.rand((), generator=generator)) < CLEAN_SHARE:
        return torch.zeros(1, len(TYPES))
    return DRAWN[harm](1, generator)


def _harm(
    images: Tensor, harm: str, generator: torch.Generator
) -> tuple[Tensor, list[list[DegradationRecord]]]:
    """Harms one image (1, 3, H, W) as a phase of the recipe wants it; a few stay clean."""
    if harm in DRAWN:
        return apply_severities(images, _drawn(harm, generator), generator)
    if float(torch.rand((), generator=generator)) < CLEAN_SHARE:
        return images, [[]]
    chain = HIGH_ORDER[int(torch.randint(len(HIGH_ORDER), (), generator=generator))]
    return chain(images, generator)


def draw_rival(records: Sequence[DegradationRecord], rng: random.Random) -> tuple[list[str], list[float]]:
    """Types and severities of a second version of a picture that has these harms already."""
    types = [record.type for record in records]
    if not types or rng.random() > SAME_TYPES_SHARE:
        types = rng.sample(TYPES, rng.choice((0, 1, 1, 1, 2)))
    worst = 5 if len(types) == 1 else 4
    return types, [rng.randint(1, worst) + rng.uniform(-JITTER, JITTER) for _ in types]


def make_rival(scene: Scene, seed: int) -> Scene:
    """Another harmed version of a scene's picture: half of them by the same harms at other severities."""
    types, severities = draw_rival(scene.records, random.Random(seed))
    harmed, records = degrade_with(scene.hq[None], [types], [severities], torch.Generator().manual_seed(seed))
    return _scene(scene.hq, harmed, records)


def _scene(hq: Tensor, harmed: Tensor, records: list[list[DegradationRecord]]) -> Scene:
    return Scene(
        hq=hq,
        lq=harmed[0],
        records=tuple(records[0]),
        content=describe_content(hq[None])[0],
        is_measured=True,
    )


def _photographed(source: RestorationSource, size: SceneSize, seed: int) -> Scene:
    if source.lq is None:
        raise InputError(
            f"{source.id} has no harmed version, but its group takes harms as recorded; "
            "set `harm` of the group to single, multi or high_order"
        )
    lq, hq = (_cut(picture.pixels(), source.id, size, seed) for picture in (source.lq, source.hq))
    if lq.shape != hq.shape:
        raise InputError(
            f"{source.id} has pictures of {lq.shape[:2]} and {hq.shape[:2]}, expected one size; mend the pair"
        )
    clean = tensor_of(hq)
    return Scene(
        hq=clean,
        lq=tensor_of(lq),
        records=tuple(
            DegradationRecord(name, UNKNOWN_SEVERITY, {"severity": "supposed"}) for name in source.types
        ),
        content=describe_content(clean[None])[0],
        is_measured=False,
    )


def _cut(pixels: Pixels, name: str, size: SceneSize, seed: int) -> Pixels:
    """The same place of both pictures of a pair: it depends on the seed alone."""
    generator = np.random.default_rng(seed)
    if size.crop_px is not None:
        if min(pixels.shape[:2]) < size.crop_px:
            raise InputError(
                f"{name} is {pixels.shape[1]}x{pixels.shape[0]} px, below the crop of {size.crop_px} px; "
                "take smaller crops or leave it out"
            )
        square = random_crop(pixels, size.crop_px, MIN_CROP_SCALE, generator)
        return np.ascontiguousarray(square[:, ::-1] if generator.random() < 0.5 else square)
    largest = int(generator.integers(size.limits.min_size, size.limits.max_size + 1))
    limits = replace(size.limits, max_size=largest)  # UARE, section A: sides between the limits, at random
    height, width = target_size((pixels.shape[0], pixels.shape[1]), limits)
    resized = resize(tensor_of(pixels), (height, width)).clamp(0, 1)
    return (resized.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()


def tensor_of(pixels: Pixels) -> Tensor:
    """Pixels (H, W, 3) uint8 as an image (3, H, W) float32 in [0, 1]."""
    return torch.tensor(pixels).permute(2, 0, 1).float() / 255  # (H, W, 3) to (3, H, W)
