"""FoundIR: groups name the harms, pairs are found by list or by stem, the test set has to be whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from data.readers.sets.foundir import GROUPS, TEST_GROUPS, types_of
from data.readers.sets.table import read_set
from data.samples import RestorationSource
from tests.data.readers.drawn import draw, grey_of
from tests.data.readers.reading import all_of
from uare.errors import InputError
from uare.vocabulary import DEGRADATIONS

PAIRS = {  # stem and extension of LQ; GT is always PNG
    "01Blur": ("0000001", ".png"),
    "03Blur_JPEG": ("0139431", ".JPG"),
    "11Raindrop": ("0546736", ".png"),
    "12NightRain": ("0591564", ".png"),
}


@pytest.fixture
def train(tmp_path: Path) -> Path:
    """A pair in each of four groups."""
    for grey, (group, (stem, suffix)) in enumerate(PAIRS.items(), start=1):
        draw(tmp_path / group / "GT" / f"{stem}.png", 100 + grey)
        draw(tmp_path / group / "LQ" / f"{stem}{suffix}", grey)
    return tmp_path


def read(root: Path, split: str) -> list[RestorationSource]:
    return all_of(read_set("foundir", root, split), RestorationSource)


def test_groups_say_the_harms_in_our_words() -> None:
    assert types_of("04Blur_Noise_JPEG") == ("blur", "noise", "jpeg")
    assert types_of("09Lowlight_Haze") == ("lowlight", "haze")
    assert types_of("11Raindrop") == types_of("10Rain") == ("rain",)
    assert types_of("12NightRain") == ("lowlight", "rain")
    assert all(set(types_of(group)) <= DEGRADATIONS.keys() for group in GROUPS)


def test_training_pairs_are_matched_by_stem_within_their_group(train: Path) -> None:
    sources = read(train, "train")
    assert [(grey_of(source.hq), grey_of(source.lq)) for source in sources] == [
        (101, 1),
        (102, 2),
        (103, 3),
        (104, 4),
    ]
    assert [source.types for source in sources] == [
        ("blur",),
        ("blur", "jpeg"),
        ("rain",),
        ("lowlight", "rain"),
    ]


def test_single_and_mixed_harms_part_the_training_set(train: Path) -> None:
    assert [source.types for source in read(train, "train-single")] == [("blur",), ("rain",)]
    assert [source.types for source in read(train, "train-mixed")] == [("blur", "jpeg"), ("lowlight", "rain")]


def test_lists_choose_the_training_pairs_each_once(train: Path) -> None:
    single = "01Blur/GT/0000001.png, 01Blur/LQ/0000001.png\n"
    mixed = "03Blur_JPEG/GT/0139431.png, 03Blur_JPEG/LQ/0139431.JPG\n"
    absent = "05Noise/GT/1.png, 05Noise/LQ/1.png\n"
    (train / "Trainset_meta_info_single.txt").write_text(single)
    (train / "Trainset_meta_info.txt").write_text(single + mixed + absent)
    (train / "Testset_meta_info.txt").write_text("10Rain/GT/0801.png, 10Rain/LQ/0801.png\n")
    assert [grey_of(source.lq) for source in read(train, "train")] == [1, 2]  # group 05 is not on this disk


def test_a_list_of_pairs_that_are_not_there_is_refused(train: Path) -> None:
    (train / "Trainset_meta_info.txt").write_text("01Blur/GT/0000009.png, 01Blur/LQ/0000009.png\n")
    with pytest.raises(InputError, match=r"has no 01Blur/GT/0000009\.png; expected group folders"):
        read(train, "train")


def test_a_line_that_names_no_pair_is_refused(train: Path) -> None:
    (train / "Trainset_meta_info.txt").write_text("\n01Blur/LQ/0000001.png, 01Blur/GT/0000001.png\n")
    with pytest.raises(
        InputError, match=r"Trainset_meta_info\.txt line 2 is '01Blur/LQ.*expected a pair like"
    ):
        read(train, "train")


def test_a_pair_without_its_half_and_a_folder_without_groups_are_refused(train: Path) -> None:
    (train / "01Blur/LQ/0000001.png").unlink()
    with pytest.raises(InputError, match=r"GT has 0000001, .*LQ has not"):
        read(train, "train")
    with pytest.raises(InputError, match="has no 01Blur; expected group folders like 01Blur/GT"):
        read(train / "01Blur", "train")


def lay_test_set(root: Path, flat: bool) -> None:
    """1500 empty pairs; JPEG groups have .jpg beside .png."""
    first = 1
    for group, last in TEST_GROUPS.items():
        folder = root if flat else root / group
        for side in ("GT", "LQ"):
            os.makedirs(folder / side, exist_ok=True)
            suffix = ".jpg" if side == "LQ" and "JPEG" in group else ".png"
            for number in range(first, last + 1):
                (folder / side / f"{number:04d}{suffix}").touch()
        first = last + 1


@pytest.mark.parametrize("flat", [False, True])
def test_the_test_set_is_read_by_its_table_of_numbers(tmp_path: Path, flat: bool) -> None:
    lay_test_set(tmp_path, flat)
    sources = read(tmp_path, "test")
    assert len(sources) == 1500
    folder = "" if flat else "19Lowlight_Blur_JPEG/"
    source = sources[1425]  # number 1426
    assert (source.hq.name, source.lq and source.lq.name) == (f"{folder}GT/1426.png", f"{folder}LQ/1426.jpg")
    assert source.types == ("lowlight", "blur", "jpeg")
    assert [sum(source.types == types for source in sources) for types in (("blur",), ("rain",))] == [
        150,
        200,
    ]


def test_an_incomplete_test_set_and_one_in_the_wrong_group_are_refused(tmp_path: Path) -> None:
    lay_test_set(tmp_path, flat=False)
    for side in ("GT", "LQ"):
        (tmp_path / f"08Haze/{side}/0501.png").rename(tmp_path / f"09Lowlight_Haze/{side}/0501.png")
    with pytest.raises(
        InputError, match=r"09Lowlight_Haze/GT/0501\.png lies in the wrong group, expected 08Haze"
    ):
        read(tmp_path, "test")
    for side in ("GT", "LQ"):
        (tmp_path / f"09Lowlight_Haze/{side}/0501.png").unlink()
    with pytest.raises(InputError, match="has no pair 08Haze/0501; expected the 20 groups"):
        read(tmp_path, "test")
