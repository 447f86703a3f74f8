"""BRISQUE: a support vector machine over the statistics of a whole picture; low is good, 0 to 100.

Mittal, Moorthy and Bovik, "No-reference image quality assessment in the spatial domain", 2012. The steps are
those of its authors' MATLAB program: the picture ends in zeros where the window reaches beyond it, and the
features are brought to -1 to 1 by the ranges of its training. In flat areas rounding errors decide there what
counts as below or above 0; here what is nearly 0 is 0, as in our NIQE. So the two differ by some points on
pictures with flat areas, and by 0.001 on others.

The machine is a file of the `--metric-weights` folder: `brisque_svm_allmodel.txt` or `allmodel`, in the text
form of LIBSVM, as the authors' release has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import gamma

from eval.metrics.full_reference import Array, full_luma
from eval.metrics.niqe import SHAPES, fit_asymmetric, halve, local_contrast
from eval.metrics.rows import Measure, MetricUnavailable
from uare.errors import InputError

NUM_FEATURES = 36
LEAST_PX = 16  # of a side: the window has to fit at half the size too
_FILES = ("brisque_svm_allmodel.txt", "allmodel")
# Shifts (down, right) to the neighbours whose products are looked at.
_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (-1, 1))
# Least and largest value of each feature in the authors' training: shape and variance of the values, then
# shape, mean and two variances of four products; then the same at half the size.
_RANGES = (
    (0.338, 10),
    (0.017204, 0.806612),
    (0.236, 1.642),
    (-0.123884, 0.20293),
    (0.000155, 0.712298),
    (0.001122, 0.470257),
    (0.244, 1.641),
    (-0.123586, 0.179083),
    (0.000152, 0.710456),
    (0.000975, 0.470984),
    (0.249, 1.555),
    (-0.135687, 0.100858),
    (0.000174, 0.684173),
    (0.000913, 0.534174),
    (0.258, 1.561),
    (-0.143408, 0.100486),
    (0.000179, 0.685696),
    (0.000888, 0.536508),
    (0.471, 3.264),
    (0.012809, 0.703171),
    (0.218, 1.046),
    (-0.094876, 0.187459),
    (1.5e-05, 0.442057),
    (0.001272, 0.40803),
    (0.222, 1.042),
    (-0.115772, 0.162604),
    (1.6e-05, 0.444362),
    (0.001374, 0.40243),
    (0.227, 0.996),
    (-0.117188, 0.098323),
    (3e-05, 0.531903),
    (0.001122, 0.369589),
    (0.228, 0.99),
    (-0.12243, 0.098658),
    (2.8e-05, 0.530092),
    (0.001118, 0.370399),
)


@dataclass(frozen=True, kw_only=True)
class SupportVectors:
    """A regression by radial basis functions, sum of `weights` * exp(-gamma * distance²) less `rho`."""

    vectors: Array  # (n, 36)
    weights: Array  # (n,)
    gamma: float
    rho: float

    def __call__(self, features: Array) -> float:
        distances = ((self.vectors - features) ** 2).sum(axis=1)
        return float(self.weights @ np.exp(-self.gamma * distances) - self.rho)


def load_brisque(weights: Path | None) -> Measure:
    """The function of the row `brisque`; MetricUnavailable without a file of the machine."""
    machine = read_support_vectors(weights)
    return lambda image, reference: brisque(image, machine)


def read_support_vectors(weights: Path | None) -> SupportVectors:
    """Reads LIBSVM's text from the folder of weights; MetricUnavailable if there is none of use."""
    wanted = " or ".join(_FILES)
    if weights is None:
        raise MetricUnavailable(f"BRISQUE needs its machine: give the folder of {wanted} as --metric-weights")
    file = next((weights / name for name in _FILES if (weights / name).is_file()), None)
    if file is None:
        raise MetricUnavailable(f"no {wanted} in {weights}, which BRISQUE needs")
    try:
        head, _, body = file.read_text(encoding="ascii").partition("\nSV\n")
        settings = dict(line.split(" ", 1) for line in head.splitlines())
        if (settings["svm_type"], settings["kernel_type"]) != ("epsilon_svr", "rbf"):
            raise ValueError("expected svm_type epsilon_svr and kernel_type rbf")
        rows = [line.split() for line in body.splitlines()]
        vectors = np.zeros((len(rows), NUM_FEATURES))
        for vector, (_, *entries) in zip(vectors, rows, strict=True):
            for entry in entries:
                place, value = entry.split(":")
                vector[int(place) - 1] = float(value)
        return SupportVectors(
            vectors=vectors,
            weights=np.array([float(row[0]) for row in rows]),
            gamma=float(settings["gamma"]),
            rho=float(settings["rho"]),
        )
    except (OSError, KeyError, ValueError, IndexError) as error:
        raise MetricUnavailable(f"{file} holds no machine of BRISQUE ({error})") from error


def brisque(image: Array, machine: SupportVectors) -> float:
    """BRISQUE of an (H, W, 3) picture in [0, 1]; NaN for one flat colour, which has no statistics.

    InputError for sides below 16 px.
    """
    height, width = image.shape[:2]
    if min(height, width) < LEAST_PX:
        raise InputError(f"found a picture of {width}x{height} px, BRISQUE needs {LEAST_PX} px a side")
    luma = np.round(np.round(255 * full_luma(image), 4))  # see eval.metrics.niqe
    half = halve(luma[: height // 2 * 2, : width // 2 * 2] / 255) * 255
    features = np.concatenate([_features(local_contrast(plane, "constant")) for plane in (luma, half)])
    low, high = np.array(_RANGES).T
    return machine(2 * (features - low) / (high - low) - 1)


def _features(contrast: Array) -> Array:
    """(18,): shape and variance of the values, then shape, mean and two variances of four products."""
    variance = np.mean(contrast**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        flatness = variance / np.mean(np.abs(contrast)) ** 2
    ratios = gamma(1 / SHAPES) * gamma(3 / SHAPES) / gamma(2 / SHAPES) ** 2
    features = [SHAPES[np.argmin(np.abs(ratios - flatness))], variance]
    for shift in _NEIGHBOURS:
        product = contrast * np.roll(contrast, shift, axis=(0, 1))
        shape, left, right = (float(one[0]) for one in fit_asymmetric(product[None]))
        width = gamma(1 / shape) / gamma(3 / shape)  # squared: widths are given, variances wanted
        mean = (right - left) * gamma(2 / shape) / gamma(1 / shape)
        features += [shape, mean, left**2 / width, right**2 / width]
    return np.array(features)
