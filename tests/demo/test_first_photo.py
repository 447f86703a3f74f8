"""The first try around the command: its picture to look at, and what it does where the command fails."""

from pathlib import Path

import pytest
from PIL import Image

from demo.first_photo import main, write_side_by_side


def test_the_photo_is_on_the_left_and_its_restoration_on_the_right(tmp_path: Path) -> None:
    photo, restored, target = (tmp_path / name for name in ("photo.png", "restored.png", "both.png"))
    Image.new("RGB", (80, 60), "red").save(photo)
    Image.new("RGB", (80, 60), "blue").save(restored)
    write_side_by_side(photo, restored, target)
    both = Image.open(target)
    assert both.getpixel((10, 10)) == (255, 0, 0)
    assert both.getpixel((both.width - 10, 10)) == (0, 0, 255)


def test_a_photo_that_is_not_there_leaves_no_results(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "missing.jpg"), "--output", str(tmp_path / "results")]) != 0
    assert not list(tmp_path.rglob("*.png"))
    assert capfd.readouterr().err, "nobody was told"
