"""How far a picture is from its reference: PSNR, SSIM and GMSD as pure functions on arrays.

Every function takes two (H, W, 3) float arrays of RGB in [0, 1] and returns a float. The exact recipe of
each is in its docstring, because the same name under another recipe differs by up to 1.4 dB. Reading files
is left to `eval.pictures`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d
from scipy.signal import convolve2d

from uare.errors import InputError

Array = NDArray[np.float64]

# Studio-range luma of BT.601 for R, G, B in [0, 1]: black is 16 and white 235.
LUMA_WEIGHTS = np.array([65.481, 128.553, 24.966])
LUMA_OFFSET = 16.0
# Full-range luma of the same standard, the Y of YIQ: black is 0 and white 1.
FULL_LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114])
# Keeps the PSNR of equal pictures finite (80 dB), as in pyiqa.
MSE_FLOOR = 1e-8
SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
# Full-range grey of MATLAB's rgb2gray, in which the authors of GMSD computed it.
GREY_WEIGHTS = np.array([0.298936021293775, 0.587043074451121, 0.114020904255103])
GMSD_CONSTANT = 170.0


def studio_luma(image: Array) -> Array:
    """Luma (H, W) in [16, 235], not rounded, of an (H, W, 3) picture in [0, 1] (BT.601, studio range)."""
    return image @ LUMA_WEIGHTS + LUMA_OFFSET


def full_luma(image: Array) -> Array:
    """Luma (H, W) in [0, 1] of an (H, W, 3) picture in [0, 1] (BT.601, full range)."""
    return image @ FULL_LUMA_WEIGHTS


def psnr(image: Array, reference: Array) -> float:
    """Peak signal-to-noise ratio over all RGB values, in dB, at most 80; no border is cut."""
    check_pair(image, reference)
    return _decibels(image, reference)


def psnr_y(image: Array, reference: Array) -> float:
    """PSNR of the unrounded studio-range luma divided by 255, in dB, at most 80; no border is cut.

    Agrees with pyiqa's `psnr(test_y_channel=True, color_space="ycbcr")`, the convention of the OSEDiff logs.
    """
    check_pair(image, reference)
    return _decibels(studio_luma(image) / 255, studio_luma(reference) / 255)


def psnr_y_full(image: Array, reference: Array) -> float:
    """PSNR of the unrounded full-range luma, in dB, at most 80: 1.32 dB below `psnr_y` of the same pictures.

    Agrees with pyiqa's `psnr(test_y_channel=True)`, whose colour space is YIQ unless another is named.
    """
    check_pair(image, reference)
    return _decibels(full_luma(image), full_luma(reference))


def psnr_aligned(image: Array, reference: Array) -> float:
    """PSNR over RGB after the picture was scaled to the reference's mean luma, in dB, at most 80.

    Papers on low light do this, because a photographed pair differs in exposure. It uses the reference to
    mend the result and stands beside `psnr`, never in its place. An all-black picture is left as it is.
    """
    check_pair(image, reference)
    mean = full_luma(image).mean()
    factor = full_luma(reference).mean() / mean if mean > 0 else 1.0
    return _decibels(np.clip(image * factor, 0, 1), reference)


def ssim_y(image: Array, reference: Array) -> float:
    """Structural similarity of luma, in [0, 1]: 11x11 Gaussian window of sigma 1.5, valid area, full size.

    Luma is rounded to integers and the contrast-structure term cut off below at 0, as in pyiqa's
    `ssim(test_y_channel=True, color_space="ycbcr")`; without either the value moves by up to 0.02.
    """
    check_pair(image, reference, smallest_side=SSIM_WINDOW)
    return _plane_ssim(np.round(studio_luma(image)), np.round(studio_luma(reference)))


def ssim_y_full(image: Array, reference: Array) -> float:
    """`ssim_y` of the full-range luma, rounded to integers of 0 to 255: pyiqa's plain `ssim`."""
    check_pair(image, reference, smallest_side=SSIM_WINDOW)
    return _plane_ssim(np.round(255 * full_luma(image)), np.round(255 * full_luma(reference)))


def ssim(image: Array, reference: Array) -> float:
    """Mean of the structural similarities of R, G and B, each as in `ssim_y` but not rounded."""
    check_pair(image, reference, smallest_side=SSIM_WINDOW)
    planes = [_plane_ssim(255 * image[..., c], 255 * reference[..., c]) for c in range(3)]
    return float(np.mean(planes))


def gmsd(image: Array, reference: Array) -> float:
    """Gradient magnitude similarity deviation, from 0 (equal structure) upwards: lower is better.

    Xue et al., IEEE TIP 2014: grey rounded to integers, averaged over 2x2 and halved, Prewitt gradients,
    constant 170, unbiased standard deviation of the similarity map.
    """
    check_pair(image, reference, smallest_side=4)
    gradient_a, gradient_b = _gradient_magnitude(image), _gradient_magnitude(reference)
    energy = gradient_a**2 + gradient_b**2
    similarity = (2 * gradient_a * gradient_b + GMSD_CONSTANT) / (energy + GMSD_CONSTANT)
    return float(np.std(similarity, ddof=1))


def check_pair(image: Array, reference: Array, smallest_side: int = 1) -> None:
    if image.shape != reference.shape or image.ndim != 3 or image.shape[2] != 3:
        raise InputError(
            f"found arrays of shapes {image.shape} and {reference.shape}, expected two of one shape (H, W, 3)"
        )
    if min(image.shape[:2]) < smallest_side:
        height, width = image.shape[:2]
        raise InputError(
            f"found a picture of {width}x{height} px, expected sides of at least {smallest_side} px"
        )


def _decibels(image: Array, reference: Array) -> float:
    return float(-10 * np.log10(np.mean((image - reference) ** 2) + MSE_FLOOR))


def _plane_ssim(x: Array, y: Array) -> float:
    """Mean similarity of two (H, W) planes in 0 to 255, the contrast-structure term cut off below at 0."""
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_x, mean_y = _gaussian_mean(x), _gaussian_mean(y)
    variance_x = _gaussian_mean(x * x) - mean_x**2
    variance_y = _gaussian_mean(y * y) - mean_y**2
    covariance = _gaussian_mean(x * y) - mean_x * mean_y
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return float(np.mean(luminance * np.maximum(structure, 0)))


def _gaussian_mean(plane: Array) -> Array:
    """Weighted mean of each whole window of an (H, W) plane: (H - 10, W - 10)."""
    offsets = np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2
    kernel = np.exp(-(offsets**2) / (2 * SSIM_SIGMA**2))
    kernel /= kernel.sum()
    margin = SSIM_WINDOW // 2
    smooth = correlate1d(correlate1d(plane, kernel, axis=0), kernel, axis=1)
    return smooth[margin:-margin, margin:-margin]


def _gradient_magnitude(image: Array) -> Array:
    """Prewitt gradient magnitude (H/2, W/2) of the rounded grey; zeros outside, as in MATLAB's conv2."""
    grey = np.round(255 * (image @ GREY_WEIGHTS))
    halved = convolve2d(grey, np.full((2, 2), 0.25))[1:, 1:][::2, ::2]
    prewitt = np.array([[1.0, 0.0, -1.0]] * 3) / 3
    across = convolve2d(halved, prewitt, mode="same")
    down = convolve2d(halved, prewitt.T, mode="same")
    return np.hypot(across, down)
