"""Training photos: what the manifest admits, and crops that depend on seed and index alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.photos import (
    CropSettings,
    PhotoCrops,
    Pixels,
    draw_picture,
    load_photos,
    random_crop,
    training_folder,
)
from uare.errors import InputError


def gradient_photo(height: int, width: int) -> Pixels:
    """Red grows with the row, green with the column, one level a pixel: every pixel says where it is from."""
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows, columns, np.full_like(rows, 7)], axis=-1).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two photos, of which the manifest marks one as clear."""
    Image.fromarray(gradient_photo(64, 96)).save(tmp_path / "a.webp", lossless=True)
    Image.fromarray(gradient_photo(32, 32)).save(tmp_path / "b.webp", lossless=True)
    entries = [{"file": "b.webp", "clear": False}, {"file": "a.webp", "clear": True}]
    (tmp_path / "photos.json").write_text(json.dumps(entries))
    return tmp_path


def test_darkened_photos_are_darker_but_never_black() -> None:
    photo = np.full((16, 16, 3), 128, np.uint8)
    never, always = (
        PhotoCrops([photo], CropSettings(size_px=16, drawn_share=0.0, darkened_share=share), 0)
        for share in (0.0, 1.0)
    )
    assert (never.crop(0) == 128).all()
    levels = [int(always.crop(index).max()) for index in range(50)]
    assert min(levels) >= 255 * 0.7 * (128 / 255) ** 1.7 - 1
    assert max(levels) <= 255 * (128 / 255) ** 1.1 + 1


def test_only_photos_marked_clear_are_loaded(folder: Path) -> None:
    photos = load_photos(folder)
    assert len(photos) == 1
    assert np.array_equal(photos[0], gradient_photo(64, 96))


def test_a_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"photos\.json"):
        load_photos(tmp_path)


def test_a_manifest_without_clear_photos_is_refused(folder: Path) -> None:
    (folder / "photos.json").write_text('[{"file": "a.webp", "clear": false}]')
    with pytest.raises(InputError, match="marks no photo as clear"):
        load_photos(folder)


def test_a_broken_photo_is_named(folder: Path) -> None:
    (folder / "a.webp").write_bytes(b"RIFF")
    with pytest.raises(InputError, match=r"cannot read training photo .*a\.webp"):
        load_photos(folder)


def test_the_folder_comes_from_the_argument_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UARE_TRAIN_PHOTOS", "/elsewhere")
    assert training_folder(tmp_path) == tmp_path
    assert training_folder() == Path("/elsewhere")
    monkeypatch.delenv("UARE_TRAIN_PHOTOS")
    with pytest.raises(InputError, match="UARE_TRAIN_PHOTOS"):
        training_folder()


def test_a_crop_depends_on_seed_and_index_alone() -> None:
    settings = CropSettings(size_px=32, drawn_share=0.3, quarter_turns=True)
    crops = PhotoCrops([gradient_photo(100, 120)], settings, seed=3)
    batch = crops.batch(10, 8)
    assert np.array_equal((batch[5].permute(1, 2, 0).numpy() * 255).round(), crops.crop(15))
    assert np.array_equal(PhotoCrops([gradient_photo(100, 120)], settings, seed=3).crop(15), crops.crop(15))
    other = PhotoCrops([gradient_photo(100, 120)], settings, seed=4)
    assert any(not np.array_equal(other.crop(index), crops.crop(index)) for index in range(4))


def test_a_batch_holds_float_images_between_zero_and_one() -> None:
    batch = PhotoCrops([gradient_photo(64, 64)], CropSettings(size_px=32), seed=0).batch(0, 16)
    assert batch.shape == (16, 3, 32, 32)
    assert float(batch.min()) >= 0 and float(batch.max()) <= 1


def test_a_crop_is_reduced_by_a_factor_between_the_limits() -> None:
    steps = []
    for index in range(40):
        pixels = random_crop(gradient_photo(200, 220), 64, 0.5, np.random.default_rng(index))
        assert pixels.shape == (64, 64, 3)
        # red grows by one level per source row, so its slope is the source rows per row of the crop
        steps.append((float(pixels[56, 32, 0]) - float(pixels[8, 32, 0])) / 48)
    assert min(steps) == pytest.approx(1.0, abs=0.1)
    assert max(steps) == pytest.approx(2.0, abs=0.1)
    assert min(steps) > 0.98


def test_reducing_a_checkerboard_leaves_grey() -> None:
    board = (np.indices((128, 128)).sum(axis=0) % 2 * 255).astype(np.uint8)
    photo = np.repeat(board[..., None], 3, axis=-1)
    reduced = [random_crop(photo, 64, 0.5, np.random.default_rng(index)) for index in range(30)]
    halved = min(reduced, key=lambda pixels: float(pixels.std()))
    assert abs(float(halved.mean()) - 127.5) < 2
    assert float(halved.std()) < 10  # without antialiasing it stays at 127


def test_without_quarter_turns_a_photo_stays_upright() -> None:
    crops = PhotoCrops([gradient_photo(80, 80)], CropSettings(size_px=32, drawn_share=0), seed=0)
    for index in range(12):
        pixels = crops.crop(index).astype(int)
        assert pixels[-1, 0, 0] > pixels[0, 0, 0]  # red grows downwards


def test_photos_smaller_than_the_crop_are_left_out() -> None:
    small, large = gradient_photo(20, 300), gradient_photo(64, 64)
    assert len(PhotoCrops([small, large], CropSettings(size_px=32), seed=0).photos) == 1
    with pytest.raises(InputError, match="choose a smaller crop"):
        PhotoCrops([small], CropSettings(size_px=32), seed=0)


def test_drawn_pictures_differ_and_have_the_size_asked_for() -> None:
    pictures = [draw_picture(48, np.random.default_rng(index)) for index in range(20)]
    assert {picture.shape for picture in pictures} == {(48, 48, 3)}
    assert len({picture.tobytes() for picture in pictures}) == 20


def test_impossible_crop_settings_are_refused() -> None:
    with pytest.raises(InputError, match="min_scale"):
        CropSettings(size_px=32, min_scale=0)


def test_soft_crops_have_less_fine_structure_than_the_photo() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (200, 220, 3), dtype=np.uint8)

    def roughness(soft_share: float) -> float:
        settings = CropSettings(size_px=64, drawn_share=0, darkened_share=0, soft_share=soft_share)
        pixels = PhotoCrops([photo], settings, seed=0).batch(0, 24)
        return float(pixels.diff(dim=-1).abs().mean())

    assert roughness(1.0) < 0.6 * roughness(0.0)
