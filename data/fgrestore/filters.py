"""Which pairs are fine-grained: neither plainly different nor alike to the eye (FGRestore, equations 1 to 3).

Every equation is a function on arrays. Reading pictures and going through pairs is left to the builder.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data.fgrestore.jnd import Plane, jnd_map
from uare.errors import InputError

Sign = Literal["plus", "random"]
MOST_JND_IMAGES = 20_000  # as in the paper
LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114])  # BT.601
SSIM_WINDOW, SSIM_SIGMA = 11, 1.5


def coarse_filter(
    scores_a: NDArray[np.float64], scores_b: NDArray[np.float64], tau: float | NDArray[np.float64]
) -> NDArray[np.bool_]:
    """True for each of n pairs whose scores differ by at most tau, that of its origin (equation 1)."""
    return np.asarray(np.abs(scores_a - scores_b) <= tau)


def jnd_image(
    luma: Plane, jnd: Plane, signs: NDArray[np.int64] | None = None, strength: float = 1.0
) -> Plane:
    """A picture changed by as much as goes just unnoticed, luma in 0..255 (equation 2).

    The paper adds the map as it is, which shifts all pixels one way; `signs` (H, W) of ±1 make noise of it,
    as is usual elsewhere. What leaves 0..255 is cut off, since SSIM wants a picture.
    """
    return np.clip(luma + strength * (1 if signs is None else signs) * jnd, 0, 255)


def median_threshold(similarities: Sequence[float]) -> float:
    """The middle SSIM between pictures and their JND images; InputError without any."""
    if not len(similarities):
        raise InputError("a JND threshold needs at least one picture, found none; give pictures or a number")
    return float(np.median(similarities))


def unnoticeable_filter(similarities: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """True for each of n pairs whose SSIM is at most the threshold, so that one can be told from the other.

    Equation 3.
    """
    return np.asarray(similarities <= threshold)


def luma(pixels: NDArray[np.uint8]) -> Plane:
    """Luma (H, W) in 0..255, not rounded, of (H, W, 3) RGB; BT.601, full range."""
    return np.asarray(pixels @ LUMA_WEIGHTS)


def ssim(a: Plane, b: Plane) -> float:
    """Structural similarity of two lumas (H, W) in 0..255 as Wang et al. define it.

    11x11 Gaussian window of sigma 1.5, population moments, mean over the windows that lie inside. InputError
    for different sizes and for sides of less than 11 px.
    """
    from skimage.metrics import structural_similarity

    if a.shape != b.shape or min(a.shape) < SSIM_WINDOW:
        raise InputError(
            f"found pictures of {a.shape[1]}x{a.shape[0]} and {b.shape[1]}x{b.shape[0]} px, expected one "
            f"size with sides of at least {SSIM_WINDOW} px; leave the pair out"
        )
    return float(
        structural_similarity(
            a, b, data_range=255, gaussian_weights=True, sigma=SSIM_SIGMA, use_sample_covariance=False
        )
    )


def jnd_similarity(plane: Plane, sign: Sign, rng: random.Random) -> float:
    """SSIM between a luma and its JND image; `rng` is drawn from where signs are random."""
    signs = None
    if sign == "random":
        signs = np.random.default_rng(rng.getrandbits(64)).choice(np.array([-1, 1]), size=plane.shape)
    return ssim(plane, jnd_image(plane, jnd_map(plane), signs))
