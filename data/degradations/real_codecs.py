"""Real codecs: a photo written and read again, as JPEG, WebP, AVIF or as one intra frame of a video.

One image at a time, on the CPU, in whole numbers; the batched stand-in for JPEG is `jpeg.py`. Pillow holds
the still codecs; the video encoders are FFmpeg's, through PyAV (extra `media`), and which of them are there
depends on its build.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from PIL import Image, features
from torch import Tensor
from torch.nn import functional as F

from uare.errors import InputError
from uare.saving import to_pillow

SMALLEST_SIDE_PX = 16  # that x265 takes
STILL = ("jpeg", "webp", "avif")
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")


@dataclass(frozen=True, kw_only=True)
class VideoCodec:
    """A video encoder of FFmpeg: its strength is a quantiser (qscale) or rate factor (CRF), more is worse."""

    decoder: str
    strengths: tuple[int, int]  # that it accepts
    options: Callable[[int, str], dict[str, str]]  # from strength and preset


# Lower and upper bound on the same quantiser fix it. One pool thread keeps x265 repeatable and quiet.
def _qscale(strength: int, _: str) -> dict[str, str]:
    return {"qmin": str(strength), "qmax": str(strength)}


def _x264(strength: int, preset: str) -> dict[str, str]:
    return {"crf": str(strength), "preset": preset}


def _x265(strength: int, preset: str) -> dict[str, str]:
    return _x264(strength, preset) | {"x265-params": "log-level=error:pools=none:frame-threads=1"}


VIDEO: dict[str, VideoCodec] = {
    "mpeg2video": VideoCodec(decoder="mpeg2video", strengths=(1, 31), options=_qscale),
    "mpeg4": VideoCodec(decoder="mpeg4", strengths=(1, 31), options=_qscale),
    "libx264": VideoCodec(decoder="h264", strengths=(0, 51), options=_x264),
    "libx265": VideoCodec(decoder="hevc", strengths=(0, 51), options=_x265),
}


def jpeg_file(image: Tensor, quality: int, *, halve_chroma: bool = True) -> Tensor:
    """Image (3, H, W) in [0, 1] after a JPEG file of quality 1..100."""
    return _through_pillow(image, "JPEG", quality=_checked(quality, 1), subsampling=2 if halve_chroma else 0)


def webp_file(image: Tensor, quality: int, *, method: int = 4) -> Tensor:
    """Image (3, H, W) in [0, 1] after a lossy WebP file of quality 0..100; method 0..6 is its effort."""
    return _through_pillow(image, "WEBP", quality=_checked(quality, 0), method=method)


def avif_file(image: Tensor, quality: int, *, speed: int = 6) -> Tensor:
    """Image (3, H, W) in [0, 1] after an AVIF file of quality 0..100 with halved chroma; speed 0..10.

    Raises `InputError` where Pillow was built without AVIF.
    """
    if not features.check("avif"):
        raise InputError("this build of Pillow has no AVIF; install Pillow 11.3 or newer from PyPI")
    return _through_pillow(image, "AVIF", quality=_checked(quality, 0), speed=speed, max_threads=1)


def intra_frame(image: Tensor, encoder: str, strength: int, *, preset: str = "medium") -> Tensor:
    """Image (3, H, W) in [0, 1] after one intra frame of a video in yuv420p.

    `encoder` is a key of `VIDEO`; `strength` is its qscale (MPEG) or CRF (x264, x265), more is worse;
    `preset` is the effort of the latter. The edge pixels of odd or tiny sides are repeated and cut again.
    Raises `InputError` for an unknown encoder, strength or preset, and where PyAV or the encoder is missing.
    """
    if encoder not in VIDEO:
        raise InputError(f"found the encoder {encoder!r}, expected one of {', '.join(VIDEO)}")
    codec = VIDEO[encoder]
    lowest, highest = codec.strengths
    if not lowest <= strength <= highest or preset not in PRESETS:
        raise InputError(
            f"found strength {strength} and preset {preset!r} for {encoder}, expected {lowest} to {highest} "
            f"and one of {', '.join(PRESETS)}"
        )
    av = _pyav()
    height, width = image.shape[-2:]
    right, bottom = (max(side % 2, SMALLEST_SIDE_PX - side) for side in (width, height))
    even = F.pad(image[None], (0, right, 0, bottom), mode="replicate")[0]
    try:
        context = av.CodecContext.create(encoder, "w")
    except av.codec.codec.UnknownCodecError:
        raise InputError(
            f"this build of PyAV has no encoder {encoder}; install PyAV from PyPI, whose wheels bring it"
        ) from None
    context.width, context.height, context.pix_fmt = even.shape[-1], even.shape[-2], "yuv420p"
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25)  # MPEG-2 refuses odd rates
    context.thread_count = 1  # the same bits on every machine
    context.options = codec.options(strength, preset)
    frame = av.VideoFrame.from_ndarray(np.asarray(to_pillow(even)), format="rgb24")
    frame = frame.reformat(format="yuv420p")
    frame.pts = 0
    packets = [*context.encode(frame), *context.encode(None)]
    reader = av.CodecContext.create(codec.decoder, "r")
    frames = [one for packet in [*packets, None] for one in reader.decode(packet)]
    return _to_tensor(frames[0].to_ndarray(format="rgb24"))[:, :height, :width]


def recode(image: Tensor, codec: str, quality: int) -> Tensor:
    """Image (3, H, W) in [0, 1] through any codec of `STILL` or `VIDEO` with its usual effort.

    `quality` is what the codec takes: more is better for `STILL`, worse for `VIDEO`.
    """
    match codec:
        case "jpeg":
            return jpeg_file(image, quality)
        case "webp":
            return webp_file(image, quality)
        case "avif":
            return avif_file(image, quality)
        case _:
            return intra_frame(image, codec, quality)


def _checked(quality: int, lowest: int) -> int:
    if not lowest <= quality <= 100:
        raise InputError(f"found quality {quality}, expected {lowest} to 100")
    return quality


def _pyav() -> Any:
    try:
        import av
    except ModuleNotFoundError:
        raise InputError('PyAV is not installed; video codecs need: pip install -e ".[media]"') from None
    return av


def _through_pillow(image: Tensor, file_format: str, **options: int) -> Tensor:
    buffer = io.BytesIO()
    to_pillow(image).save(buffer, file_format, **options)
    with Image.open(buffer) as decoded:
        return _to_tensor(np.asarray(decoded.convert("RGB")))


def _to_tensor(pixels: np.ndarray) -> Tensor:
    """Pixels (H, W, 3) uint8 as (3, H, W) in [0, 1]."""
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255
