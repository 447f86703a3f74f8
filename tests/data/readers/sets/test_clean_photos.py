"""DIV2K, Flickr2K, DF2K and LSDIR as they unpack."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.readers.sets.table import read_set
from data.samples import RestorationSource
from tests.data.readers.drawn import draw, grey_of
from tests.data.readers.reading import all_of
from uare.errors import InputError


def greys(name: str, root: Path, split: str) -> list[int]:
    return [grey_of(source.hq) for source in all_of(read_set(name, root, split), RestorationSource)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """DF2K with two training photos of DIV2K, one of validation, one of Flickr2K, and reduced ones beside."""
    draw(tmp_path / "DIV2K/DIV2K_train_HR/0001.png", 1)
    draw(tmp_path / "DIV2K/DIV2K_train_HR/0800.png", 2)
    draw(tmp_path / "DIV2K/DIV2K_train_LR_bicubic/X4/0001x4.png", 99)
    draw(tmp_path / "DIV2K/DIV2K_valid_HR/0801.png", 3)
    draw(tmp_path / "Flickr2K/Flickr2K_HR/000001.png", 4)
    draw(tmp_path / "Flickr2K/Flickr2K_LR_bicubic/X4/000001x4.png", 99)
    return tmp_path


def test_div2k_and_flickr2k_give_their_full_size_photos(root: Path) -> None:
    assert greys("div2k", root / "DIV2K", "train") == [1, 2]
    assert greys("div2k", root / "DIV2K", "val") == [3]
    assert greys("flickr2k", root / "Flickr2K", "train") == [4]
    assert greys("df2k", root, "train") == [1, 2, 4]


def test_what_is_missing_is_said_with_the_layout(root: Path) -> None:
    with pytest.raises(InputError, match=r"has no DIV2K; expected the folders DIV2K/DIV2K_train_HR and"):
        read_set("df2k", root / "DIV2K", "train")
    with pytest.raises(InputError, match=r"has no Flickr2K_HR; expected Flickr2K_HR/000001\.png"):
        read_set("flickr2k", root / "DIV2K", "train")
    with pytest.raises(InputError, match=r"there is no folder .*gone; give the folder with DIV2K_train_HR"):
        read_set("div2k", root / "gone", "train")


def test_lsdir_gives_the_photos_of_all_its_folders_and_not_the_reduced_ones(tmp_path: Path) -> None:
    draw(tmp_path / "HR/train/0001000/0000001.png", 1)
    draw(tmp_path / "HR/train/0085000/0084991.png", 2)
    draw(tmp_path / "X4/train/0001000/0000001x4.png", 99)
    draw(tmp_path / "val1/HR/val/0000001.png", 3)
    assert greys("lsdir", tmp_path, "train") == [1, 2]
    assert greys("lsdir", tmp_path, "val") == [3]
    with pytest.raises(InputError, match=r"has no HR/train and no train; expected HR/train/0001000"):
        read_set("lsdir", tmp_path / "val1", "train")
