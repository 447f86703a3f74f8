"""Classical restorers that a learned one has to beat: plain functions, and one table of them.

Every function takes and returns an (H, W, 3) float array of RGB in [0, 1]. None of them knows the reference;
what they need to know about the picture (its noise, its brightness) they estimate from it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, median_filter
from skimage.exposure import equalize_adapthist
from skimage.restoration import denoise_bilateral, denoise_nl_means

from eval.metrics import Array
from uare.vocabulary import DEGRADATIONS

# The least noise that the denoisers assume, a tenth of an 8-bit step: a flat picture must not divide by zero.
LEAST_NOISE = 0.1 / 255
ANY_TYPE = tuple(DEGRADATIONS)
IDENTITY, BICUBIC = "identity", "bicubic"


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """One row of `BASELINES`: what it does, for which types, and how a smaller input is enlarged first."""

    name: str
    function: Callable[[Array], Array]
    types: tuple[str, ...]
    enlarge: Callable[[Array, int], Array]

    def applies_to(self, degradation: str) -> bool:
        """Says whether the baseline is meant for a type; one outside the vocabulary (a mix) gets them all."""
        return degradation in self.types or degradation not in DEGRADATIONS


def unchanged(image: Array) -> Array:
    """The picture itself."""
    return image


def median(image: Array) -> Array:
    """Median of each 3x3 window and channel."""
    return np.asarray(median_filter(image, size=(3, 3, 1), mode="reflect"))


def bilateral(image: Array) -> Array:
    """Mean over neighbours (sigma 2 px) of like colour (sigma: the estimated noise)."""
    spread = estimate_noise(image)
    return np.asarray(
        denoise_bilateral(image, win_size=9, sigma_color=spread, sigma_spatial=2, channel_axis=-1)
    )


def nonlocal_means(image: Array) -> Array:
    """Mean over like 5x5 patches within 6 px, at 0.8 times the estimated noise (scikit-image's advice)."""
    noise = estimate_noise(image)
    strength = 0.8 * noise
    return np.asarray(
        denoise_nl_means(
            image, patch_size=5, patch_distance=6, h=strength, sigma=noise, fast_mode=True, channel_axis=-1
        )
    )


def unsharp(image: Array) -> Array:
    """Adds the difference to a Gaussian blur of 2 px once."""
    # scikit-image's unsharp_mask gives coloured fog with channel_axis=-1 (0.26; right with 2).
    return np.clip(2 * image - gaussian_filter(image, sigma=(2, 2, 0)), 0, 1)


def auto_gamma(image: Array) -> Array:
    """Raises the picture to the power that takes its mean to mid-grey; all black or all white stays."""
    mean = float(image.mean())
    if not 0 < mean < 1:
        return image
    return np.asarray(image ** (np.log(0.5) / np.log(mean)))


def clahe(image: Array) -> Array:
    """Contrast-limited adaptive histogram equalisation of the HSV value, 8x8 fields, clip limit 0.01."""
    return np.asarray(equalize_adapthist(image, clip_limit=0.01))


def estimate_noise(image: Array) -> float:
    """Standard deviation of the noise: median size of the diagonal Haar detail / 0.6745, mean over channels.

    Donoho's estimate, at the second level: demosaicing and JPEG blur camera noise, so that the first level
    shows about 1/255 of it where 6/255 are there. Written out because scikit-image's own looks at the first
    level and needs PyWavelets.
    """
    detail = _haar(_haar(image)[0])[1]
    sizes = np.abs(detail).reshape(-1, 3)
    per_channel = np.median(sizes, axis=0) / 0.6745 if len(sizes) else np.zeros(3)
    return max(float(per_channel.mean()), LEAST_NOISE)


def _haar(image: Array) -> tuple[Array, Array]:
    """Sums and diagonal details (H/2, W/2, 3) of each 2x2 block; white noise keeps its size."""
    even = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
    a, b, c, d = even[::2, ::2], even[::2, 1::2], even[1::2, ::2], even[1::2, 1::2]
    return (a + b + c + d) / 2, (a - b - c + d) / 2


def repeat_pixels(image: Array, scale: int) -> Array:
    """Enlarges (H, W, 3) to (scale*H, scale*W, 3) and changes no pixel: the picture as it came."""
    return image.repeat(scale, axis=0).repeat(scale, axis=1)


def enlarge_bicubic(image: Array, scale: int) -> Array:
    """Enlarges (H, W, 3) to (scale*H, scale*W, 3) by Pillow's bicubic filter, in float."""
    if scale == 1:
        return image
    size = (image.shape[1] * scale, image.shape[0] * scale)  # Pillow counts width first
    planes = [Image.fromarray(image[..., c].astype(np.float32)) for c in range(3)]
    large = np.stack([np.asarray(plane.resize(size, Image.Resampling.BICUBIC)) for plane in planes], axis=-1)
    return np.clip(large.astype(np.float64), 0, 1)


_SMOOTHED = ("noise", "jpeg", "rain")
_BRIGHTENED = ("lowlight", "haze")

BASELINES = (
    Baseline(name=IDENTITY, function=unchanged, types=ANY_TYPE, enlarge=repeat_pixels),
    Baseline(name="median", function=median, types=_SMOOTHED, enlarge=enlarge_bicubic),
    Baseline(name="bilateral", function=bilateral, types=_SMOOTHED, enlarge=enlarge_bicubic),
    Baseline(name="nonlocal-means", function=nonlocal_means, types=_SMOOTHED, enlarge=enlarge_bicubic),
    Baseline(name="unsharp", function=unsharp, types=("blur", "lowres"), enlarge=enlarge_bicubic),
    Baseline(name="gamma", function=auto_gamma, types=_BRIGHTENED, enlarge=enlarge_bicubic),
    Baseline(name="clahe", function=clahe, types=_BRIGHTENED, enlarge=enlarge_bicubic),
    Baseline(name=BICUBIC, function=unchanged, types=("lowres",), enlarge=enlarge_bicubic),
)
