"""The sample photos of the first try: the same for everybody, and really harmed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from data.sample_photos import SAMPLE_PHOTOS, SamplePhoto, clean_photo, harmed_photo, main, write_sample

pytest.importorskip("skimage.data")
EVERY_SAMPLE = pytest.mark.parametrize("sample", SAMPLE_PHOTOS, ids=lambda sample: sample.name)


@EVERY_SAMPLE
def test_a_sample_is_the_same_at_every_call(sample: SamplePhoto) -> None:
    assert torch.equal(harmed_photo(sample), harmed_photo(sample))


@EVERY_SAMPLE
def test_a_sample_is_clearly_harmed_and_still_the_same_photo(sample: SamplePhoto) -> None:
    clean, harmed = clean_photo(sample.name), harmed_photo(sample)
    psnr_db = -10 * (clean - harmed).square().mean().log10()
    both = torch.stack([clean.flatten(), harmed.flatten()])
    assert psnr_db < 22, "nobody would see the harm"
    assert torch.corrcoef(both)[0, 1] > 0.8, "nothing is left to restore"


def test_low_light_makes_the_photo_darker() -> None:
    sample = SamplePhoto(name="coffee", types=("lowlight",), severities=(3,))
    assert harmed_photo(sample).mean() < clean_photo("coffee").mean() / 2


def test_a_written_sample_reads_back_bit_by_bit(tmp_path: Path) -> None:
    sample = SAMPLE_PHOTOS[0]
    read = torch.from_numpy(np.array(Image.open(write_sample(tmp_path / "new" / "folder", sample))))
    assert torch.equal(read.permute(2, 0, 1)[None].float() / 255, harmed_photo(sample))


def test_the_command_writes_each_photo_harmed_and_clean(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    names = {sample.name for sample in SAMPLE_PHOTOS}
    assert {path.name for path in tmp_path.iterdir()} == {f"{n}.png" for n in names} | {
        f"{n}_clean.png" for n in names
    }
