"""A mask keeps what is outside it, number for number."""

from pathlib import Path

import numpy as np
import pytest
import torch

from uare.errors import InputError
from uare.images import load_photo
from uare.masks import apply_mask, load_mask
from uare.saving import save_photo


def test_a_mask_reads_white_as_one_and_transparent_as_zero() -> None:
    mask = np.zeros((2, 2, 4), np.uint8)
    mask[0] = 255
    mask[1, 0, :3] = 255  # white, but transparent
    assert load_mask(mask, (2, 2)).tolist() == [[[pytest.approx(1.0), pytest.approx(1.0)], [0.0, 0.0]]]


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match="3x2 px and its photo 2x3"):
        load_mask(np.zeros((2, 3), np.uint8), (3, 2))
    with pytest.raises(InputError, match="without upscaling"):
        apply_mask(torch.zeros(3, 2, 2), torch.zeros(3, 4, 4), torch.zeros(1, 2, 2))


@pytest.mark.parametrize(("suffix", "depth"), [(".png", 8), (".png", 16), (".tif", 8), (".tif", 16)])
def test_outside_the_mask_the_written_file_has_the_photos_own_numbers(
    tmp_path: Path, suffix: str, depth: int
) -> None:
    generator = np.random.default_rng(0)
    samples = generator.integers(0, 2**depth, (31, 45, 3)).astype(np.uint8 if depth == 8 else np.uint16)
    photo = load_photo(samples)
    mask = load_mask((generator.random((31, 45)) < 0.5).astype(np.uint8) * 255, (31, 45))
    restored = apply_mask(photo.pixels, 1 - photo.pixels, mask)
    save_photo(photo, restored, tmp_path / f"restored{suffix}")
    written = load_photo(tmp_path / f"restored{suffix}")
    outside = mask[0] == 0
    assert written.bit_depth == depth
    assert torch.equal(written.pixels[:, outside], photo.pixels[:, outside])
    assert torch.allclose(written.pixels[:, ~outside], 1 - photo.pixels[:, ~outside], atol=1e-3)
