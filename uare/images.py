"""Photos as they come in: a file, a Pillow image, an array or a tensor becomes one `Photo`.

Upright RGB in [0, 1] with all that has to go out again: alpha, depth, grey, metadata. Files are read by
content, not by name. `uare.saving` writes a photo back; `uare.masks` restricts a restoration to a part.
"""

import contextlib
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError
from torch import Tensor

from uare.errors import InputError
from uare.metadata import NO_METADATA, Metadata, read_metadata
from uare.samples import Samples, rgb_of_cmyk, samples_of_array, samples_of_pillow, samples_of_tensor, upright
from uare.sixteen_bit import read_sixteen_bit_colour

PhotoSource: TypeAlias = str | os.PathLike[str] | Image.Image | NDArray[Any] | Tensor

# Pillow's own limit for a file (twice its MAX_IMAGE_PIXELS): 179 megapixels are 2.1 GB as float32 RGB.
MAX_PIXELS = 178_956_970

# What is read from strangers: photos, whose parsers run no other program (EPS would start Ghostscript).
UPLOAD_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF", "GIF", "BMP")

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
# Files of these formats may hold several pictures that are no animation (a phone's preview, its depth map).
_STILL_FORMATS = ("JPEG", "HEIF")
# What the parsers inside Pillow raise for files that are broken or made to harm.
_DECODING_ERRORS = (
    *(OSError, SyntaxError, ValueError, EOFError, TypeError, KeyError, IndexError, AttributeError),
    *(OverflowError, RuntimeError, struct.error, zlib.error),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Photo:
    """An upright photo and what has to survive its restoration."""

    pixels: Tensor  # (3, H, W) float32 RGB in [0, 1], not colour-converted; under alpha 0 as the file has it
    alpha: Tensor | None = None  # (1, H, W) float32 in [0, 1], straight, not premultiplied; None = opaque
    metadata: Metadata = NO_METADATA
    is_grey: bool = False
    bit_depth: int = 8  # 8 or 16, per channel
    format: str | None = None  # Pillow's name of the file format; None for what was no file
    path: Path | None = None
    warnings: tuple[str, ...] = ()  # what was changed or lost on the way in, a sentence each

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.pixels.shape[-2], self.pixels.shape[-1]


def load_photo(source: PhotoSource) -> Photo:
    """Reads a photo from a path, a Pillow image, an array or a tensor.

    Arrays are (H, W) or (H, W, C) with C = 1..4 (grey, grey-alpha, RGB, RGBA): uint8 or uint16 at full
    range, bool, or float in [0, 1]. Tensors are (C, H, W) or (1, C, H, W), uint8 or float in [0, 1]. Floats
    count as 8 bits deep. Raises InputError for what is missing, broken, empty or out of range.
    """
    if isinstance(source, (str, os.PathLike)):
        return _from_file(Path(source))
    if isinstance(source, Image.Image):
        return _from_pillow(source)
    if isinstance(source, Tensor):
        return _photo(samples_of_tensor(source))
    if isinstance(source, np.ndarray):
        return _photo(samples_of_array(source))
    raise InputError(
        f"a photo cannot be a {type(source).__name__}; "
        "pass a path, a Pillow image, a NumPy array or a torch tensor"
    )


def load_photo_bytes(content: bytes, name: str) -> Photo:
    """Reads a photo from the content of a file that a stranger sent; errors and warnings call it `name`.

    Only `UPLOAD_FORMATS` are read, and nothing of the file system. Raises InputError as `load_photo` does.
    """
    _check_head(content[:16], name)
    return _from_opened(lambda: _opened_upload(content), name)


def size_of_upload(content: bytes, name: str) -> tuple[int, int]:
    """(height, width) that the header of such a file states, its pixels not decoded; InputError as above."""
    _check_head(content[:16], name)
    with _broken_files_explained(name), _opened_upload(content) as image:
        return image.height, image.width


def _opened_upload(content: bytes) -> ImageFile.ImageFile:
    Image.init()  # with formats named, Pillow loads none of its readers by itself
    return Image.open(BytesIO(content), formats=[name for name in UPLOAD_FORMATS if name in Image.OPEN])


def _from_file(path: Path) -> Photo:
    _check_file(path)
    return replace(_from_opened(lambda: Image.open(path), str(path)), path=path)


def _from_opened(opened: Callable[[], ImageFile.ImageFile], name: str) -> Photo:
    """The photo in a file that can be opened more than once."""
    with _broken_files_explained(name), opened() as image:
        image.load()  # first: Pillow raises for a damaged file once, and reading EXIF would swallow that
        metadata, orientation, notes = read_metadata(image)
        file_format = "JPEG" if image.format == "MPO" else image.format  # a JPEG with more pictures behind it
        notes += _notes_on_pages(image, file_format) + _note_on_extension(Path(name), file_format)
        samples: Samples | None = read_sixteen_bit_colour(opened, name)
        if samples is None:
            rgb, metadata, notes = _without_inks(image, metadata, notes)
            samples = samples_of_pillow(rgb, name)
    return _photo(upright(samples, orientation), metadata=metadata, format=file_format, warnings=notes)


def _from_pillow(image: Image.Image) -> Photo:
    name = "the Pillow image"
    if 0 in image.size:
        raise InputError(f"{name} has no pixels ({image.width}x{image.height}); pass one with at least 1x1")
    with _broken_files_explained(name):
        image.load()
        metadata, orientation, notes = read_metadata(image)
        rgb, metadata, notes = _without_inks(image, metadata, notes)
        samples = samples_of_pillow(rgb, name)
    return _photo(upright(samples, orientation), metadata=metadata, format=image.format, warnings=notes)


def _photo(samples: Samples, **fields: Any) -> Photo:
    """A photo of samples (H, W, C); the other fields of `Photo` by name."""
    scale = {"uint8": 255, "uint16": 65535}.get(samples.dtype.name, 1)
    planes = torch.from_numpy(samples.astype(np.float32)).permute(2, 0, 1).contiguous()  # (C, H, W)
    planes.div_(scale).clamp_(0, 1)
    is_grey = len(planes) < 3
    colours = planes[:1].expand(3, -1, -1) if is_grey else planes[:3]
    return Photo(
        pixels=colours.contiguous(),
        alpha=planes[-1:].clone() if len(planes) in (2, 4) else None,
        is_grey=is_grey,
        bit_depth=16 if samples.dtype == np.uint16 else 8,
        **fields,
    )


def _check_file(path: Path) -> None:
    """Raises InputError for a path that holds no readable file, or one that needs what is not there."""
    try:
        with path.open("rb") as stream:
            head = stream.read(16)
    except IsADirectoryError:
        raise InputError(f"{path} is a folder where a photo is expected; name a file in it") from None
    except FileNotFoundError:
        raise InputError(f"there is no file {path}; check the name") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read ({reason}); check its permissions") from error
    _check_head(head, str(path))


def _check_head(head: bytes, name: str) -> None:
    """Raises InputError for a file without content; makes Pillow read HEIC if the first 16 bytes say so."""
    if not head:
        raise InputError(
            f"{name} is empty (0 bytes) where a photo is expected; copy it again from its source"
        )
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        try:
            import pillow_heif
        except ImportError:
            raise InputError(
                f'{name} is a HEIC photo, which needs an optional library: pip install "uare[media]"'
            ) from None
        pillow_heif.register_heif_opener()


@contextlib.contextmanager
def _broken_files_explained(name: str) -> Iterator[None]:
    """Turns what Pillow raises while it opens and decodes into one InputError that names the file."""
    try:
        yield
    except InputError:
        raise
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{name} is larger than {MAX_PIXELS:,} pixels ({error}); "
            "cut it up or make it smaller first, and do not open it at all if you do not trust its source"
        ) from error
    except UnidentifiedImageError as error:
        raise InputError(
            f"{name} is not an image that can be read; "
            "expected a photo such as JPEG, PNG, TIFF, WebP, AVIF or HEIC"
        ) from error
    except MemoryError as error:
        raise InputError(f"{name} does not fit into memory; make it smaller first") from error
    except _DECODING_ERRORS as error:
        raise InputError(f"{name} is damaged or cut off ({error}); copy it again from its source") from error


def _without_inks(
    image: Image.Image, metadata: Metadata, notes: tuple[str, ...]
) -> tuple[Image.Image, Metadata, tuple[str, ...]]:
    """A CMYK picture as sRGB, without the profile that described its inks; any other as it is."""
    if image.mode != "CMYK":
        return image, metadata, notes
    rgb, how = rgb_of_cmyk(image)
    return rgb, replace(metadata, icc=None), (*notes, f"CMYK was converted to sRGB {how}")


def _notes_on_pages(image: Image.Image, file_format: str | None) -> tuple[str, ...]:
    num_frames = getattr(image, "n_frames", 1)
    if num_frames == 1 or file_format in _STILL_FORMATS:
        return ()
    what = "pages" if file_format == "TIFF" else "frames"
    return (f"only the first of {num_frames} {what} was read",)


def _note_on_extension(path: Path, file_format: str | None) -> tuple[str, ...]:
    named = Image.registered_extensions().get(path.suffix.lower())
    if named in (file_format, None) or (named, file_format) == ("MPO", "JPEG"):
        return ()
    return (f"the name ends in {path.suffix} but the file is {file_format}, and was read as such",)
