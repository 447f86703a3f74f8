"""Blur that belongs to the photo: do metrics and models take it for a fault?

Background out of focus or panned is what the photographer wanted (the position paper, figure 7). From sharp
photos with a known subject such photos are made, and beside each two others: one whose background was
sharpened, as restorers do, and one in which the same blur lies on the subject instead. A judge that
understands the photo prefers it to both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import convolve1d, gaussian_filter
from scipy.signal import fftconvolve

from eval.intervals import MeanInterval, mean_with_interval
from eval.metrics import Array, Metric
from eval.metrics.full_reference import full_luma
from uare.errors import InputError

DEPTH_OF_FIELD, MOTION = "depth of field", "motion"
KINDS = (DEPTH_OF_FIELD, MOTION)
STRENGTHS_PX = (3, 6)  # radius of the disc; half the length of the streak
MOST_ADDED = 1.2  # growth of the background's detail above which a model counts as mending it
_EDGE_PX = 4.0  # softness of the border between subject and background
_SHARPEN_SIGMA_PX, _SHARPEN_AMOUNT = 3.0, 2.0
_SMALLEST_ENERGY = (0.25 / 255) ** 2


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A sharp photo and an ellipse around its subject."""

    name: str
    photo: Array  # (H, W, 3) in [0, 1]
    centre: tuple[float, float]  # row and column, as shares of the height and width
    radii: tuple[float, float]  # half axes, likewise


@dataclass(frozen=True, kw_only=True)
class ContextCase:
    """One photo whose background is blurred on purpose, and two pictures that are worse."""

    name: str
    kind: str  # one of KINDS
    photo: Array  # (H, W, 3): subject sharp, background blurred; as it should be
    background_sharpened: Array  # (H, W, 3)
    subject_blurred: Array  # (H, W, 3): the same blur, on the subject
    background: Array  # (H, W) bool, True where the blur belongs


@dataclass(frozen=True, kw_only=True)
class MetricContext:
    """How one no-reference metric sees the cases of one kind."""

    metric: str
    kind: str
    punishes: float  # share of cases where the sharpened background scores better than the photo
    punishes_by: MeanInterval  # the gain of sharpening it, positive: belonging blur is punished
    sees_harm: float  # share of cases where the blurred subject scores worse than the photo


@dataclass(frozen=True, kw_only=True)
class ModelContext:
    """What a restorer does to blur that belongs there."""

    subject: str
    kind: str
    added: (
        MeanInterval  # detail of the background after over before, as a factor of its strength; 1: left alone
    )
    mends: float  # share of cases in which the factor exceeds MOST_ADDED


def scenes() -> tuple[Scene, ...]:
    """Three photos of scikit-image whose subject an ellipse holds."""
    from skimage import data

    named = (
        ("astronaut", data.astronaut(), (0.45, 0.44), (0.52, 0.25)),
        ("chelsea", data.chelsea(), (0.45, 0.50), (0.42, 0.30)),
        ("coffee", data.coffee(), (0.48, 0.50), (0.40, 0.33)),
    )
    return tuple(
        Scene(name=name, photo=photo / 255, centre=centre, radii=radii)
        for name, photo, centre, radii in named
    )


def context_cases(of: Sequence[Scene]) -> list[ContextCase]:
    """A case for each scene, kind and strength of blur."""
    return [_case(scene, kind, strength) for scene in of for kind in KINDS for strength in STRENGTHS_PX]


def judge_metric(
    metric: Metric, measure: Callable[[Array], float], cases: Sequence[ContextCase], seed: int
) -> list[MetricContext]:
    """How a no-reference metric sees the cases, a row for each kind there is.

    Raises InputError for a metric that needs a reference.
    """
    if metric.needs_reference:
        raise InputError(f"{metric.id} needs a reference, which a photo of its own right has not")
    rows = []
    for kind in KINDS:
        of_kind = [case for case in cases if case.kind == kind]
        if not of_kind:
            continue
        values = [measure(case.photo) for case in of_kind]
        sharpened = [
            metric.gain(measure(case.background_sharpened), value)
            for case, value in zip(of_kind, values, strict=True)
        ]
        harmed = [
            metric.gain(measure(case.subject_blurred), value)
            for case, value in zip(of_kind, values, strict=True)
        ]
        rows.append(
            MetricContext(
                metric=metric.id,
                kind=kind,
                punishes=_share(one > 0 for one in sharpened),
                punishes_by=mean_with_interval(sharpened, seed, [_scene(case) for case in of_kind]),
                sees_harm=_share(one < 0 for one in harmed),
            )
        )
    return rows


def judge_restored(
    subject: str, restored: Sequence[Array], cases: Sequence[ContextCase], seed: int
) -> list[ModelContext]:
    """What a restorer made of the photos of the cases, which need nothing, a row for each kind there is."""
    rows = []
    for kind in KINDS:
        chosen = [place for place, case in enumerate(cases) if case.kind == kind]
        if not chosen:
            continue
        of_kind = [cases[place] for place in chosen]
        added = [background_detail(restored[place], cases[place]) for place in chosen]
        rows.append(
            ModelContext(
                subject=subject,
                kind=kind,
                added=mean_with_interval(added, seed, [_scene(case) for case in of_kind]),
                mends=_share(one > MOST_ADDED for one in added),
            )
        )
    return rows


def background_detail(result: Array, case: ContextCase) -> float:
    """Strength of detail in the background of a result over that in the photo, 1 if it was left alone."""
    before, after = (_detail_energy(one, case.background) for one in (case.photo, result))
    return float(np.sqrt((after + _SMALLEST_ENERGY) / (before + _SMALLEST_ENERGY)))


def _detail_energy(image: Array, where: np.ndarray) -> float:
    luma = full_luma(image)
    return float(((luma - gaussian_filter(luma, 2)) ** 2)[where].mean())


def _case(scene: Scene, kind: str, strength_px: int) -> ContextCase:
    photo = scene.photo
    rows, columns = np.meshgrid(*(np.linspace(0, 1, side) for side in photo.shape[:2]), indexing="ij")
    inside = ((rows - scene.centre[0]) / scene.radii[0]) ** 2 + (
        (columns - scene.centre[1]) / scene.radii[1]
    ) ** 2 < 1
    subject = gaussian_filter(inside.astype(np.float64), _EDGE_PX)
    blurred = _disc(photo, strength_px) if kind == DEPTH_OF_FIELD else _streak(photo, strength_px)
    natural = _mixed(photo, blurred, subject)
    halos = natural - gaussian_filter(natural, (_SHARPEN_SIGMA_PX, _SHARPEN_SIGMA_PX, 0))
    return ContextCase(
        name=f"{scene.name}, {strength_px} px",
        kind=kind,
        photo=natural,
        background_sharpened=_mixed(natural, np.clip(natural + _SHARPEN_AMOUNT * halos, 0, 1), subject),
        subject_blurred=_mixed(blurred, photo, subject),
        background=subject < 0.02,
    )


def _mixed(subject: Array, background: Array, weight: Array) -> Array:
    return weight[..., None] * subject + (1 - weight[..., None]) * background


def _disc(photo: Array, radius_px: int) -> Array:
    """Out of focus: the mean over a disc."""
    offsets = np.arange(-radius_px, radius_px + 1)
    disc = (offsets[:, None] ** 2 + offsets**2 <= radius_px**2).astype(np.float64)
    padded = np.pad(photo, ((radius_px, radius_px), (radius_px, radius_px), (0, 0)), mode="reflect")
    blurred = fftconvolve(padded, (disc / disc.sum())[..., None], mode="valid", axes=(0, 1))
    return np.clip(blurred, 0, 1)


def _streak(photo: Array, half_px: int) -> Array:
    """Panned: the mean along a row."""
    length = 2 * half_px + 1
    return convolve1d(photo, np.full(length, 1 / length), axis=1, mode="reflect")


def _scene(case: ContextCase) -> str:
    return case.name.split(",", maxsplit=1)[0]


def _share(found: Iterable[bool]) -> float:
    return float(np.mean(list(found)))
