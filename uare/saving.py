"""Photos as they go out: restored pixels with alpha, depth, grey and metadata of the photo they came from.

The extension chooses the format; what a format cannot hold is reported and never dropped in silence.
"""

from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from torch import Tensor

from uare.alpha import resize_alpha
from uare.colour import luma
from uare.errors import InputError, UAREError
from uare.images import Photo
from uare.metadata import EXIF_HEADER, Metadata, update_size
from uare.samples import Samples
from uare.sixteen_bit import write_png, write_tiff
from uare.writing import write_atomically


@dataclass(frozen=True, kw_only=True)
class FileFormat:
    """What a file format can hold."""

    name: str  # Pillow's
    suffixes: tuple[str, ...]
    alpha: bool
    grey: bool
    grey_alpha: bool
    sixteen_bit: bool
    max_side: int  # px


FORMATS = (
    FileFormat(
        name="JPEG", suffixes=(".jpg", ".jpeg"),
        alpha=False, grey=True, grey_alpha=False, sixteen_bit=False, max_side=65500,
    ),
    FileFormat(
        name="PNG", suffixes=(".png",),
        alpha=True, grey=True, grey_alpha=True, sixteen_bit=True, max_side=2**31 - 1,
    ),
    FileFormat(
        name="TIFF", suffixes=(".tif", ".tiff"),
        alpha=True, grey=True, grey_alpha=False, sixteen_bit=True, max_side=2**31 - 1,
    ),
    FileFormat(
        name="WEBP", suffixes=(".webp",),
        alpha=True, grey=False, grey_alpha=False, sixteen_bit=False, max_side=16383,
    ),
    FileFormat(
        name="AVIF", suffixes=(".avif",),
        alpha=True, grey=False, grey_alpha=False, sixteen_bit=False, max_side=65535,
    ),
)  # fmt: skip

_FORMAT_BY_SUFFIX = {suffix: row for row in FORMATS for suffix in row.suffixes}

# A JPEG segment holds 65533 bytes, less what names its content.
_JPEG_MAX_EXIF, _JPEG_MAX_XMP = 65533 - 6, 65533 - 29


def format_of(path: Path) -> FileFormat:
    """The format that the extension of `path` names; InputError if photos are not written in it."""
    try:
        return _FORMAT_BY_SUFFIX[path.suffix.lower()]
    except KeyError:
        raise InputError(
            f"photos cannot be written as {path.suffix or 'a file without extension'} ({path}); "
            f"use one of {', '.join(_FORMAT_BY_SUFFIX)}"
        ) from None


def save_photo(
    photo: Photo, pixels: Tensor, path: Path, *, quality: int = 95, overwrite: bool = False
) -> tuple[str, ...]:
    """Writes restored pixels (3, H, W) in [0, 1] as the photo they came from; returns what was lost in words.

    H and W may differ from the photo's: alpha is then resized and the size tags of EXIF say the new size.
    quality: 1..100 for JPEG, WebP and AVIF; their colours are not subsampled. Transparency in a JPEG is laid
    on white. Raises InputError if the file exists and `overwrite` is not set, if it is the photo's own file
    (always), or if it cannot be written.
    """
    file_format = format_of(path)
    if photo.path is not None and photo.path.exists() and path.exists() and path.samefile(photo.path):
        raise InputError(f"{path} is the input itself, which is never overwritten; choose another output")
    content, lost = photo_bytes(photo, pixels, file_format, quality=quality)
    write_atomically(path, lambda stream: stream.write(content), overwrite=overwrite)
    return lost


def photo_bytes(
    photo: Photo, pixels: Tensor, file_format: FileFormat, *, quality: int = 95
) -> tuple[bytes, tuple[str, ...]]:
    """The content of the file that `save_photo` writes, and what was lost in words; errors as there."""
    if not 1 <= quality <= 100:
        raise InputError(f"quality is {quality}, expected 1 to 100")
    if max(pixels.shape[-2:]) > file_format.max_side:
        raise InputError(
            f"{file_format.name} holds sides up to {file_format.max_side} px, found {pixels.shape[-1]}x"
            f"{pixels.shape[-2]}; choose PNG or TIFF"
        )
    samples, lost_pixels = fitting_samples(photo, pixels, file_format)
    metadata, lost_metadata = _fitting_metadata(photo, pixels, samples.shape[-1], file_format)

    stream = BytesIO()
    _encode(stream, samples, metadata, file_format, quality)
    return stream.getvalue(), lost_pixels + lost_metadata


def fitting_samples(photo: Photo, pixels: Tensor, file_format: FileFormat) -> tuple[Samples, tuple[str, ...]]:
    """Samples (H, W, C) uint8 or uint16 that the format can hold, and what was lost in words."""
    planes, lost = fitting_planes(photo, pixels, file_format)
    if photo.bit_depth == 16 and not file_format.sixteen_bit:
        lost += (f"{file_format.name} holds 8 bits per channel: the photo's 16 were rounded",)
    is_deep = photo.bit_depth == 16 and file_format.sixteen_bit
    return quantised(planes, 16 if is_deep else 8), lost


def fitting_planes(photo: Photo, pixels: Tensor, file_format: FileFormat) -> tuple[Tensor, tuple[str, ...]]:
    """Planes (C, H, W) float32 in [0, 1], grey and with alpha as the photo and the format have it, and what
    was lost in words."""
    if not torch.isfinite(pixels).all():
        raise UAREError(
            "the restored photo holds values that are not finite numbers; try another dtype or device"
        )
    lost: tuple[str, ...] = ()
    pixels = pixels.detach().cpu().float().clamp(0, 1)
    alpha = None if photo.alpha is None else resize_alpha(photo.alpha, (pixels.shape[-2], pixels.shape[-1]))
    if alpha is not None and not file_format.alpha:
        # White, because it is what viewers and paper show behind a transparent picture.
        pixels, alpha = pixels * alpha + (1 - alpha), None
        lost += (f"{file_format.name} holds no transparency: the photo was laid on white",)
    if photo.is_grey and (file_format.grey if alpha is None else file_format.grey_alpha):
        pixels = luma(pixels)  # (1, H, W)
    return pixels if alpha is None else torch.cat([pixels, alpha]), lost


def quantised(planes: Tensor, bit_depth: int) -> Samples:
    """Samples (H, W, C) uint8 or uint16 of planes (C, H, W) in [0, 1], rounded and not truncated."""
    rows = planes.permute(1, 2, 0).contiguous().numpy()  # (H, W, C)
    if bit_depth == 16:
        return np.rint(rows * np.float32(65535)).astype(np.uint16)
    return np.rint(rows * np.float32(255)).astype(np.uint8)


def to_pillow(pixels: Tensor, alpha: Tensor | None = None) -> Image.Image:
    """8-bit RGB or RGBA picture of pixels (3, H, W) and alpha (1, H, W) in [0, 1]."""
    planes = pixels if alpha is None else torch.cat([pixels, alpha])
    return Image.fromarray(quantised(planes.detach().cpu().float().clamp(0, 1), 8))


def _fitting_metadata(
    photo: Photo, pixels: Tensor, num_channels: int, file_format: FileFormat
) -> tuple[Metadata, tuple[str, ...]]:
    """The photo's metadata as the format takes it for pixels (3, H, W), and what was lost in words."""
    metadata = photo.metadata
    lost: tuple[str, ...] = ()
    size = (pixels.shape[-2], pixels.shape[-1])
    if metadata.exif and size != photo.size:
        metadata = replace(metadata, exif=update_size(metadata.exif, size))
    # Bytes 16..19 of a profile name its colour space (ICC.1, 7.2.8); a grey one does not describe RGB.
    if metadata.icc and metadata.icc[16:20] == b"GRAY" and num_channels >= 3:
        metadata, lost = (
            replace(metadata, icc=None),
            (*lost, "the grey colour profile does not fit and was dropped"),
        )
    if file_format.name == "JPEG" and metadata.exif and len(metadata.exif) > _JPEG_MAX_EXIF:
        metadata, lost = replace(metadata, exif=None), (*lost, "EXIF is too long for JPEG and was dropped")
    if file_format.name == "JPEG" and metadata.xmp and len(metadata.xmp) > _JPEG_MAX_XMP:
        metadata, lost = replace(metadata, xmp=None), (*lost, "XMP is too long for JPEG and was dropped")
    return metadata, lost


def _encode(
    stream: BinaryIO, samples: Samples, metadata: Metadata, file_format: FileFormat, quality: int
) -> None:
    if file_format.name == "TIFF":
        write_tiff(stream, samples, metadata)
    elif samples.dtype == np.uint16:
        write_png(stream, samples, metadata)
    else:
        options = _pillow_options(metadata, file_format, quality)
        image = Image.fromarray(samples[..., 0] if samples.shape[-1] == 1 else samples)
        image.save(stream, format=file_format.name, **options)


def _pillow_options(metadata: Metadata, file_format: FileFormat, quality: int) -> dict[str, Any]:
    options: dict[str, Any] = {"icc_profile": metadata.icc}
    if metadata.exif:
        options["exif"] = EXIF_HEADER + metadata.exif if file_format.name == "JPEG" else metadata.exif
    if metadata.dpi and file_format.name in ("JPEG", "PNG"):
        options["dpi"] = metadata.dpi
    if file_format.name == "PNG":
        if metadata.xmp:
            options["pnginfo"] = PngImagePlugin.PngInfo()
            options["pnginfo"].add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
        return options
    if metadata.xmp:
        options["xmp"] = metadata.xmp
    options["quality"] = quality
    if file_format.name == "JPEG":
        return options | {"subsampling": 0, "optimize": True}
    return options | ({"subsampling": "4:4:4"} if file_format.name == "AVIF" else {})
