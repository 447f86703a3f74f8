"""A restored photo keeps what its original had, as far as the format can hold it, and says what it cannot."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from uare.errors import InputError, UAREError
from uare.images import Photo, load_photo
from uare.metadata import Metadata
from uare.saving import save_photo, to_pillow

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a dc:title="mill"/></x:xmpmeta>'
SUFFIXES = [".jpg", ".png", ".tif", ".webp", ".avif"]


def exif_block(width: int, height: int) -> bytes:
    """EXIF with a camera, an exposure time, a place and the size of the pixels."""
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    exif.get_ifd(0x8769).update({0x829A: 0.01, 0xA002: width, 0xA003: height})
    exif.get_ifd(0x8825).update({1: "N"})
    for directory in (0x8769, 0x8825):
        exif[directory] = exif.get_ifd(directory)
    return exif.tobytes()[6:]


def ramp_photo(channels: int, depth: int = 8) -> Photo:
    """A smooth photo of 24 x 40 px with all metadata."""
    rows, columns = np.mgrid[0:24, 0:40] / 40
    planes = np.stack([rows, columns, 1 - columns, rows][:channels], -1)
    samples = np.rint(planes * (2**depth - 1)).astype(np.uint8 if depth == 8 else np.uint16)
    metadata = Metadata(exif=exif_block(40, 24), icc=SRGB, xmp=XMP, dpi=(300.0, 300.0))
    return replace(load_photo(samples), metadata=metadata)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_metadata_survives_in_every_format(tmp_path: Path, suffix: str) -> None:
    photo = ramp_photo(3)
    assert save_photo(photo, photo.pixels, tmp_path / f"out{suffix}") == ()
    written = load_photo(tmp_path / f"out{suffix}")
    assert written.metadata.icc == SRGB
    assert written.metadata.xmp == XMP
    with Image.open(tmp_path / f"out{suffix}") as image:
        exif = image.getexif()
        assert exif[0x010F] == "a camera"
        assert exif.get_ifd(0x8769)[0x829A] == 0.01
        assert exif.get_ifd(0x8825)[1] == "N"
        if suffix not in (".webp", ".avif"):  # which have no field for it
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_keeps_every_number_of_every_kind_of_photo(tmp_path: Path, channels: int, depth: int) -> None:
    photo = ramp_photo(channels, depth)
    assert save_photo(photo, photo.pixels, tmp_path / "out.png") == ()
    written = load_photo(tmp_path / "out.png")
    assert (written.is_grey, written.bit_depth) == (photo.is_grey, photo.bit_depth)
    assert torch.equal(written.pixels, photo.pixels)
    assert (written.alpha is None) == (photo.alpha is None)
    if photo.alpha is not None and written.alpha is not None:
        assert torch.equal(written.alpha, photo.alpha)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tiff_keeps_every_number_and_another_library_reads_its_layout(
    tmp_path: Path, channels: int, depth: int
) -> None:
    tifffile = pytest.importorskip("tifffile")
    photo = ramp_photo(channels, depth)
    assert save_photo(photo, photo.pixels, tmp_path / "out.tif") == ()
    written = load_photo(tmp_path / "out.tif")
    assert (written.is_grey, written.bit_depth) == (photo.is_grey, photo.bit_depth)
    assert torch.equal(written.pixels, photo.pixels)
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        page = file.pages[0]
        assert (page.bitspersample, page.samplesperpixel, page.predictor) == (depth, channels, 2)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif"])
def test_lossy_formats_stay_close(tmp_path: Path, suffix: str, astronaut: torch.Tensor) -> None:
    photo = load_photo(astronaut)
    save_photo(photo, photo.pixels, tmp_path / f"out{suffix}")
    error = (load_photo(tmp_path / f"out{suffix}").pixels - photo.pixels).square().mean()
    assert -10 * error.log10() > 38  # dB


def test_numbers_are_rounded_and_not_truncated(tmp_path: Path) -> None:
    photo = ramp_photo(3)
    save_photo(photo, torch.full((3, 2, 2), 99.6 / 255), tmp_path / "out.png")
    assert np.asarray(Image.open(tmp_path / "out.png")).tolist() == [[[100] * 3] * 2] * 2


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif"])
def test_sixteen_bits_in_a_format_of_eight_are_reported(tmp_path: Path, suffix: str) -> None:
    photo = ramp_photo(3, depth=16)
    (warning,) = save_photo(photo, photo.pixels, tmp_path / f"out{suffix}")
    assert "8 bits" in warning


def test_transparency_in_a_jpeg_is_laid_on_white_and_reported(tmp_path: Path) -> None:
    samples = np.zeros((8, 16, 4), np.uint8)  # black, left half transparent
    samples[:, 8:, 3] = 255
    photo = load_photo(samples)
    (warning,) = save_photo(photo, photo.pixels, tmp_path / "out.jpg", quality=100)
    written = load_photo(tmp_path / "out.jpg").pixels
    assert "white" in warning
    assert written[:, :, :8].min() > 0.98
    assert written[:, :, 8:].max() < 0.02


def test_an_upscaled_photo_has_its_alpha_and_its_size_tags_scaled(tmp_path: Path) -> None:
    photo = ramp_photo(4)
    save_photo(photo, torch.zeros(3, 48, 80), tmp_path / "out.png")
    written = load_photo(tmp_path / "out.png")
    assert written.alpha is not None
    assert photo.alpha is not None
    assert written.alpha.shape == (1, 48, 80)
    assert torch.allclose(written.alpha[:, ::2, ::2], photo.alpha, atol=0.02)
    with Image.open(tmp_path / "out.png") as image:
        tags = image.getexif().get_ifd(0x8769)
    assert (tags[0xA002], tags[0xA003]) == (80, 48)


def test_a_grey_profile_stays_with_grey_and_leaves_where_a_format_has_none(tmp_path: Path) -> None:
    grey_profile = SRGB[:16] + b"GRAY" + SRGB[20:]
    photo = replace(ramp_photo(1), metadata=Metadata(icc=grey_profile))
    assert save_photo(photo, photo.pixels, tmp_path / "out.png") == ()
    assert load_photo(tmp_path / "out.png").metadata.icc == grey_profile
    (warning,) = save_photo(photo, photo.pixels, tmp_path / "out.webp")  # WebP has no grey
    assert "profile" in warning
    assert load_photo(tmp_path / "out.webp").metadata.icc is None


def test_metadata_too_long_for_a_jpeg_is_dropped_and_reported(tmp_path: Path) -> None:
    metadata = Metadata(exif=exif_block(1, 1) + bytes(70_000), xmp=XMP + b" " * 70_000)
    photo = replace(ramp_photo(3), metadata=metadata)
    lost = save_photo(photo, photo.pixels, tmp_path / "out.jpg")
    assert [sentence.split()[0] for sentence in lost] == ["EXIF", "XMP"]
    assert load_photo(tmp_path / "out.jpg").size == (24, 40)


def test_the_input_is_never_overwritten_by_whatever_name(tmp_path: Path) -> None:
    original = tmp_path / "photo.png"
    Image.new("RGB", (4, 4), "red").save(original)
    (tmp_path / "link.png").symlink_to(original)
    (tmp_path / "twin.png").hardlink_to(original)
    before = original.read_bytes()
    photo = load_photo(original)
    for name in ("photo.png", "link.png", "twin.png"):
        with pytest.raises(InputError, match="never overwritten"):
            save_photo(photo, photo.pixels, tmp_path / name, overwrite=True)
    assert original.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "size", "reason"),
    [
        ("out.heic", (4, 4), r"cannot be written as \.heic"),
        ("out", (4, 4), "without extension"),
        ("out.webp", (1, 16384), "16383"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_before_anything_is_written(
    tmp_path: Path, name: str, size: tuple[int, int], reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        save_photo(ramp_photo(3), torch.zeros(3, *size), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_pixels_that_are_no_numbers_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(UAREError, match="not finite"):
        save_photo(ramp_photo(3), torch.full((3, 4, 4), float("nan")), tmp_path / "out.png")


@pytest.mark.parametrize("size", [(1, 1), (20, 20_000)])
def test_extreme_sizes_are_written(tmp_path: Path, size: tuple[int, int]) -> None:
    photo = load_photo(np.zeros((*size, 3), np.uint16))
    for suffix in (".png", ".tif", ".jpg"):
        save_photo(photo, photo.pixels, tmp_path / f"out{suffix}")
        assert load_photo(tmp_path / f"out{suffix}").size == size


def test_a_pillow_picture_has_the_rounded_numbers_and_the_alpha() -> None:
    picture = to_pillow(torch.full((3, 1, 1), 0.5), torch.zeros(1, 1, 1))
    assert picture.mode == "RGBA"
    assert picture.getpixel((0, 0)) == (128, 128, 128, 0)
