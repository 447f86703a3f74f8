"""Too sharp, too much, too little, without a reference: the result beside the input that it was made from.

The result is degraded again, by the blur that brings it closest to the input, and compared with it; what the
input cannot show is judged by what photos have in common: octaves of about the same energy, and fine detail
where there is coarse. Ten such features go into a small linear classifier (`generation_blind.json`, fitted by
`eval/generation_fit.py` on made-up cases). It is a hint and no proof: nine of ten made-up cases come out
right, but photographed originals are softer and noisier than what they were made of, and of 20 references of
RealSR it found fault with 13.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter

from eval.generation_cases import FAITHFUL, KINDS
from eval.metrics import Array
from eval.metrics.full_reference import full_luma
from uare.errors import InputError

FEATURES = (
    "consistency",  # strength of the input's detail in the degraded result
    "contradiction",  # energy of what the degraded result shows and the input does not, over the input's
    "octave 1-2 over 4-8",  # energies of bands of the result in px, base-2 logarithms
    "octave 0-1 over 2-4",
    "octave 1-2 over 2-4",
    "place of 1-2 and 4-8",  # correlation of local energies: fine detail lies where coarse is
    "place of 0-1 and 2-4",
    "busy over flat",  # fine energy where the coarse band is strong, over that where it is weak
    "overshoot",  # energy outside the range of the smoothed neighbourhood, over that range's
    "peakedness",  # detail of photos is rare and strong, noise and clutter are everywhere
)
_WEIGHTS_FILE = Path(__file__).with_name("generation_blind.json")
_BLURS_PX = (0.0, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8)  # of the input's pixels, tried in turn
_OCTAVES_PX = (1, 2, 4, 8)
_TINY = 1e-6  # a quarter of a grey level squared


@dataclass(frozen=True, kw_only=True)
class BlindVerdict:
    """What seems to have become of the detail of one picture."""

    kind: str  # one of KINDS, the most probable
    probabilities: dict[str, float]  # by kind

    @property
    def severity(self) -> float:
        """Probability that something is wrong, for ordering the worst cases."""
        return 1 - self.probabilities[FAITHFUL]


@dataclass(frozen=True, kw_only=True)
class LinearClassifier:
    """Probability of each kind: softmax of `weights` times the standardised features and 1."""

    mean: Array  # (10,) of the features it was fitted on
    deviation: Array  # (10,)
    weights: Array  # (11, 4), the last row is added

    def probabilities(self, features: Array) -> Array:
        """(n, 4) of (n, 10) features."""
        standard = (features - self.mean) / self.deviation
        logits = standard @ self.weights[:-1] + self.weights[-1]
        logits -= logits.max(axis=1, keepdims=True)
        return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def judge_detail_blind(result: Array, lq: Array) -> BlindVerdict:
    """Judges a result (s*H, s*W, 3) by the input (H, W, 3) that it was made from, both in [0, 1]."""
    (probabilities,) = _classifier().probabilities(blind_features(result, lq)[None])
    return BlindVerdict(
        kind=KINDS[int(probabilities.argmax())],
        probabilities=dict(zip(KINDS, map(float, probabilities), strict=True)),
    )


def blind_features(result: Array, lq: Array) -> Array:
    """The ten `FEATURES` of a result and its input; InputError if their sizes do not fit."""
    scale = result.shape[0] // lq.shape[0]
    if scale < 1 or result.shape != (lq.shape[0] * scale, lq.shape[1] * scale, 3):
        raise InputError(f"found a result of shape {result.shape} for an input of shape {lq.shape}")
    luma, of_input = full_luma(result), full_luma(lq)
    luma = luma * (of_input.mean() / max(float(luma.mean()), _TINY))  # exposure is no matter of detail
    degraded = _degraded_again(luma, of_input, scale)
    shown, seen = _band(degraded, 1, 2), _band(of_input, 1, 2)
    energy = (seen**2).sum() + _TINY * seen.size
    consistency = (shown * seen).sum() / energy
    contradiction = ((shown - consistency * seen) ** 2).sum() / energy

    bands = [luma - gaussian_filter(luma, 1), *(_band(luma, px, 2 * px) for px in _OCTAVES_PX)]
    energies = [float(np.log2((band**2).mean() + _TINY)) for band in bands]
    places = [np.log2(gaussian_filter(band**2, 4) + _TINY) for band in bands]
    flat, busy = (places[3] < np.quantile(places[3], 1 / 3)), (places[3] > np.quantile(places[3], 2 / 3))
    return np.array(
        [
            consistency,
            contradiction,
            energies[1] - energies[3],
            energies[0] - energies[2],
            energies[1] - energies[2],
            _correlation(places[1], places[3]),
            _correlation(places[0], places[2]),
            places[1][busy].mean() - places[1][flat].mean() if busy.any() and flat.any() else 0.0,
            _overshoot(luma),
            np.log2(((bands[1] ** 4).mean() + _TINY**2) / ((bands[1] ** 2).mean() + _TINY) ** 2),
        ]
    )


def _degraded_again(luma: Array, of_input: Array, scale: int) -> Array:
    """The result at the input's size, blurred as brings its detail closest to the input's."""
    candidates = []
    for blur in _BLURS_PX:
        soft = gaussian_filter(luma, blur * scale) if blur else luma
        small = soft.reshape(of_input.shape[0], scale, of_input.shape[1], scale).mean(axis=(1, 3))
        difference = small - of_input
        distance = float(((difference - gaussian_filter(difference, 4)) ** 2).mean())
        candidates.append((distance, blur, small))
    return min(candidates, key=lambda one: one[:2])[2]


def _band(plane: Array, fine_px: float, coarse_px: float) -> Array:
    return gaussian_filter(plane, fine_px) - gaussian_filter(plane, coarse_px)


def _correlation(a: Array, b: Array) -> float:
    if np.ptp(a) < _TINY or np.ptp(b) < _TINY:
        return 0.0
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def _overshoot(luma: Array) -> float:
    smooth = gaussian_filter(luma, 1.5)
    top, bottom = maximum_filter(smooth, 9), minimum_filter(smooth, 9)
    outside = np.maximum(luma - top, 0) + np.maximum(bottom - luma, 0)
    return float(np.log2(((outside**2).mean() + _TINY / 1000) / (((top - bottom) ** 2).mean() + _TINY)))


@cache
def _classifier() -> LinearClassifier:
    content = json.loads(_WEIGHTS_FILE.read_text(encoding="utf-8"))
    return LinearClassifier(**{name: np.array(content[name]) for name in ("mean", "deviation", "weights")})
