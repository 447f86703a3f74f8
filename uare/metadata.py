"""What travels with a photo beside its pixels: EXIF, ICC profile, XMP and resolution.

EXIF is changed in place and never rewritten by a parser: maker notes hold offsets counted from the start of
the block, so moving them breaks them. Files are opened by `uare.images`, written by `uare.saving`.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import ExifTags, Image

EXIF_HEADER = b"Exif\x00\x00"

# Tags of a TIFF file's own directory that describe the photo and not the layout of its pixels.
_TIFF_DESCRIPTIVE_TAGS = (270, 271, 272, 282, 283, 296, 305, 306, 315, 33432)

_ORIENTATION, _EXIF_DIRECTORY = 0x0112, 0x8769
# Width and height as IFD0 (ImageWidth, ImageLength) and the Exif directory (PixelX/YDimension) call them.
_WIDTH_TAGS, _HEIGHT_TAGS = (0x0100, 0xA002), (0x0101, 0xA003)
_SHORT, _LONG = 3, 4

_XMP_ORIENTATION = re.compile(rb'(tiff:Orientation(?:="|\'|>))([0-9])')


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """Blocks as they stand in the file; `None` where the file has none."""

    exif: bytes | None = None  # a TIFF block, without the `Exif\0\0` that JPEG puts before it
    icc: bytes | None = None  # colour profile of the pixels, which are never converted
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None  # dots per inch, horizontal and vertical

    def upright(self) -> "Metadata":
        """The same metadata for pixels that already stand upright: both orientation tags say 1 (normal)."""
        exif = None if self.exif is None else reset_orientation(self.exif)
        xmp = None if self.xmp is None else _XMP_ORIENTATION.sub(rb"\g<1>1", self.xmp)
        return Metadata(exif=exif, icc=self.icc, xmp=xmp, dpi=self.dpi)


NO_METADATA = Metadata()


def read_metadata(image: Image.Image) -> tuple[Metadata, int, tuple[str, ...]]:
    """Metadata of an image as its file has it, the orientation (1..8) still to be applied, and warnings.

    Must be called before the pixels of a TIFF are loaded: Pillow then closes the file and turns the pixels
    itself, which is why a TIFF's orientation is always 1 here. A block that cannot be parsed is dropped.
    """
    is_tiff = image.format == "TIFF"
    try:
        orientation = 1 if is_tiff else int(image.getexif().get(_ORIENTATION, 1))
        exif = _tiff_exif(image) if is_tiff else image.info.get("exif")
        exif = exif.removeprefix(EXIF_HEADER) if exif else None
        metadata = Metadata(
            exif=exif, icc=_bytes(image, "icc_profile"), xmp=_bytes(image, "xmp"), dpi=_dpi(image)
        )
        return metadata.upright(), orientation if 1 <= orientation <= 8 else 1, ()
    # Pillow's EXIF reader lets whatever its parser met escape (struct, index, key, type errors).
    except (ValueError, KeyError, IndexError, TypeError, SyntaxError, OSError, struct.error) as error:
        kept = Metadata(icc=_bytes(image, "icc_profile"))
        return kept, 1, (f"EXIF and XMP cannot be parsed ({error}) and were dropped, orientation included",)


def reset_orientation(exif: bytes) -> bytes:
    """EXIF block whose orientation is 1 and whose thumbnail is unlinked, since it shows the old picture.

    Raises ValueError for a block that is not EXIF.
    """
    return _patched(exif, {_ORIENTATION: 1}, unlink_thumbnail=True)


def update_size(exif: bytes, size: tuple[int, int]) -> bytes:
    """EXIF block whose width and height tags, where it has them, say `size` (height, width).

    Raises ValueError for a block that is not EXIF.
    """
    height, width = size
    values = dict.fromkeys(_WIDTH_TAGS, width) | dict.fromkeys(_HEIGHT_TAGS, height)
    return _patched(exif, values, unlink_thumbnail=False)


def _patched(exif: bytes, values: dict[int, int], *, unlink_thumbnail: bool) -> bytes:
    """EXIF with the given integer tags overwritten where they stand; tags that are absent stay absent."""
    block = bytearray(exif)
    try:
        order = {b"II": "<", b"MM": ">"}[bytes(block[:2])]
        (first_directory,) = struct.unpack_from(order + "I", block, 4)
        directories = [first_directory]
        for tag, _, position in _entries(block, first_directory, order):
            if tag == _EXIF_DIRECTORY:
                directories += struct.unpack_from(order + "I", block, position)
        for directory in directories:
            for tag, kind, position in _entries(block, directory, order):
                if tag in values and kind in (_SHORT, _LONG):
                    value = min(values[tag], 0xFFFF) if kind == _SHORT else values[tag]
                    struct.pack_into(order + ("H" if kind == _SHORT else "I"), block, position, value)
        if unlink_thumbnail:
            (num_entries,) = struct.unpack_from(order + "H", block, first_directory)
            next_directory = first_directory + 2 + 12 * num_entries
            if next_directory + 4 <= len(block):
                struct.pack_into(order + "I", block, next_directory, 0)
    except (KeyError, struct.error) as error:
        raise ValueError(f"not an EXIF block of {len(exif)} bytes: {error}") from error
    return bytes(block)


def _entries(block: bytearray, directory: int, order: str) -> Iterator[tuple[int, int, int]]:
    """(tag, type, position of the value) of each entry of the directory at that offset."""
    (num_entries,) = struct.unpack_from(order + "H", block, directory)
    for index in range(num_entries):
        position = directory + 2 + 12 * index
        tag, kind = struct.unpack_from(order + "HH", block, position)
        yield tag, kind, position + 8


def _tiff_exif(image: Image.Image) -> bytes | None:
    """The descriptive part of a TIFF's own directory as an EXIF block; `None` if there is nothing to tell."""
    source, exif = image.getexif(), Image.Exif()
    for tag in _TIFF_DESCRIPTIVE_TAGS:
        if tag in source:
            exif[tag] = source[tag]
    for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if entries := source.get_ifd(directory):
            exif.get_ifd(directory).update(entries)
            exif[directory] = exif.get_ifd(directory)
    return exif.tobytes() if len(exif) else None


def _bytes(image: Image.Image, key: str) -> bytes | None:
    value = image.info.get(key)
    return value if isinstance(value, bytes) and value else None


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    value = image.info.get("dpi")
    if value is None or not all(0 < float(number) < 1e6 for number in value):
        return None
    return float(value[0]), float(value[1])
