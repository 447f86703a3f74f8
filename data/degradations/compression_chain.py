"""APISR's compression-oriented chain: two stages that resize at any point and end in real codecs.

Wang et al., "APISR: Anime Production Inspired Real-World Anime Super-Resolution", CVPR 2024, from its
published numbers: the first stage ends in an image file, the second in an image file or an intra frame of a
video. One image at a time, on the CPU.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from data.degradations.kernels import convolve
from data.degradations.real_codecs import avif_file, intra_frame, jpeg_file, webp_file
from data.degradations.sampling import Generators, choice, one_each, rand
from data.degradations.stages import (
    FIRST,
    SECOND,
    Stage,
    check_chain,
    draw_modes,
    draw_stages,
    noisy,
    resized,
)
from data.degradations.traces import Trace
from data.records import DegradationRecord


@dataclass(frozen=True, kw_only=True)
class CodecDraw:
    """One codec that may end a stage."""

    codec: str
    share: float
    strengths: tuple[int, int]  # lowest and highest quality, qscale or CRF


STAGES = (
    replace(FIRST, resize_range=(0.1, 1.2)),
    replace(SECOND, resize_shares=(0.2, 0.7, 0.1), resize_range=(0.15, 1.2)),
)
FIRST_CODECS = (
    CodecDraw(codec="jpeg", share=0.4, strengths=(20, 95)),
    CodecDraw(codec="webp", share=0.6, strengths=(20, 95)),
)
LAST_CODECS = (
    CodecDraw(codec="jpeg", share=0.06, strengths=(20, 95)),
    CodecDraw(codec="webp", share=0.10, strengths=(20, 95)),
    CodecDraw(codec="avif", share=0.10, strengths=(20, 95)),
    CodecDraw(codec="mpeg2video", share=0.12, strengths=(8, 31)),
    CodecDraw(codec="mpeg4", share=0.12, strengths=(8, 31)),
    CodecDraw(codec="libx264", share=0.30, strengths=(23, 38)),
    CodecDraw(codec="libx265", share=0.20, strengths=(28, 42)),
)
WEBP_METHODS = 7  # 0..6, equally often
PRESETS = {"slow": 0.05, "medium": 0.35, "fast": 0.30, "faster": 0.20, "superfast": 0.10}
NUM_PLACES = 3  # for the resizing: before the blur, before the noise, after it


@dataclass(frozen=True, kw_only=True)
class CodecChoice:
    """What ends one stage of one image."""

    codec: str
    strength: int
    method: int  # of WebP
    preset: str  # of x264 and x265


def degrade_compression_oriented(
    images: Tensor, generator: Generators, *, scale: int = 1
) -> tuple[Tensor, list[list[DegradationRecord]]]:
    """Harms images (B, 3, H, W) in [0, 1]; returns 8-bit values (B, 3, H // scale, W // scale) and records.

    The second stage resizes only where `scale` is above 1, as published. With a generator per image, an image
    is harmed as it would be alone. Severities are read off the ladders of the single types (`traces.py`).
    Raises `InputError` where the scale leaves no picture or a codec is missing.
    """
    count, _, height, width = images.shape
    out_height, out_width = check_chain(images, scale)
    firsts, lasts = (draw_stages(count, ranges, generator) for ranges in STAGES)
    places = [choice(count, [1.0] * NUM_PLACES, generator).tolist() for _ in STAGES]
    first_codecs, last_codecs = (draw_codecs(count, rows, generator) for rows in (FIRST_CODECS, LAST_CODECS))
    last_modes = draw_modes(count, generator)
    results, records = [], []
    for index, drawing in enumerate(one_each(generator, count)):
        trace, image = Trace(rows=[height]), images[index : index + 1].cpu()
        image = _harmed(image, firsts[index], drawing, trace, places[0][index], (height, width))
        image = _coded(image, first_codecs[index], trace)
        aim = (out_height, out_width) if scale > 1 else None
        image = _harmed(image, lasts[index], drawing, trace, places[1][index], aim)
        image = resized(image, out_height, out_width, last_modes[index], trace).clamp(0, 1)
        results.append(_coded(image, last_codecs[index], trace))
        records.append(trace.records())
    return torch.cat(results).to(images.device), records


def draw_codecs(count: int, rows: tuple[CodecDraw, ...], generator: Generators) -> list[CodecChoice]:
    """Draws one codec of `rows` with its strength and effort for each of `count` images."""
    which = choice(count, [row.share for row in rows], generator).tolist()
    share = rand((count,), generator).tolist()
    method = choice(count, [1.0] * WEBP_METHODS, generator).tolist()
    preset = choice(count, list(PRESETS.values()), generator).tolist()
    chosen = []
    for index in range(count):
        row = rows[which[index]]
        low, high = row.strengths
        strength = low + int(share[index] * (high - low + 1))
        chosen.append(
            CodecChoice(
                codec=row.codec, strength=strength, method=method[index], preset=list(PRESETS)[preset[index]]
            )
        )
    return chosen


def _harmed(
    image: Tensor,
    stage: Stage,
    generator: torch.Generator,
    trace: Trace,
    place: int,
    aim: tuple[int, int] | None,
) -> Tensor:
    """Image (1, 3, H, W) blurred, noisy and, unless `aim` is None, resized relative to it at that place."""
    for step in range(NUM_PLACES):
        if aim is not None and step == place:
            image = resized(image, aim[0] * stage.factor, aim[1] * stage.factor, stage.mode, trace)
        if step == 0:
            trace.blur(stage.blur_px)
            image = convolve(image, stage.kernel.cpu())
        elif step == 1:
            image = noisy(image, stage, generator, trace)
    return image


def _coded(image: Tensor, end: CodecChoice, trace: Trace) -> Tensor:
    """Image (1, 3, H, W) in [0, 1] after a codec, in 8-bit values."""
    trace.codec(end.codec, end.strength)
    match end.codec:
        case "jpeg":
            coded = jpeg_file(image[0], end.strength)
        case "webp":
            coded = webp_file(image[0], end.strength, method=end.method)
        case "avif":
            coded = avif_file(image[0], end.strength)
        case _:
            coded = intra_frame(image[0], end.codec, end.strength, preset=end.preset)
    return coded[None]
