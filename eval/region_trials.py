"""Is the worst region the one that was harmed, and does an adaptive restoration leave the rest alone?

Photos of scikit-image are harmed in one part (`eval.suites.regions`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eval.blur_context import DEPTH_OF_FIELD, STRENGTHS_PX, ContextCase, Scene, context_cases, scenes
from eval.intervals import MeanInterval, mean_with_interval
from eval.metrics import Array
from eval.suites.regions import Planted
from eval.suites.synthetic import SIDE_PX
from uare.adaptive import ADAPTIVE_REGIONS, strength_map
from uare.assess_regions import assess_regions
from uare.partition import NUM_REGIONS
from uare.pipeline import UAREPipeline
from uare.resizing import resize
from uare.results import Region

SEED = 0
MOST_OUTSIDE = 0.5  # share of the worst region outside the harmed part up to which it is a hit
ADAPTIVE_TYPES, ADAPTIVE_SEVERITY = ("noise", "jpeg"), 4
KEPT_DB = 34.0  # PSNR that the untouched part keeps at least
ALIKE_DB = 99.0  # in place of infinity where nothing changed

# What the worst region is looked for by; lower is worse.
WORST_BY: dict[str, Callable[[Region], float]] = {
    "overall score": lambda region: region.overall,
    "worst level": lambda region: min(region.levels.values()),
    "the better of both": lambda region: max(region.overall, min(region.levels.values())),
}


@dataclass(frozen=True, kw_only=True)
class Found:
    """How the regions of one planted picture answer to the harmed part."""

    case: Planted
    iou: dict[str, float]  # of the worst region, by WORST_BY
    hit: dict[str, float]  # 1 where most of it lies inside
    best_iou: float  # of the region that fits best, whatever its score
    asked_iou: float  # of all that asks for repair, as an adaptive restoration sees it
    chance_hit: float  # share of the regions that would be hits
    given_hit: float  # 1 where the part itself scores lower than the rest, both given as masks


@dataclass(frozen=True, kw_only=True)
class Mended:
    """One restoration, plain and adaptive, in dB against the original, in the harmed part and in the rest."""

    name: str
    group: str
    harmed: tuple[float, float, float]  # input, plain, adaptive
    rest: tuple[float, float]  # plain, adaptive
    pictures: tuple[Array, Array, Array]  # input, plain, adaptive


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks of one size."""
    return float((one & other).sum() / (one | other).sum())


def look(pipe: UAREPipeline, case: Planted) -> Found:
    """Assesses the regions of a planted picture."""
    pixels = pixels_of(case.picture)
    regions = assess_regions(pipe.model, pipe.tokenizer, pixels, pipe.segmenter(pixels, NUM_REGIONS))
    worst = {name: min(regions, key=value) for name, value in WORST_BY.items()}
    is_hit = [_inside(one, case) > 1 - MOST_OUTSIDE for one in regions]
    finer = assess_regions(pipe.model, pipe.tokenizer, pixels, pipe.segmenter(pixels, ADAPTIVE_REGIONS))
    asked = strength_map(finer)[0].numpy() > 0.5
    given = assess_regions(pipe.model, pipe.tokenizer, pixels, np.where(case.inside, 0, 1).astype(np.uint8))
    part, rest = sorted(given, key=lambda one: -_inside(one, case))
    return Found(
        case=case,
        iou={name: iou(one.mask, case.inside) for name, one in worst.items()},
        hit={name: float(_inside(one, case) > 1 - MOST_OUTSIDE) for name, one in worst.items()},
        best_iou=max(iou(one.mask, case.inside) for one in regions),
        asked_iou=iou(asked, case.inside),
        chance_hit=float(np.mean(is_hit)),
        given_hit=float(part.overall < rest.overall),
    )


def _inside(region: Region, case: Planted) -> float:
    """Share of a region that lies in the harmed part."""
    return float(case.inside[region.mask].mean())


def mend(pipe: UAREPipeline, case: Planted) -> Mended:
    """Restores a planted picture both ways."""
    plain, adaptive = (_restored(pipe, case.picture, adaptive=one) for one in (False, True))
    return Mended(
        name=case.name,
        group=case.type,
        harmed=tuple(psnr_in(one, case.original, case.inside) for one in (case.picture, plain, adaptive)),  # type: ignore[arg-type]
        rest=tuple(psnr_in(one, case.original, np.logical_not(case.inside)) for one in (plain, adaptive)),  # type: ignore[arg-type]
        pictures=(case.picture, plain, adaptive),
    )


def keep(pipe: UAREPipeline, case: ContextCase) -> Mended:
    """Restores a photo whose background is blurred on purpose both ways; the background is the rest."""
    plain, adaptive = (_restored(pipe, case.photo, adaptive=one) for one in (False, True))
    subject = np.logical_not(case.background)
    return Mended(
        name=case.name,
        group=DEPTH_OF_FIELD,
        harmed=(ALIKE_DB, *(psnr_in(one, case.photo, subject) for one in (plain, adaptive))),  # type: ignore[arg-type]
        rest=tuple(psnr_in(one, case.photo, case.background) for one in (plain, adaptive)),  # type: ignore[arg-type]
        pictures=(case.photo, plain, adaptive),
    )


def depth_of_field_cases() -> list[ContextCase]:
    """Three photos of SIDE_PX on their long side, the background out of focus."""
    reduced = [
        Scene(name=one.name, photo=_reduced(one.photo), centre=one.centre, radii=one.radii)
        for one in scenes()
    ]
    wanted = f"{STRENGTHS_PX[0]} px"
    return [case for case in context_cases(reduced) if case.kind == DEPTH_OF_FIELD and wanted in case.name]


def _reduced(photo: Array) -> Array:
    scale = SIDE_PX / max(photo.shape[:2])
    size = (round(photo.shape[0] * scale), round(photo.shape[1] * scale))
    return resize(pixels_of(photo), size).permute(1, 2, 0).double().numpy()


def _restored(pipe: UAREPipeline, picture: Array, *, adaptive: bool) -> Array:
    restored = pipe.restore_photo(pixels_of(picture), verify=False, adaptive=adaptive).pixels
    return restored.permute(1, 2, 0).double().numpy()


def pixels_of(picture: Array) -> Tensor:
    """A picture (H, W, 3) as pixels (3, H, W) float32."""
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1).float()


def psnr_in(picture: Array, original: Array, inside: NDArray[np.bool_]) -> float:
    """PSNR in dB over the places of a mask; `ALIKE_DB` where nothing differs there."""
    error = float(np.square(picture - original)[inside].mean())
    return ALIKE_DB if error == 0 else min(ALIKE_DB, -10 * float(np.log10(error)))


def mean(values: Iterable[float], cases: Sequence[str]) -> MeanInterval:
    """Mean with its interval, drawn over photos."""
    return mean_with_interval(list(values), SEED, cases)
