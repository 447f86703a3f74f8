"""16-bit colour PNG and TIFF, which Pillow can open but holds at 8 bits per channel.

The ways out cost a heavy dependency (OpenCV, imagecodecs) or minutes per photo (PNG filters undone in
Python), so this keeps to Pillow and zlib. Reading: Pillow's decoders take the byte order as an argument and
keep the high byte of every sample, so decoding a file a second time with the opposite order gives the low
bytes. Writing: a PNG is zlib and checksums, a TIFF one compressed strip behind a directory made by Pillow.
"""

import struct
import sys
import zlib
from collections.abc import Callable
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, TiffImagePlugin

from uare.errors import InputError
from uare.metadata import EXIF_HEADER, Metadata
from uare.samples import Samples

_NATIVE, _SWAPPED = ("16L", "16B") if sys.byteorder == "little" else ("16B", "16L")
_LOW_BYTE_ORDER = {"16B": "16L", "16L": "16B", "16N": _SWAPPED}

_PNG_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> colour type of the PNG specification, 11.2.1
_DEFLATE, _HORIZONTAL_PREDICTOR, _BLACK_IS_ZERO, _RGB, _STRAIGHT_ALPHA = 8, 2, 1, 2, 2


def read_sixteen_bit_colour(
    opened: Callable[[], ImageFile.ImageFile], name: str
) -> NDArray[np.uint16] | None:
    """Samples (H, W, C) of a 16-bit grey-alpha, RGB or RGBA file; `None` if the file holds something else.

    `opened` opens the file, which errors call `name`. Raises InputError for a layout that Pillow reads
    wrongly, and what Pillow raises for a broken file.
    """
    with opened() as image, opened() as again:
        rawmodes = {_rawmode(tile) for tile in image.tile}
        if not any("16" in rawmode for rawmode in rawmodes) or image.mode not in ("RGB", "RGBA"):
            return None
        if len(rawmodes) > 1 or not (rawmode := rawmodes.pop()).startswith(("RGB;", "RGBA;", "LA;")):
            raise InputError(
                f"{name} holds 16-bit samples in an unusual layout ({image.format}, {image.mode}); "
                "save it as interleaved RGB or RGBA without premultiplied alpha"
            )
        if rawmode.startswith("LA;"):  # four bytes a pixel: unpacked as RGBA they come in file order
            _set_rawmode(image, "RGBA")
            return np.asarray(image).copy().view(">u2").astype(np.uint16)  # (H, W, 4) -> (H, W, 2)
        _set_rawmode(again, rawmode[:-3] + _LOW_BYTE_ORDER[rawmode[-3:]])
        samples = (np.asarray(image).astype(np.uint16) << 8) | np.asarray(again)
    key = image.info.get("transparency")  # the one colour that a PNG without alpha calls transparent
    if not isinstance(key, tuple):
        return samples
    is_opaque = (samples != np.array(key, np.uint16)).any(-1, keepdims=True)
    return np.concatenate([samples, is_opaque * np.uint16(65535)], -1)


def write_png(stream: BinaryIO, samples: Samples, metadata: Metadata) -> None:
    """Writes uint16 samples (H, W, C), C = 1..4, as a 16-bit PNG."""
    height, width, num_channels = samples.shape
    header = struct.pack(">IIBBBBB", width, height, 16, _PNG_COLOUR_TYPES[num_channels], 0, 0, 0)
    stream.write(b"\x89PNG\r\n\x1a\n")
    _write_chunk(stream, b"IHDR", header)
    if metadata.icc:
        _write_chunk(stream, b"iCCP", b"ICC Profile\x00\x00" + zlib.compress(metadata.icc))
    if metadata.dpi:
        per_metre = [round(dots / 0.0254) for dots in metadata.dpi]
        _write_chunk(stream, b"pHYs", struct.pack(">IIB", *per_metre, 1))
    if metadata.xmp:
        _write_chunk(stream, b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + metadata.xmp)
    if metadata.exif:
        _write_chunk(stream, b"eXIf", metadata.exif)
    _write_chunk(stream, b"IDAT", zlib.compress(_png_rows(samples).tobytes(), 6))
    _write_chunk(stream, b"IEND", b"")


def write_tiff(stream: BinaryIO, samples: Samples, metadata: Metadata) -> None:
    """Writes uint8 or uint16 samples (H, W, C), C = 1, 3 or 4, as a TIFF: one strip, deflated."""
    height, width, num_channels = samples.shape
    samples = samples.astype(samples.dtype.newbyteorder("<"), copy=False)
    differences = np.diff(
        samples, axis=1, prepend=samples.dtype.type(0)
    )  # wraps around, as the predictor does
    strip = zlib.compress(differences.astype(samples.dtype, copy=False).tobytes(), 6)

    directory = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    if metadata.exif:
        exif = Image.Exif()
        exif.load(EXIF_HEADER + metadata.exif)
        for tag, value in exif.items():
            directory[tag] = exif.get_ifd(tag) if tag in (0x8769, 0x8825) else value
    if metadata.icc:
        directory[TiffImagePlugin.ICCPROFILE] = metadata.icc
    if metadata.xmp:
        directory[TiffImagePlugin.XMP] = metadata.xmp
    if metadata.dpi:
        directory[TiffImagePlugin.X_RESOLUTION], directory[TiffImagePlugin.Y_RESOLUTION] = metadata.dpi
        directory[TiffImagePlugin.RESOLUTION_UNIT] = 2  # inch
    directory[TiffImagePlugin.IMAGEWIDTH] = width
    directory[TiffImagePlugin.IMAGELENGTH] = height
    directory[TiffImagePlugin.BITSPERSAMPLE] = (8 * samples.dtype.itemsize,) * num_channels
    directory[TiffImagePlugin.COMPRESSION] = _DEFLATE
    directory[TiffImagePlugin.PHOTOMETRIC_INTERPRETATION] = _BLACK_IS_ZERO if num_channels == 1 else _RGB
    directory[TiffImagePlugin.SAMPLESPERPIXEL] = num_channels
    directory[TiffImagePlugin.ROWSPERSTRIP] = height
    directory[TiffImagePlugin.PREDICTOR] = _HORIZONTAL_PREDICTOR
    if num_channels == 4:
        directory[TiffImagePlugin.EXTRASAMPLES] = _STRAIGHT_ALPHA
    directory[TiffImagePlugin.STRIPOFFSETS] = (
        0  # counted from the end of the directory, where save() moves it to
    )
    directory[TiffImagePlugin.STRIPBYTECOUNTS] = len(strip)
    stream.seek(directory.save(stream))
    stream.write(strip)


def _png_rows(samples: Samples) -> NDArray[np.uint8]:
    """Rows (H, 1 + W*C*2) as PNG stores them: big-endian, each minus the row above (filter type 2, "Up")."""
    height = samples.shape[0]
    flat = np.ascontiguousarray(samples.astype(">u2")).view(np.uint8).reshape(height, -1)
    rows = np.empty((height, 1 + flat.shape[1]), np.uint8)
    rows[:, 0] = 2
    rows[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])  # modulo 256, as the specification has it
    return rows


def _write_chunk(stream: BinaryIO, kind: bytes, content: bytes) -> None:
    stream.write(struct.pack(">I", len(content)) + kind + content)
    stream.write(struct.pack(">I", zlib.crc32(kind + content)))


def _rawmode(tile: ImageFile._Tile) -> str:
    """How the decoder of this tile is told to unpack samples, e.g. `RGB;16B`."""
    rawmode = tile.args[0] if isinstance(tile.args, tuple) and tile.args else tile.args
    return rawmode if isinstance(rawmode, str) else ""


def _set_rawmode(image: ImageFile.ImageFile, rawmode: str) -> None:
    """Makes the not yet loaded file unpack its samples in another way of the same number of bytes."""
    image.tile = [
        tile._replace(args=(rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode)
        for tile in image.tile
    ]
