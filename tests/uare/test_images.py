"""Photos come in upright, whole and with all that belongs to them; what is no photo is refused."""

import io
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from uare.errors import InputError
from uare.images import load_photo
from uare.metadata import update_size

# 2 x 3 px, all different, so that a turn or a mirror shows.
CORNERS = np.array(
    [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[9, 9, 9], [90, 90, 90], [250, 250, 250]]], np.uint8
)


def to_bytes(pixels: torch.Tensor) -> np.ndarray:
    """(H, W, 3) uint8 of pixels (3, H, W)."""
    return (pixels * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def png_16_bit(samples: np.ndarray) -> bytes:
    """A PNG of big-endian samples (H, W, C), made here by the specification, without filters."""
    height, width, channels = samples.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        content += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return content


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_orientation_is_applied_as_pillow_applies_it_and_the_tag_reset(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "a camera"
    path = tmp_path / f"photo{suffix}"
    Image.fromarray(CORNERS).save(path, exif=exif, lossless=True)  # a WebP's option; the others ignore it
    photo = load_photo(path)

    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert np.array_equal(to_bytes(photo.pixels), expected)
    kept = Image.Exif()
    kept.load(photo.metadata.exif or b"")
    assert kept.get(0x0112, 1) == 1
    assert kept[0x010F] == "a camera"


def test_orientation_6_stands_a_lying_photo_up(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the first row is the right-hand side (EXIF 2.32, table 6)
    Image.fromarray(CORNERS).save(tmp_path / "photo.png", exif=exif)
    pixels = to_bytes(load_photo(tmp_path / "photo.png").pixels)
    assert pixels.shape == (3, 2, 3)
    assert pixels[:, 1].tolist() == CORNERS[0].tolist()


def test_maker_notes_stay_where_they_are_and_the_thumbnail_is_unlinked(tmp_path: Path) -> None:
    # IFD0 with orientation 3 and a private tag whose offset counts from the start; then IFD1 (a thumbnail).
    note = b"note at a fixed offset"
    ifd0 = struct.pack("<HHHIIHHIII", 2, 0x0112, 3, 1, 3, 0xC000, 7, len(note), 38, 60)
    ifd1 = struct.pack("<HHHIII", 1, 0x0112, 3, 1, 3, 0)
    exif = b"II*\0\x08\0\0\0" + ifd0 + note + ifd1
    Image.fromarray(CORNERS).save(tmp_path / "photo.png", exif=exif)
    kept = load_photo(tmp_path / "photo.png").metadata.exif
    assert kept is not None
    changed = [index for index in range(len(exif)) if kept[index] != exif[index]]
    assert changed == [18, 34]  # the orientation's value, and the pointer to IFD1
    assert kept[38:60] == note


def test_size_tags_follow_the_pixels() -> None:
    exif = Image.Exif()
    exif[0x0100] = 3
    exif.get_ifd(0x8769).update({0xA002: 3, 0xA003: 2})
    exif[0x8769] = exif.get_ifd(0x8769)
    updated = Image.Exif()
    updated.load(update_size(exif.tobytes()[6:], (400, 600)))
    assert updated[0x0100] == 600
    assert updated.get_ifd(0x8769)[0xA002] == 600
    assert updated.get_ifd(0x8769)[0xA003] == 400


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_is_dropped_with_a_warning(tmp_path: Path) -> None:
    Image.fromarray(CORNERS).save(tmp_path / "photo.png", exif=b"II*\0\xff\xff\xff\x7f")
    photo = load_photo(tmp_path / "photo.png")
    assert photo.metadata.exif is None
    assert "EXIF" in photo.warnings[0]


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_sixteen_bit_png_keeps_every_bit(tmp_path: Path, channels: int) -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (21, 33, channels), dtype=np.uint16)
    (tmp_path / "photo.png").write_bytes(png_16_bit(samples))
    photo = load_photo(tmp_path / "photo.png")
    assert photo.bit_depth == 16
    planes = photo.pixels if photo.alpha is None else torch.cat([photo.pixels, photo.alpha])
    planes = planes[[0, -1]] if channels == 2 else planes
    assert np.array_equal((planes * 65535).round().permute(1, 2, 0).numpy().astype(np.uint16), samples)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_sixteen_bit_tiff_of_another_library_keeps_every_bit(
    tmp_path: Path, byteorder: str, compression: str | None
) -> None:
    tifffile = pytest.importorskip("tifffile")
    samples = np.random.default_rng(0).integers(0, 65536, (21, 33, 3), dtype=np.uint16)
    path = tmp_path / "photo.tif"
    tifffile.imwrite(path, samples, photometric="rgb", byteorder=byteorder, compression=compression)
    pixels = load_photo(path).pixels
    assert np.array_equal((pixels * 65535).round().permute(1, 2, 0).numpy().astype(np.uint16), samples)


def test_sixteen_bit_grey_is_grey_and_sixteen_bit(tmp_path: Path) -> None:
    samples = np.array([[0, 1, 256], [4097, 65534, 65535]], np.uint16)
    Image.fromarray(samples).save(tmp_path / "photo.png")
    photo = load_photo(tmp_path / "photo.png")
    assert photo.is_grey
    assert photo.bit_depth == 16
    assert np.array_equal((photo.pixels[0] * 65535).round().numpy(), samples)


def test_the_transparent_colour_of_a_sixteen_bit_png_becomes_alpha(tmp_path: Path) -> None:
    samples = np.array([[[1, 2, 3], [1, 2, 4]]], np.uint16)
    content = png_16_bit(samples)
    key = b"tRNS" + struct.pack(">HHH", 1, 2, 3)
    chunk = struct.pack(">I", 6) + key + struct.pack(">I", zlib.crc32(key))
    (tmp_path / "photo.png").write_bytes(content[:33] + chunk + content[33:])  # after IHDR
    alpha = load_photo(tmp_path / "photo.png").alpha
    assert alpha is not None
    assert alpha.tolist() == [[[0.0, 1.0]]]


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "RGBa", "La", "YCbCr", "HSV", "I;16", "PA"]
)
def test_every_mode_of_pillow_gives_its_colours(mode: str) -> None:
    image = Image.new("L", (4, 3), 255)
    if mode == "I;16":
        image = Image.fromarray(np.full((3, 4), 65535, np.uint16))
    elif mode == "PA":
        image = image.convert("P").convert("PA")
    elif mode in ("La", "RGBa"):
        image = image.convert("LA" if mode == "La" else "RGBA").convert(mode)
    else:
        image = image.convert("RGB").convert(mode)
    photo = load_photo(image)
    assert photo.size == (3, 4)
    assert torch.allclose(photo.pixels, torch.ones(3, 3, 4), atol=1.5 / 255)  # YCbCr rounds
    assert photo.is_grey == (mode in ("1", "L", "LA", "La", "I;16"))


def test_palette_with_transparency_gives_colours_and_alpha(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putdata([0, 1])
    image.save(tmp_path / "photo.png", transparency=bytes([255, 128]))
    photo = load_photo(tmp_path / "photo.png")
    assert photo.pixels.tolist() == [[[1.0, 0.0]], [[0.0, 0.0]], [[0.0, 1.0]]]
    assert photo.alpha is not None
    assert photo.alpha.flatten().tolist() == pytest.approx([1, 128 / 255])


def test_cmyk_without_a_profile_becomes_rgb_with_a_warning(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(
        tmp_path / "photo.jpg", quality=100
    )  # magenta and yellow
    photo = load_photo(tmp_path / "photo.jpg")
    assert torch.allclose(photo.pixels.mean((1, 2)), torch.tensor([1.0, 0.0, 0.0]), atol=0.02)
    assert photo.warnings == ("CMYK was converted to sRGB without a colour profile",)


def test_a_profile_that_does_not_fit_cmyk_is_not_used_and_goes(tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "photo.jpg", quality=100, icc_profile=srgb)
    photo = load_photo(tmp_path / "photo.jpg")
    assert photo.metadata.icc is None
    assert torch.allclose(photo.pixels.mean((1, 2)), torch.tensor([1.0, 0.0, 0.0]), atol=0.02)
    assert photo.warnings == ("CMYK was converted to sRGB without its colour profile, which does not fit",)


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif"])
def test_of_an_animation_the_first_frame_is_read_with_a_warning(tmp_path: Path, suffix: str) -> None:
    first, second = Image.new("RGB", (5, 4), "white"), Image.new("RGB", (5, 4), "black")
    first.save(tmp_path / f"film{suffix}", save_all=True, append_images=[second])
    photo = load_photo(tmp_path / f"film{suffix}")
    assert photo.pixels.min() > 0.99
    assert "first of 2" in photo.warnings[0]


def test_further_pictures_inside_a_phone_jpeg_are_no_animation(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (16, 16), "white"), Image.new("RGB", (16, 16), "black")
    first.save(tmp_path / "photo.jpg", format="MPO", save_all=True, append_images=[second])
    photo = load_photo(tmp_path / "photo.jpg")
    assert photo.format == "JPEG"
    assert photo.warnings == ()


def test_a_file_is_read_by_its_content_whatever_its_name(tmp_path: Path) -> None:
    Image.fromarray(CORNERS).save(tmp_path / "photo.jpg", format="PNG")
    photo = load_photo(tmp_path / "photo.jpg")
    assert np.array_equal(to_bytes(photo.pixels), CORNERS)
    assert photo.warnings == ("the name ends in .jpg but the file is PNG, and was read as such",)


def test_heic_is_read_where_its_library_is_installed(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    image = Image.new("RGB", (64, 48), (200, 40, 40))
    pillow_heif.from_pillow(image).save(tmp_path / "photo.heic", quality=95)
    photo = load_photo(tmp_path / "photo.heic")
    assert photo.size == (48, 64)
    assert torch.allclose(photo.pixels[:, 24, 32] * 255, torch.tensor([200.0, 40.0, 40.0]), atol=4)


def test_heic_without_its_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InputError, match=r"uare\[media\]"):
        load_photo(tmp_path / "photo.heic")


@pytest.mark.parametrize("size", [(1, 1), (20, 20000)])
def test_extreme_sizes_are_read(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", (size[1], size[0]), "red").save(tmp_path / "photo.png")
    assert load_photo(tmp_path / "photo.png").size == size


def test_arrays_and_tensors_of_one_photo_give_the_same_pixels() -> None:
    expected = load_photo(CORNERS).pixels
    planes = torch.from_numpy(CORNERS).permute(2, 0, 1)
    others: list[Any] = [
        Image.fromarray(CORNERS),
        CORNERS.astype(np.uint16) * 257,
        CORNERS / 255,
        planes,
        planes[None] / 255,
    ]
    for other in others:
        assert torch.allclose(load_photo(other).pixels, expected, atol=1e-6)


def test_reading_does_not_share_memory_with_the_array_it_was_given() -> None:
    array = np.zeros((2, 2, 3), np.float32)
    photo = load_photo(array)
    array[:] = 1
    assert photo.pixels.max() == 0


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (np.full((4, 4, 3), np.nan, np.float32), "not finite"),
        (np.full((4, 4, 3), 200.0), "spans"),
        (np.zeros((4, 4, 3), np.int64), "int64"),
        (np.zeros((3, 4, 4, 3)), "shape"),
        (np.zeros((3, 40, 40)), "channels last"),
        (np.zeros((0, 4, 3), np.uint8), "no pixels"),
        (torch.zeros(2, 3, 4, 4), "shape"),
        (torch.full((3, 4, 4), -1.0), "spans"),
        (torch.zeros(3, 0, 4), "no pixels"),
        (Image.new("RGB", (0, 4)), "no pixels"),
        (Image.new("LAB", (4, 4)), "Lab"),
        (12, "int"),
    ],
)
def test_what_is_no_photo_is_refused_with_the_reason(source: Any, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        load_photo(source)


def jpeg_of(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, format="JPEG")
    return stream.getvalue()


NOISE = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.jpg", b"", "empty"),
        ("cut.jpg", jpeg_of(NOISE)[:2000], "damaged or cut off"),
        ("text.jpg", b"I am no photo at all, I am a sentence.", "not an image"),
        ("zeros.png", bytes(1000), "not an image"),
        ("bomb.png", png_16_bit(np.zeros((1, 1, 3), np.uint16)), "larger than"),
    ],
)
def test_broken_files_are_refused_with_the_reason(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    if name == "bomb.png":  # claims 100000 x 100000 px
        header = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
        content = content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=reason) as refusal:
        load_photo(tmp_path / name)
    assert name in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        load_photo(tmp_path / "nowhere.jpg")
    with pytest.raises(InputError, match="is a folder"):
        load_photo(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        load_photo("a\0b.jpg")


def test_a_file_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read anything, so a mode of 000 would prove nothing
    with pytest.raises(InputError, match="Permission denied"):
        load_photo(tmp_path / "photo.jpg")


def encoded(kind: str) -> bytes:
    stream = io.BytesIO()
    options = {"exif": Image.Exif()} if kind != "TIFF" else {}
    Image.fromarray(NOISE[:16, :16]).save(stream, format=kind, **options)
    return stream.getvalue()


FILES = {kind: encoded(kind) for kind in ("JPEG", "PNG", "TIFF", "WEBP", "GIF")}


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow tells of every odd TIFF tag
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(sorted(FILES)),
    damage=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8),
)
def test_a_damaged_file_is_read_or_refused_and_never_anything_else(
    tmp_path: Path, kind: str, damage: list[tuple[float, int]]
) -> None:
    content = bytearray(FILES[kind])
    for position, value in damage:
        content[int(position * (len(content) - 1))] = value
    (tmp_path / "photo").write_bytes(bytes(content))
    try:
        photo = load_photo(tmp_path / "photo")
    except InputError:
        return
    assert torch.isfinite(photo.pixels).all()


def test_xmp_orientation_is_reset_and_the_rest_kept(tmp_path: Path) -> None:
    xmp = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="3" dc:title="mill"/></x:xmpmeta>'
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp)
    Image.fromarray(CORNERS).save(tmp_path / "photo.png", pnginfo=info)
    photo = load_photo(tmp_path / "photo.png")
    assert np.array_equal(to_bytes(photo.pixels), CORNERS[::-1, ::-1])
    assert photo.metadata.xmp == xmp.replace('"3"', '"1"').encode()
