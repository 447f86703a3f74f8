"""Samples: the raw numbers of a picture, (H, W, C), in whatever form it was handed in.

C = 1 grey, 2 grey-alpha, 3 RGB, 4 RGBA, alpha straight; uint8 or uint16 at full range, or float32 in [0, 1].
"""

from io import BytesIO
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from torch import Tensor

from uare.errors import InputError

Samples: TypeAlias = NDArray[np.uint8 | np.uint16 | np.float32]


def samples_of_pillow(image: Image.Image, name: str) -> Samples:
    """Samples (H, W, C) of whatever mode Pillow holds: uint16 for its 16-bit and float modes, else uint8."""
    image.load()
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)[..., None]
        return _grey_samples(values, image.info.get("transparency"), name)
    if image.mode == "LAB":
        raise InputError(f"{name} is in Lab colours, expected RGB, grey or CMYK; save it as RGB first")
    wanted = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
    if image.has_transparency_data:
        wanted += "A"
        if image.mode in ("La", "RGBa"):  # premultiplied modes convert only to their straight partner
            image = image.convert(wanted)
    samples = np.asarray(image if image.mode == wanted else image.convert(wanted))
    return samples[..., None] if wanted == "L" else samples


def _grey_samples(values: NDArray[Any], transparent: object, name: str) -> NDArray[np.uint16]:
    """uint16 samples of a one-channel picture (H, W, 1) of Pillow's integer and float modes."""
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f":
        if not (low >= 0 and high <= 1):  # false for NaN too
            raise InputError(
                f"{name} holds float values from {low:g} to {high:g}, expected 0 to 1; scale it first"
            )
        return (values * np.float32(65535)).round().astype(np.uint16)
    if low < 0 or high > 65535:
        raise InputError(
            f"{name} holds values from {low:g} to {high:g}, expected 16 bits; save it as 16-bit first"
        )
    samples = values.astype(np.uint16)
    if not isinstance(transparent, int):
        return samples
    return np.concatenate([samples, np.where(samples == transparent, 0, 65535).astype(np.uint16)], -1)


def rgb_of_cmyk(image: Image.Image) -> tuple[Image.Image, str]:
    """RGB picture of a CMYK one, and how it was made: by its colour profile if it has one that fits."""
    profile = image.info.get("icc_profile")
    if not profile:
        return image.convert("RGB"), "without a colour profile"
    try:
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, BytesIO(profile), srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        converted = None
    if converted is None:
        return image.convert("RGB"), "without its colour profile, which does not fit"
    return converted, "by its colour profile, which was then dropped"


def samples_of_array(array: NDArray[Any]) -> Samples:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or not 1 <= array.shape[-1] <= 4:
        raise InputError(
            f"an array of shape {array.shape} is no photo; "
            "expected (H, W) or (H, W, C) with 1 to 4 channels, channels last"
        )
    if array.size == 0:
        raise InputError(f"an array of shape {array.shape} has no pixels; pass at least 1x1")
    if array.dtype in (np.uint8, np.uint16):
        return np.ascontiguousarray(array)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind != "f":
        raise InputError(f"an array of {array.dtype} is no photo; expected uint8, uint16, or float in [0, 1]")
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError("the float photo holds values that are not finite numbers; replace them first")
    # Interpolation and float arithmetic overshoot a little; a photo in 0..255 or -1..1 overshoots a lot.
    if low < -0.01 or high > 1.01:
        raise InputError(
            f"the float photo spans {low:g} to {high:g}, expected 0 to 1; scale or clip it first"
        )
    return array.astype(np.float32)


def samples_of_tensor(tensor: Tensor) -> Samples:
    shape = tuple(tensor.shape)
    if tensor.ndim == 4 and shape[0] == 1:
        tensor = tensor[0]
    if tensor.ndim != 3 or not 1 <= tensor.shape[0] <= 4:
        raise InputError(
            f"a tensor of shape {shape} is no photo; expected (C, H, W) or (1, C, H, W) with 1 to 4 channels"
        )
    if tensor.is_floating_point():
        tensor = tensor.float()
    return samples_of_array(tensor.detach().cpu().permute(1, 2, 0).numpy())  # (H, W, C)


def upright(samples: Samples, orientation: int) -> Samples:
    """Samples turned and mirrored as EXIF orientation 1..8 asks (EXIF 2.32, 4.6.4 A)."""
    if orientation >= 5:  # rows and columns are swapped first
        samples = samples.transpose(1, 0, 2)
    row_step = -1 if orientation in (3, 4, 7, 8) else 1
    column_step = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(samples[::row_step, ::column_step])
