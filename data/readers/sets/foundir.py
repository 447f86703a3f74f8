"""FoundIR: photographed pairs in 20 groups of one to three harms, named after them.

A group holds GT and LQ with the same file names but for the extension: JPEG groups have .jpg (or .JPG) beside
.png. Training groups are paired by their lists where these lie beside them, else by stem.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data.readers.compact import CompactTexts
from data.readers.files import RestorationFiles
from data.readers.folders import match_stems
from data.readers.sets.layout import part_of, pictures_in, text_lines
from uare.errors import InputError

# Group -> the last of its numbers in the test set; a group starts where the one before ends
# (Testset_meta_info.txt of the authors).
TEST_GROUPS: dict[str, int] = {
    "01Blur": 150,
    "02Blur_Noise": 200,
    "03Blur_JPEG": 250,
    "04Blur_Noise_JPEG": 300,
    "05Noise": 400,
    "06JPEG": 450,
    "07Noise_JPEG": 500,
    "08Haze": 700,
    "09Lowlight_Haze": 800,
    "10Rain": 900,
    "11Raindrop": 1000,
    "12NightRain": 1050,
    "13Rain_Haze": 1100,
    "14Lowlight": 1150,
    "15Lowlight_Blur": 1250,
    "16Lowlight_Noise": 1300,
    "17Lowlight_JPEG": 1350,
    "18Lowlight_Blur_Noise": 1400,
    "19Lowlight_Blur_JPEG": 1450,
    "20Lowlight_Noise_JPEG": 1500,
}
GROUPS = tuple(TEST_GROUPS)
# Words of the group names in our vocabulary; a raindrop on the glass is kept as rain.
WORDS: dict[str, tuple[str, ...]] = {
    "Blur": ("blur",),
    "Noise": ("noise",),
    "JPEG": ("jpeg",),
    "Haze": ("haze",),
    "Rain": ("rain",),
    "Raindrop": ("rain",),
    "NightRain": ("lowlight", "rain"),
    "Lowlight": ("lowlight",),
}
TRAIN_LAYOUT = "group folders like 01Blur/GT/0000001.png and 01Blur/LQ/0000001.png"
TEST_LAYOUT = (
    "the 20 groups from 01Blur/GT/0001.png and 01Blur/LQ/0001.png to 20Lowlight_Noise_JPEG, "
    "or all in GT/0001.png and LQ/0001.png to 1500"
)


def types_of(group: str) -> tuple[str, ...]:
    """The harms that a group's name says, ids of `uare.vocabulary.DEGRADATIONS`."""
    return tuple(kind for word in group[2:].split("_") for kind in WORDS[word])


def foundir(root: Path, split: str) -> RestorationFiles:
    """Pairs of `train`, of its groups with one harm or several (`train-single`, `train-mixed`), or of `test`.

    Of the training set the groups that are there are read, the test set has to be whole.
    """
    if split == "test":
        return _files(root, list(_test_pairs(root)))
    pairs = list(_train_pairs(root))
    wanted = {"train": (1, 3), "train-single": (1, 1), "train-mixed": (2, 3)}[split]
    pairs = [pair for pair in pairs if wanted[0] <= len(types_of(pair[0])) <= wanted[1]]
    if not pairs:
        raise InputError(f"{root} has no pairs for {split}; expected {TRAIN_LAYOUT}")
    part_of(root, pairs[0][1], layout=TRAIN_LAYOUT)
    return _files(root, pairs)


def _files(root: Path, pairs: list[tuple[str, str, str]]) -> RestorationFiles:
    """pairs: group, path of GT and path of LQ below `root`."""
    return RestorationFiles(
        name="foundir",
        root=root,
        hq=CompactTexts(hq for _, hq, _ in pairs),
        lq=CompactTexts(lq for _, _, lq in pairs),
        kinds=tuple(types_of(group) for group in GROUPS),
        kind=np.array([GROUPS.index(group) for group, _, _ in pairs], dtype=np.uint8),
    )


def _train_pairs(root: Path) -> Iterator[tuple[str, str, str]]:
    lists = [path for path in sorted(root.glob("*meta*.txt")) if not path.name.lower().startswith("test")]
    part_of(root, next(iter(_groups(root)), GROUPS[0]), layout=TRAIN_LAYOUT)
    if lists:
        # The list of all groups repeats those of the groups with one harm.
        pairs = dict.fromkeys(pair for path in lists for pair in _listed(path))
        there = set(_groups(root))
        yield from (pair for pair in pairs if pair[0] in there)
        return
    for group in _groups(root):
        for hq, lq in _matched(root, group):
            yield group, hq, lq


def _groups(root: Path) -> list[str]:
    return [group for group in GROUPS if (root / group).is_dir()]


def _listed(path: Path) -> Iterator[tuple[str, str, str]]:
    for number, line in text_lines(path):
        hq, _, lq = (part.strip() for part in line.partition(","))
        group = hq.split("/")[0]
        if group not in TEST_GROUPS or not hq.startswith(f"{group}/GT/") or not lq.startswith(f"{group}/LQ/"):
            raise InputError(
                f"{path} line {number} is {line!r}, expected a pair like 01Blur/GT/0001.png, "
                "01Blur/LQ/0001.png; take the list of the authors"
            )
        yield group, hq, lq


def _matched(root: Path, group: str) -> list[tuple[str, str]]:
    """Paths below `root` of the pairs in one group, or in the flat folders GT and LQ where `group` is "."."""
    hq = part_of(root / group, "GT", layout=TRAIN_LAYOUT)
    lq = part_of(root / group, "LQ", layout=TRAIN_LAYOUT)
    pairs = match_stems(hq, pictures_in(hq, ".").keys(), lq, pictures_in(lq, ".").keys())
    start = "" if group == "." else f"{group}/"
    return [(f"{start}GT/{first}", f"{start}LQ/{second}") for first, second in pairs]


def _test_pairs(root: Path) -> Iterator[tuple[str, str, str]]:
    flat = (root / "GT").is_dir()
    part_of(root, "GT" if flat else next(iter(_groups(root)), GROUPS[0]), layout=TEST_LAYOUT)
    found = {
        Path(hq).stem: (hq, lq)
        for group in (["."] if flat else _groups(root))
        for hq, lq in _matched(root, group)
    }
    first = 1
    for group, last in TEST_GROUPS.items():
        for number in range(first, last + 1):
            stem = f"{number:04d}"
            if stem not in found:
                raise InputError(f"{root} has no pair {group}/{stem}; expected {TEST_LAYOUT}")
            hq, lq = found[stem]
            if not flat and not hq.startswith(f"{group}/"):
                raise InputError(
                    f"{root / hq} lies in the wrong group, expected {group}; unpack the set again"
                )
            yield group, hq, lq
        first = last + 1
