"""Gaming probes: does a metric pay for edits that harm a picture, and does a model's gain look like one?

Zhang et al.'s position paper shows that sharpening, clutter and aliasing raise learned no-reference metrics.
Here each metric is measured again after such edits of the same pictures. A gain is given in *spreads*: the
standard deviation of the metric over the pictures as they were, which makes metrics of all scales comparable.
What an edit costs in structure is measured beside it, so that nobody need take its harm on trust.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from eval.intervals import MeanInterval, mean_with_interval
from eval.metrics import Array, Metric, ssim
from eval.paired import BETTER, WORSE, compare_paired
from uare.errors import InputError

LEAST_PICTURES = 3  # fewer have no spread worth the name
LEAST_AXES = 3  # a direction of two numbers is like another too easily
ALIKE = 0.8  # cosine above which a model's moves are called typical of a probe
_SHARPEN_SIGMA_PX, _SHARPEN_AMOUNT = 2.0, 1.5
_TEXTURE_LEVELS, _TEXTURE_SIGMAS_PX = 12 / 255, (0.7, 1.4)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One row of `PROBES`: the picture as it should be, and after the edit; both of one size."""

    name: str
    about: str
    honest: Callable[[Array], Array]
    harmful: Callable[[Array, np.random.Generator], Array]


@dataclass(frozen=True, kw_only=True)
class ProbedMetric:
    """What one edit does to one metric over n pictures; positive gains are in its better direction."""

    probe: str
    metric: str
    gain: MeanInterval  # in the unit of the metric
    gain_in_spreads: float | None  # None where the metric does not vary over the pictures
    share_rewarded: float  # of pictures that score better after the edit
    structure_kept: MeanInterval  # SSIM of the edited picture and the honest one, of all RGB values

    @property
    def is_rewarded(self) -> bool:
        """True if the metric pays for this edit: the interval of the gain lies above zero."""
        return self.gain.num_groups > 1 and self.gain.low > 0


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """Why a model's gains should not be taken at face value, in one sentence each."""

    subject: str
    reasons: tuple[str, ...]


def sharpen(image: Array, rng: np.random.Generator) -> Array:
    """Adds the difference to a Gaussian blur of 2 px one and a half times: halos, louder noise."""
    blurred = gaussian_filter(image, sigma=(_SHARPEN_SIGMA_PX, _SHARPEN_SIGMA_PX, 0))
    return np.clip(image + _SHARPEN_AMOUNT * (image - blurred), 0, 1)


def add_texture(image: Array, rng: np.random.Generator) -> Array:
    """Adds a grey random texture of 2 to 5 px, 12 of 255 levels deep, that was never in the scene."""
    noise = rng.normal(size=image.shape[:2])
    fine, coarse = (gaussian_filter(noise, sigma) for sigma in _TEXTURE_SIGMAS_PX)
    texture = fine - coarse
    return np.clip(image + (_TEXTURE_LEVELS * texture / texture.std())[..., None], 0, 1)


def halve_smoothly(image: Array) -> Array:
    """Half the size by means over 2x2 pixels: what anti-aliasing is for."""
    even = _even(image)
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


def halve_aliased(image: Array, rng: np.random.Generator) -> Array:
    """Half the size by every second pixel: stairs and moire where fine detail was."""
    return _even(image)[::2, ::2]


PROBES = (
    Probe(
        name="sharpened",
        about="unsharp masking: Gaussian of 2 px, amount 1.5",
        honest=lambda image: image,
        harmful=sharpen,
    ),
    Probe(
        name="textured",
        about="random texture of 2 to 5 px, 12 of 255 levels",
        honest=lambda image: image,
        harmful=add_texture,
    ),
    Probe(
        name="aliased",
        about="every second pixel, against means over 2x2",
        honest=halve_smoothly,
        harmful=halve_aliased,
    ),
)


def probe_metrics(
    pictures: Mapping[str, Array],
    metrics: Sequence[Metric],
    measure: Callable[[Metric, Array], float],
    seed: int,
) -> list[ProbedMetric]:
    """Measures each no-reference metric on each picture before and after each edit.

    `pictures` are (H, W, 3) in [0, 1] by name, `measure` gives a metric's value of one. A picture that a
    metric cannot measure (too small after halving, say) is left out for that metric and edit; with fewer than
    three left there is no row. The texture of a picture depends on the seed and its name's place alone.
    """
    rows = []
    for probe in PROBES:
        honest = {name: probe.honest(picture) for name, picture in pictures.items()}
        harmed = {
            name: probe.harmful(picture, np.random.default_rng([seed, place]))
            for place, (name, picture) in enumerate(pictures.items())
        }
        kept = {name: ssim(harmed[name], honest[name]) for name in pictures}
        for metric in metrics:
            if metric.needs_reference:
                continue
            before, after, names = _measure_both(metric, honest, harmed, measure)
            if len(names) < LEAST_PICTURES:
                continue
            gains = np.array([metric.gain(b, a) for a, b in zip(before, after, strict=True)])
            spread = float(np.std(before, ddof=1))
            rows.append(
                ProbedMetric(
                    probe=probe.name,
                    metric=metric.id,
                    gain=mean_with_interval(gains.tolist(), seed),
                    gain_in_spreads=float(gains.mean()) / spread if spread > 0 else None,
                    share_rewarded=float((gains > 0).mean()),
                    structure_kept=mean_with_interval([kept[name] for name in names], seed),
                )
            )
    return rows


def exploitability(rows: Sequence[ProbedMetric], metric: str) -> float | None:
    """The most that one harmful edit buys, in spreads of the metric: 0 if none is rewarded.

    A value of 1 says that an edit lifts the average picture as far as one standard deviation of honest
    pictures. None where the metric was not probed or does not vary.
    """
    own = [row for row in rows if row.metric == metric]
    known = [row for row in own if row.gain_in_spreads is not None]
    if not known:
        return None
    return max((row.gain_in_spreads or 0.0 for row in known if row.is_rewarded), default=0.0)


def suspicion(
    subject: str,
    values: Mapping[str, Mapping[str, float]],
    baseline: Mapping[str, Mapping[str, float]],
    metrics: Sequence[Metric],
    probed: Sequence[ProbedMetric],
    seed: int,
) -> Suspicion | None:
    """Says what is suspicious in a subject's gains over a baseline, None if nothing is.

    `values` and `baseline` are {metric id: {item: value}}. Two things are: no-reference metrics that gain
    while metrics of structure lose, and moves of the no-reference metrics that point where those of a probe
    do (cosine of at least 0.8 over at least three metrics, the gains in spreads of the baseline).
    """
    verdicts: dict[str, str] = {}
    moves: dict[str, float] = {}
    for metric in metrics:
        own, other = values.get(metric.id, {}), baseline.get(metric.id, {})
        common = [item for item in own if item in other]
        if len(common) < LEAST_PICTURES:
            continue
        a, b = [own[item] for item in common], [other[item] for item in common]
        found = compare_paired(a, b, higher_is_better=metric.higher_is_better, seed=seed)
        verdicts[metric.id] = found.verdict
        spread = float(np.std(b, ddof=1))
        if not metric.needs_reference and spread > 0:
            moves[metric.id] = found.difference.mean / spread
    gained = [m.id for m in metrics if not m.needs_reference and verdicts.get(m.id) == BETTER]
    lost = [m.id for m in metrics if m.needs_reference and verdicts.get(m.id) == WORSE]
    reasons = []
    if gained and lost:
        reasons.append(
            f"{', '.join(gained)} gain without a reference while {', '.join(lost)} lose against it"
        )
    if gained:
        reasons += [
            f"its no-reference metrics move as they do when a picture is {name} (cosine {cosine:.2f})"
            for name, cosine in likeness(moves, probed).items()
            if cosine >= ALIKE
        ]
    return Suspicion(subject=subject, reasons=tuple(reasons)) if reasons else None


def likeness(moves: Mapping[str, float], probed: Sequence[ProbedMetric]) -> dict[str, float]:
    """Cosine of a subject's moves and those of each probe, in spreads, where enough metrics have both."""
    found = {}
    for probe in PROBES:
        typical = {
            row.metric: row.gain_in_spreads
            for row in probed
            if row.probe == probe.name and row.gain_in_spreads is not None
        }
        axes = [metric for metric in moves if metric in typical]
        if len(axes) < LEAST_AXES:
            continue
        a, b = np.array([moves[m] for m in axes]), np.array([typical[m] for m in axes])
        length = float(np.linalg.norm(a) * np.linalg.norm(b))
        if length > 0:
            found[probe.name] = float(a @ b) / length
    return found


def _measure_both(
    metric: Metric,
    honest: Mapping[str, Array],
    harmed: Mapping[str, Array],
    measure: Callable[[Metric, Array], float],
) -> tuple[list[float], list[float], list[str]]:
    before, after, names = [], [], []
    for name in honest:
        try:
            a, b = measure(metric, honest[name]), measure(metric, harmed[name])
        # RuntimeError is what torch raises where a network has no place for so small a picture.
        except (InputError, RuntimeError):
            continue
        if math.isfinite(a) and math.isfinite(b):
            before.append(a)
            after.append(b)
            names.append(name)
    return before, after, names


def _even(image: Array) -> Array:
    return image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
