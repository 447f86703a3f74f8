"""The real codecs: harm grows as asked, colours and odd sizes stay, and what is missing is named."""

import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import features
from torch import Tensor

from data.degradations import compress
from data.degradations.jpeg import encode_decode
from data.degradations.real_codecs import (
    STILL,
    VIDEO,
    VideoCodec,
    avif_file,
    intra_frame,
    jpeg_file,
    recode,
    webp_file,
)
from uare.errors import InputError

NO_AVIF = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
# From almost lossless to ugly, in what each codec takes.
SETTINGS: dict[str, tuple[int, int, int]] = {
    "jpeg": (97, 40, 8),
    "webp": (97, 40, 1),
    "avif": (95, 40, 5),
    "mpeg2video": (1, 10, 31),
    "mpeg4": (1, 10, 31),
    "libx264": (4, 28, 44),
    "libx265": (4, 28, 44),
}


def settings() -> list[object]:
    """One case for each codec, left out where this build lacks it."""
    return [pytest.param(name, marks=[NO_AVIF] if name == "avif" else []) for name in SETTINGS]


EACH = pytest.mark.parametrize("codec", settings())


@pytest.fixture
def photo(coffee: Tensor) -> Tensor:
    """(3, 64, 96) of a cup and its table."""
    return coffee[0, :, 100:164, 200:296]


@pytest.fixture(autouse=True)
def video_codecs(request: pytest.FixtureRequest) -> None:
    codec = getattr(request.node, "callspec", None) and request.node.callspec.params.get("codec")
    if codec in VIDEO:
        av = pytest.importorskip("av")
        if codec not in av.codecs_available:
            pytest.skip(f"this PyAV has no {codec}")


def mean_difference(first: Tensor, second: Tensor) -> float:
    return float((first - second).abs().mean()) * 255


def test_settings_cover_every_codec() -> None:
    assert set(SETTINGS) == {*STILL, *VIDEO}


@EACH
def test_the_best_setting_keeps_the_photo_and_worse_ones_lose_more(codec: str, photo: Tensor) -> None:
    losses = [mean_difference(recode(photo, codec, strength), photo) for strength in SETTINGS[codec]]
    # Halved chroma alone moves this photo by 2 to 3 levels.
    assert losses[0] < 4
    assert losses[0] < losses[1] < losses[2]


@EACH
def test_odd_sizes_come_back_as_they_were_and_in_place(codec: str, photo: Tensor) -> None:
    odd, tiny = photo[:, :37, :51], photo[:, :9, :3]
    decoded = recode(odd, codec, SETTINGS[codec][0])
    assert decoded.shape == odd.shape
    assert recode(tiny, codec, SETTINGS[codec][1]).shape == tiny.shape
    shifted = decoded.roll(2, dims=-1)
    assert mean_difference(decoded, odd) < mean_difference(shifted, odd)


@EACH
def test_a_flat_colour_survives_the_way_to_luma_and_chroma(codec: str) -> None:
    colour = torch.tensor([200.0, 90.0, 40.0]) / 255
    flat = colour.view(3, 1, 1).expand(3, 32, 32)
    decoded = recode(flat, codec, SETTINGS[codec][0])
    # Video stores luma in 220 steps and chroma in 225: a level or two of rounding.
    assert float((decoded - flat).abs().max()) * 255 < 4


@EACH
def test_the_same_call_gives_the_same_bits_and_8_bit_values(codec: str, photo: Tensor) -> None:
    first, second = (recode(photo, codec, SETTINGS[codec][1]) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal((first * 255).round() / 255, first)


def test_a_jpeg_file_is_what_the_batched_stand_in_makes(photo: Tensor) -> None:
    for quality in (10, 50, 90):
        ours = encode_decode(photo[None], torch.tensor([float(quality)]), True)[0]
        # The codec works in integers; measured 0.1 to 0.6 levels.
        assert mean_difference(jpeg_file(photo, quality), ours) < 1


@pytest.mark.parametrize("preset", ["superfast", "slow"])
def test_presets_change_the_picture_a_little(preset: str, photo: Tensor) -> None:
    pytest.importorskip("av")
    medium = intra_frame(photo, "libx264", 30)
    other = intra_frame(photo, "libx264", 30, preset=preset)
    assert 0 < mean_difference(medium, other) < mean_difference(medium, photo) * 2


@pytest.mark.parametrize(
    "call",
    [
        lambda image: jpeg_file(image, 0),
        lambda image: webp_file(image, 101),
        lambda image: intra_frame(image, "libx264", 52),
        lambda image: intra_frame(image, "mpeg4", 0),
        lambda image: intra_frame(image, "libx265", 30, preset="lazy"),
        lambda image: recode(image, "png", 5),
    ],
)
def test_settings_that_no_codec_has_are_refused(call: Callable[[Tensor], Tensor], photo: Tensor) -> None:
    with pytest.raises(InputError, match="expected"):
        call(photo)


def test_a_missing_encoder_is_named(photo: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("av")
    absent = VideoCodec(decoder="h264", strengths=(0, 51), options=lambda strength, preset: {})
    monkeypatch.setitem(VIDEO, "libabsent", absent)
    with pytest.raises(InputError, match="no encoder libabsent"):
        intra_frame(photo, "libabsent", 20)


def test_without_pyav_the_extra_is_named(photo: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"\[media\]"):
        intra_frame(photo, "libx264", 20)


def test_without_avif_in_pillow_that_is_said(photo: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.raises(InputError, match="no AVIF"):
        avif_file(photo, 50)


@NO_AVIF
def test_compression_by_severity_uses_every_still_codec_and_says_which(photo: Tensor) -> None:
    many = photo.expand(24, -1, -1, -1)
    losses = []
    for severity in (1.0, 3.0, 5.0):
        harmed, records = compress(many, torch.full((24,), severity), torch.Generator().manual_seed(0))
        assert {(one.type, one.severity) for one in records} == {("jpeg", int(severity))}
        assert {one.parameters["codec"] for one in records} == set(STILL)
        losses.append(np.mean([mean_difference(one, photo) for one in harmed]))
    assert losses == sorted(losses)
