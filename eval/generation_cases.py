"""Results that are wrong in a known way, made from clean photos: what the detectors of detail are tried on.

Each case has the photo as reference, a degraded input, and a result that is faithful, over-sharpened, shows
detail that was never there, or lacks detail. Strengths are drawn; a seed gives the same cases again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, median_filter

from eval.baselines import enlarge_bicubic
from eval.metrics import Array

FAITHFUL, OVER_SHARPENED = "faithful", "over-sharpened"
OVER_GENERATED, UNDER_GENERATED = "over-generated", "under-generated"
KINDS = (FAITHFUL, OVER_SHARPENED, OVER_GENERATED, UNDER_GENERATED)
SCALES = (4, 1)  # the input is four times smaller, or as large and blurred

Rng = np.random.Generator


@dataclass(frozen=True, kw_only=True)
class GenerationCase:
    """One result whose fault is known; `result` and `reference` are (scale*H, scale*W, 3), `lq` (H, W, 3)."""

    photo: str
    kind: str  # one of KINDS
    made_by: str  # the edit
    scale: int
    lq: Array
    result: Array
    reference: Array


def make_cases(photos: Mapping[str, Array], seed: int) -> Iterator[GenerationCase]:
    """A case for each photo, scale and edit; two photos or more, as detail of another is put into each.

    Photos are (H, W, 3) in [0, 1] of one size, with sides that four divides.
    """
    names = list(photos)
    for place, name in enumerate(names):
        reference, foreign = photos[name], photos[names[(place + 1) % len(names)]]
        for scale in SCALES:
            rng = np.random.default_rng([seed, place, scale])
            lq = degrade(reference, scale, rng)
            for kind, edits in EDITS.items():
                for edit in edits:
                    result = np.clip(edit(reference, foreign, rng), 0, 1)
                    result = np.round(result * 255) / 255
                    yield GenerationCase(
                        photo=name,
                        kind=kind,
                        made_by=edit.__name__,
                        scale=scale,
                        lq=lq,
                        result=result,
                        reference=reference,
                    )


def degrade(image: Array, scale: int, rng: Rng) -> Array:
    """The input of a case: blurred, reduced `scale` times and noisy, each by an amount that is drawn."""
    blur = rng.uniform(1, 2.5) if scale == 1 else scale * rng.uniform(0, 0.5)
    soft = _blur(image, blur)
    small = soft.reshape(image.shape[0] // scale, scale, image.shape[1] // scale, scale, 3).mean((1, 3))
    return np.clip(small + rng.normal(scale=rng.uniform(0, 3) / 255, size=small.shape), 0, 1)


def nearly_equal(image: Array, foreign: Array, rng: Rng) -> Array:
    """A little softer, with a little noise."""
    soft = _blur(image, rng.uniform(0.2, 0.5))
    return soft + rng.normal(scale=rng.uniform(0.5, 1.5) / 255, size=image.shape)


def other_exposure(image: Array, foreign: Array, rng: Rng) -> Array:
    """All detail there, but up to 10 % brighter or darker."""
    return image * rng.uniform(0.9, 1.1)


def half_mended(image: Array, foreign: Array, rng: Rng) -> Array:
    """Most detail there: the photo and a blurred one mixed."""
    share = rng.uniform(0.8, 0.95)
    return share * image + (1 - share) * _blur(image, 2)


def unsharp_masked(image: Array, foreign: Array, rng: Rng) -> Array:
    """Detail up to 2 px exaggerated one to two and a half times over."""
    return image + rng.uniform(1, 2.5) * (image - _blur(image, rng.uniform(1, 2)))


def haloed(image: Array, foreign: Array, rng: Rng) -> Array:
    """A soft picture sharpened widely: bright and dark seams along edges."""
    soft = _blur(image, 0.6)
    return soft + rng.uniform(1.5, 3) * (soft - _blur(soft, rng.uniform(1.5, 2.5)))


def foreign_detail(image: Array, foreign: Array, rng: Rng) -> Array:
    """Fine detail of another photo in the place of its own, as strong or stronger."""
    sigma = rng.uniform(1.5, 2.5)
    own, other = image - _blur(image, sigma), foreign - _blur(foreign, sigma)
    strength = rng.uniform(1, 1.8) * own.std() / max(float(other.std()), 1e-6)
    return _blur(image, sigma) + strength * other


def scrambled_detail(image: Array, foreign: Array, rng: Rng) -> Array:
    """Fine detail of the right strength and spectrum in wrong places, part of the true detail kept."""
    low = _blur(image, rng.uniform(1.5, 2.5))
    noise = np.fft.fft2(rng.normal(size=image.shape[:2]))
    turned = np.exp(1j * np.angle(noise))[..., None]  # one turn for all channels: no new colours
    scrambled = np.real(np.fft.ifft2(np.fft.fft2(image - low, axes=(0, 1)) * turned, axes=(0, 1)))
    kept = rng.uniform(0, 0.5)
    return low + kept * (image - low) + rng.uniform(0.8, 1.4) * scrambled


def cluttered(image: Array, foreign: Array, rng: Rng) -> Array:
    """Grey blots of 2 to 5 px over everything, on top of the true detail."""
    noise = rng.normal(size=image.shape[:2])
    texture = gaussian_filter(noise, 0.7) - gaussian_filter(noise, 1.5)
    strength = rng.uniform(1, 2) * float((image - _blur(image, 2)).std())
    return image + (strength * texture / texture.std())[..., None]


def smoothed(image: Array, foreign: Array, rng: Rng) -> Array:
    """A Gaussian blur of 1.5 to 3 px."""
    return _blur(image, rng.uniform(1.5, 3))


def enlarged(image: Array, foreign: Array, rng: Rng) -> Array:
    """What a bicubic filter makes of the photo at a quarter of its size."""
    return enlarge_bicubic(degrade(image, 4, rng), 4)


def painted(image: Array, foreign: Array, rng: Rng) -> Array:
    """Edges kept and texture gone: a median over 7x7 pixels."""
    return np.asarray(median_filter(image, size=(7, 7, 1)))


EDITS: dict[str, tuple[Callable[[Array, Array, Rng], Array], ...]] = {
    FAITHFUL: (nearly_equal, other_exposure, half_mended),
    OVER_SHARPENED: (unsharp_masked, haloed),
    OVER_GENERATED: (foreign_detail, scrambled_detail, cluttered),
    UNDER_GENERATED: (smoothed, enlarged, painted),
}


def _blur(image: Array, sigma: float) -> Array:
    return gaussian_filter(image, sigma=(sigma, sigma, 0))
