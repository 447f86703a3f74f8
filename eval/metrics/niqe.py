"""NIQE: how far the statistics of a picture's patches are from those of pristine photographs; low is good.

Mittal, Soundararajan and Bovik, "Making a completely blind image quality analyzer", 2013. In float64 on the
processor, because float32 and graphics cards move the value. Luma is the full-range one rounded to integers
and the half size is made by an anti-aliased bicubic filter, as in pyiqa, whose values papers print.

One step is made firm: in a flat area the mean-subtracted values are 0 up to the last bit, and the method
counts how many are below and above 0. Other programs count rounding errors there, so two of them differ by
up to 5 % on a picture with large flat areas; here what is nearly 0 is 0.

The pristine model is a file of the `--metric-weights` folder: `niqe_pris_params.npz` with `mu_pris_param`
(1, 36) and `cov_pris_param` (36, 36), as BasicSR ships it, or `niqe_modelparameters.mat` with `mu_prisparam`
and `cov_prisparam`, as its authors and pyiqa do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.ndimage import correlate1d
from scipy.special import gamma

from eval.metrics.full_reference import Array, full_luma
from eval.metrics.rows import Measure, MetricUnavailable
from uare.errors import InputError

BLOCK = 96  # side of a patch in pixels, half of it at the second scale
NUM_FEATURES = 36
_FILES = {
    "niqe_pris_params.npz": ("mu_pris_param", "cov_pris_param"),
    "niqe_modelparameters.mat": ("mu_prisparam", "cov_prisparam"),
}
_WINDOW, _SIGMA = 7, 7 / 6
_NEARLY_ZERO = 1e-9  # far above rounding errors (1e-13), far below one grey level (1e-2)
SHAPES = np.arange(200, 10001) / 1000  # shape parameters that are tried
# Shifts (down, right) to the neighbours whose products are looked at.
_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


@dataclass(frozen=True, kw_only=True)
class PristineModel:
    """Mean (36,) and covariance (36, 36) of the features of pristine patches."""

    mean: Array
    covariance: Array


def load_niqe(weights: Path | None) -> Measure:
    """The function of the row `niqe`; MetricUnavailable without a file of the pristine model."""
    model = read_pristine_model(weights)
    return lambda image, reference: niqe(image, model)


def read_pristine_model(weights: Path | None) -> PristineModel:
    """Reads the pristine model from the folder of weights; MetricUnavailable if there is none of use."""
    wanted = " or ".join(_FILES)
    if weights is None:
        raise MetricUnavailable(
            f"NIQE needs a pristine model: give the folder of {wanted} as --metric-weights"
        )
    for name, (mean_key, covariance_key) in _FILES.items():
        file = weights / name
        if not file.is_file():
            continue
        try:
            # No pickles: an array file of unknown origin must not run code.
            content = np.load(file, allow_pickle=False) if file.suffix == ".npz" else loadmat(str(file))
            mean = np.asarray(content[mean_key], dtype=np.float64).reshape(NUM_FEATURES)
            covariance = np.asarray(content[covariance_key], dtype=np.float64)
            covariance = covariance.reshape(NUM_FEATURES, NUM_FEATURES)
        except (OSError, KeyError, ValueError) as error:
            raise MetricUnavailable(f"{file} holds no pristine model of NIQE ({error})") from error
        return PristineModel(mean=mean, covariance=covariance)
    raise MetricUnavailable(f"no {wanted} in {weights}, which NIQE needs")


def niqe(image: Array, model: PristineModel) -> float:
    """NIQE of an (H, W, 3) picture in [0, 1]; sides are cut to whole patches of 96 px from the top left.

    InputError if not even two patches fit: one has no covariance.
    """
    rows, columns = image.shape[0] // BLOCK, image.shape[1] // BLOCK
    if rows * columns < 2:
        height, width = image.shape[:2]
        raise InputError(
            f"found a picture of {width}x{height} px, NIQE needs two patches of {BLOCK}x{BLOCK} px"
        )
    # Weights in thousandths make ties at exactly one half; the first rounding takes float noise off them.
    luma = np.round(np.round(255 * full_luma(image[: rows * BLOCK, : columns * BLOCK]), 4))
    features = np.concatenate(
        [
            _patch_features(local_contrast(luma), BLOCK),
            _patch_features(local_contrast(halve(luma / 255) * 255), BLOCK // 2),
        ],
        axis=1,
    )  # (patches, 36)
    # A patch of one flat colour has no statistics: its features are not numbers and do not count.
    mean = np.nanmean(features, axis=0)
    whole = features[~np.isnan(features).any(axis=1)]
    covariance = np.cov(whole, rowvar=False)
    difference = model.mean - mean
    spread = np.linalg.pinv((model.covariance + covariance) / 2)
    return float(np.sqrt(difference @ spread @ difference))


def local_contrast(plane: Array, beyond: str = "nearest") -> Array:
    """Mean-subtracted, contrast-normalised values (H, W) of a plane in 0 to 255.

    beyond: what the window sees outside, "nearest" for the edge repeated, "constant" for zeros.
    """
    mean = _blur(plane, beyond)
    deviation = np.sqrt(np.abs(_blur(plane * plane, beyond) - mean**2))
    contrast = (plane - mean) / (deviation + 1)
    return np.where(np.abs(contrast) < _NEARLY_ZERO, 0, contrast)


def _blur(plane: Array, beyond: str) -> Array:
    offsets = np.arange(_WINDOW) - _WINDOW // 2
    kernel = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    kernel /= kernel.sum()
    return correlate1d(correlate1d(plane, kernel, axis=0, mode=beyond), kernel, axis=1, mode=beyond)


def _patch_features(contrast: Array, block: int) -> Array:
    """(patches, 18): shape and width of the values, then shape, mean and two widths of four products."""
    rows, columns = contrast.shape[0] // block, contrast.shape[1] // block
    patches = contrast.reshape(rows, block, columns, block).swapaxes(1, 2).reshape(-1, block, block)
    shape, left, right = fit_asymmetric(patches)
    features = [shape, (left + right) / 2]
    for shift in _NEIGHBOURS:
        shape, left, right = fit_asymmetric(patches * np.roll(patches, shift, axis=(1, 2)))
        mean = (right - left) * (gamma(2 / shape) / gamma(1 / shape))
        features += [shape, mean, left, right]
    return np.stack(features, axis=1)


def fit_asymmetric(patches: Array) -> tuple[Array, Array, Array]:
    """Shape and the two widths of an asymmetric generalised Gaussian, by moments, of each (n, b, b) patch."""
    values = patches.reshape(len(patches), -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        left = _root_mean_square(values, values < 0)
        right = _root_mean_square(values, values > 0)
        ratio = left / right
        flatness = np.mean(np.abs(values), axis=1) ** 2 / np.mean(values**2, axis=1)
        target = flatness * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    # The table rises with the shape, so the nearest entry is one of two neighbours.
    table = _moment_ratios()
    upper = np.clip(np.searchsorted(table, target), 1, len(table) - 1)
    nearest = np.where(target - table[upper - 1] <= table[upper] - target, upper - 1, upper)
    shape = np.where(np.isnan(target), np.nan, SHAPES[nearest])
    width = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * width, right * width


def _root_mean_square(values: Array, chosen: np.ndarray) -> Array:
    return np.sqrt((values**2 * chosen).sum(axis=1) / chosen.sum(axis=1))


@cache
def _moment_ratios() -> Array:
    return gamma(2 / SHAPES) ** 2 / (gamma(1 / SHAPES) * gamma(3 / SHAPES))


def halve(plane: Array) -> Array:
    """A plane (H, W) of even sides at half size, (H/2, W/2): cubic filter over 8 pixels, edges mirrored.

    The cubic of a = -0.5 stretched by two, which is what MATLAB's imresize does when it makes smaller.
    """
    for axis in (0, 1):
        moved = np.moveaxis(plane, axis, -1)
        padded = np.pad(moved, ((0, 0), (4, 4)), mode="symmetric")
        size = moved.shape[-1] // 2
        # Output k lies between inputs 2k and 2k + 1.
        smaller = sum(
            weight * padded[..., tap + 1 : tap + 1 + 2 * size : 2]
            for tap, weight in enumerate(_half_kernel())
        )
        plane = np.moveaxis(np.asarray(smaller), -1, axis)
    return plane


@cache
def _half_kernel() -> Array:
    distance = np.abs(np.arange(8) - 3.5) / 2
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    kernel = np.where(distance <= 1, near, np.where(distance <= 2, far, 0))
    return kernel / kernel.sum()
