"""How much each pixel may change before anybody notices: just noticeable differences by pattern complexity.

Wu, Li, Dong, Shi, Lin, Kuo, IEEE TIP 2017, on luma (H, W) in 0..255. Every stage is a function, and
`jnd_map` puts them together. Filters are correlations with zeros outside unless a docstring says otherwise.
The paper's text has log2(1 + contrast) in the pattern term where the authors' program has the contrast
itself; the constants belong to the program, which is followed here. Its protection of edges is left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate

Plane = NDArray[np.float64]  # (H, W) luma, or a quantity of each of its pixels

BACKGROUND = np.array(
    [[1, 1, 1, 1, 1], [1, 2, 2, 2, 1], [1, 2, 0, 2, 1], [1, 2, 2, 2, 1], [1, 1, 1, 1, 1]], dtype=np.float64
)  # sums to 32
MIDDLE = 127.0  # luma that the eye adapts to
LEAST_BACKGROUND = 32.0  # what black counts as: nobody looks at a screen in full darkness
CONTRAST_REACH = 2  # pixels on each side of a window
PLAIN_GRADIENT = 5.0  # a pixel with less gradient has no orientation
DEGREES_PER_BIN = 12.0
PLAIN_BIN = 16  # behind the bins 0..15 of 0..180 degrees
SMOOTHING = np.exp(-0.5 * np.arange(-1.0, 2.0) ** 2)  # normal density at -1, 0, 1, up to a factor
OVERLAP = 0.3  # share of the smaller of two thresholds that does not add up


def jnd_map(luma: Plane) -> Plane:
    """The threshold of each pixel, in the units of luma: adaptation and masking, less their overlap."""
    adaptation = luminance_adaptation(luma)
    contrast = luminance_contrast(luma)
    complexity = pattern_complexity(orientation_count(luma))
    masking = np.maximum(contrast_masking(contrast), pattern_masking(contrast, complexity))
    return np.asarray(adaptation + masking - OVERLAP * np.minimum(adaptation, masking))


def luminance_adaptation(luma: Plane) -> Plane:
    """What is hidden by the brightness around a pixel: most in the dark, least at mid-grey."""
    background = np.floor(correlate(luma, BACKGROUND, mode="constant") / BACKGROUND.sum())
    lifted = LEAST_BACKGROUND + background * (MIDDLE - LEAST_BACKGROUND) / MIDDLE
    # the millionth makes halves round up, as the authors' program does, and not to even numbers
    background = np.where(background <= MIDDLE, np.round(lifted + 1e-6), background)
    dark = 17 * (1 - np.sqrt(background / MIDDLE)) + 3
    bright = 3 / 128 * (background - MIDDLE) + 3
    return np.asarray(0.7 * np.where(background < MIDDLE, dark, bright))


def luminance_contrast(luma: Plane) -> Plane:
    """Standard deviation in each 5x5 window; 0 where the window would leave the picture."""
    side = 2 * CONTRAST_REACH + 1
    window = np.full((side, side), 1 / side**2)
    mean = correlate(luma, window, mode="constant")
    variance = correlate(luma**2, window, mode="constant") - mean**2
    contrast = np.zeros(luma.shape)
    inside = slice(CONTRAST_REACH, -CONTRAST_REACH)
    contrast[inside, inside] = np.sqrt(np.maximum(variance[inside, inside], 0))
    return contrast


def contrast_masking(contrast: Plane) -> Plane:
    """What is hidden by contrast, of `luminance_contrast`."""
    return 0.115 * 16 * contrast**2.4 / (contrast**2 + 26**2)


def orientation_count(luma: Plane) -> NDArray[np.int64]:
    """How many different orientations meet in each 3x3 window, 1..9; 1 at plain pixels and at the border.

    The picture is continued by reflection, and plain pixels count as one orientation of their own.
    """
    padded = np.pad(luma, 1, mode="symmetric")
    across = padded[:, 2:] - padded[:, :-2]  # (H + 2, W)
    down = padded[2:] - padded[:-2]  # (H, W + 2)
    gradient_x = (across[:-2] + across[1:-1] + across[2:]) / 3
    gradient_y = (down[:, :-2] + down[:, 1:-1] + down[:, 2:]) / 3
    # whole degrees before folding: 90 and -90 then stay two orientations, as in the authors' program
    degrees = np.round(np.rad2deg(np.arctan2(gradient_y, gradient_x)) + 1e-6)
    degrees = np.where(degrees > 90, degrees - 180, np.where(degrees < -90, degrees + 180, degrees)) + 90
    bins = np.round(degrees / DEGREES_PER_BIN + 1e-6).astype(np.int64)
    plain = np.hypot(gradient_x, gradient_y) < PLAIN_GRADIENT
    bits = np.left_shift(1, np.where(plain, PLAIN_BIN, bins))  # each orientation is a bit
    seen = np.ones(luma.shape, dtype=np.int64)  # one bit: 1 at the border
    height, width = luma.shape
    if min(height, width) > 2:
        windows = [
            bits[row : height - 2 + row, column : width - 2 + column]
            for row in range(3)
            for column in range(3)
        ]
        seen[1:-1, 1:-1] = np.bitwise_or.reduce(windows)
    count = sum((seen >> place) & 1 for place in range(PLAIN_BIN + 1))
    return np.asarray(np.where(plain, 1, count))


def pattern_complexity(count: NDArray[np.int64]) -> Plane:
    """`orientation_count`, smoothed."""
    kernel = np.outer(SMOOTHING, SMOOTHING)
    return np.asarray(correlate(count.astype(np.float64), kernel / kernel.sum(), mode="constant"))


def pattern_masking(contrast: Plane, complexity: Plane) -> Plane:
    """What is hidden in an irregular pattern of this contrast."""
    return contrast * 0.3 * complexity**2.7 / (complexity**2 + 1)
