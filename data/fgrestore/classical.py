"""Restorers that everybody has: filters of scikit-image and SciPy, each at several strengths.

Results of neighbouring strengths differ a little, which is what fine-grained pairs are made of. A function
takes and returns an (H, W, 3) float array in [0, 1]. No filter looks at the reference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, median_filter
from skimage.exposure import adjust_sigmoid, equalize_adapthist, rescale_intensity
from skimage.restoration import denoise_bilateral, denoise_nl_means, denoise_tv_chambolle, richardson_lucy

from uare.vocabulary import DEGRADATIONS

Image = NDArray[np.float64]  # (H, W, 3) in [0, 1]

SMOOTHED = ("noise", "jpeg", "rain")
SHARPENED = ("blur", "lowres")
DARK, PALE = ("lowlight",), ("haze",)


def is_meant_for(task: str, tasks: tuple[str, ...]) -> bool:
    """Says whether a restorer for some degradations is for a task: one of them, or none of the vocabulary."""
    return task in tasks or task not in DEGRADATIONS


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A row of `FILTERS`."""

    name: str
    function: Callable[[Image], Image]
    tasks: tuple[str, ...]

    def is_for(self, task: str) -> bool:
        """Says whether the filter is meant for a task; one outside the vocabulary gets every filter."""
        return is_meant_for(task, self.tasks)


def leave(image: Image) -> Image:
    """The image as it is: what a restorer that does nothing gives."""
    return image


def smooth(image: Image, *, sigma: float) -> Image:
    """Gaussian mean, sigma in pixels."""
    return np.asarray(gaussian_filter(image, sigma=(sigma, sigma, 0)))


def median(image: Image, *, side: int) -> Image:
    """Median of each window of `side` pixels and channel."""
    return np.asarray(median_filter(image, size=(side, side, 1)))


def bilateral(image: Image, *, spread: float) -> Image:
    """Mean over neighbours within 2 px of like colour; `spread` is that of colours."""
    return np.asarray(
        denoise_bilateral(image, win_size=7, sigma_color=spread, sigma_spatial=2, channel_axis=-1)
    )


def like_patches(image: Image, *, strength: float) -> Image:
    """Non-local means: mean over like 5x5 patches within 5 px."""
    return np.asarray(
        denoise_nl_means(
            image, patch_size=5, patch_distance=5, h=strength, sigma=strength, fast_mode=True, channel_axis=-1
        )
    )


def less_variation(image: Image, *, weight: float) -> Image:
    """Least total variation (Chambolle)."""
    return np.asarray(denoise_tv_chambolle(image, weight=weight, channel_axis=-1))


def sharpen(image: Image, *, sigma: float, amount: float) -> Image:
    """Adds `amount` times the difference to a Gaussian mean of `sigma` pixels."""
    return np.asarray(image + amount * (image - smooth(image, sigma=sigma)))


def deconvolve(image: Image, *, sigma: float) -> Image:
    """Richardson-Lucy, ten rounds, for a Gaussian blur of `sigma` pixels."""
    reach = int(np.ceil(3 * sigma))
    profile = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = np.outer(profile, profile)
    kernel /= kernel.sum()
    planes = [richardson_lucy(image[..., channel], kernel, num_iter=10) for channel in range(3)]
    return np.stack(planes, axis=-1)


def power(image: Image, *, gamma: float) -> Image:
    """Every value to the power of `gamma`: below 1 brightens."""
    return np.asarray(image**gamma)


def even_out(image: Image, *, limit: float) -> Image:
    """Contrast-limited adaptive histogram equalisation."""
    return np.asarray(equalize_adapthist(image, clip_limit=limit))


def stretch(image: Image, *, share: float) -> Image:
    """The range between the lowest and highest `share` per cent of values becomes 0 to 1."""
    low, high = np.percentile(image, [share, 100 - share])
    return (
        np.asarray(rescale_intensity(image, in_range=(low, high), out_range=(0, 1))) if low < high else image
    )


def steepen(image: Image, *, gain: float) -> Image:
    """A sigmoid curve around the mean."""
    return np.asarray(adjust_sigmoid(image, cutoff=float(image.mean()), gain=gain))


def _rows(
    name: str, function: Callable[..., Image], tasks: tuple[str, ...], **settings: tuple[float, ...]
) -> tuple[Filter, ...]:
    """A row for each place of the settings, named after the first of them."""
    first = next(iter(settings.values()))
    return tuple(
        Filter(
            name=f"{name}-{value:g}",
            function=partial(function, **{key: values[place] for key, values in settings.items()}),
            tasks=tasks,
        )
        for place, value in enumerate(first)
    )


FILTERS: tuple[Filter, ...] = (
    Filter(name="untouched", function=leave, tasks=tuple(DEGRADATIONS)),
    *_rows("smooth", smooth, SMOOTHED, sigma=(0.6, 1.0)),
    *_rows("median", median, SMOOTHED, side=(3, 5)),
    *_rows("bilateral", bilateral, SMOOTHED, spread=(0.05, 0.1)),
    *_rows("like-patches", like_patches, SMOOTHED, strength=(0.03, 0.06)),
    *_rows("less-variation", less_variation, SMOOTHED, weight=(0.03, 0.08)),
    *_rows("sharpen", sharpen, SHARPENED, amount=(0.5, 1.0, 2.0), sigma=(1.0, 1.0, 1.0)),
    *_rows("sharpen-wide", sharpen, SHARPENED, amount=(0.5, 1.0), sigma=(2.5, 2.5)),
    *_rows("deconvolve", deconvolve, SHARPENED, sigma=(0.8, 1.2, 1.8)),
    *_rows("power", power, DARK, gamma=(0.35, 0.45, 0.55, 0.7)),
    *_rows("power", power, PALE, gamma=(1.3, 1.6)),
    *_rows("even-out", even_out, DARK + PALE, limit=(0.005, 0.01, 0.02)),
    *_rows("stretch", stretch, DARK + PALE, share=(0.5, 3.0)),
    *_rows("steepen", steepen, PALE, gain=(5.0, 8.0)),
)


def restored(image: NDArray[np.uint8], row: Filter) -> NDArray[np.uint8]:
    """(H, W, 3) of 0..255 through a filter; what leaves the range is cut off."""
    return np.round(np.clip(row.function(image.astype(np.float64) / 255), 0, 1) * 255).astype(np.uint8)
