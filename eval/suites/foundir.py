"""FoundIR's test set: 1500 photographed pairs in 20 groups, of which centre crops of 1024 px are used.

The paper tabulates nine groups of several harms and four of one. Pairs are matched by their number: JPEG
groups have .jpg inputs beside .png references.
"""

from __future__ import annotations

from pathlib import Path

from data.readers.sets.foundir import TEST_GROUPS
from eval.suites.items import pictures_by_stem
from eval.suites.suite import Candidate, DataMissing, Found, Request

FOLDERS = ("FoundIR", "FoundIR/test", "FoundIR/Testset")
CROP_PX = 1024
MIXED = (
    "02Blur_Noise",
    "03Blur_JPEG",
    "09Lowlight_Haze",
    "15Lowlight_Blur",
    "16Lowlight_Noise",
    "17Lowlight_JPEG",
    "18Lowlight_Blur_Noise",
    "19Lowlight_Blur_JPEG",
    "20Lowlight_Noise_JPEG",
)
SINGLE = ("01Blur", "08Haze", "11Raindrop", "14Lowlight")
OTHERS = tuple(group for group in TEST_GROUPS if group not in MIXED + SINGLE)
TAGS = (
    dict.fromkeys(MIXED, "paper's mixed degradations")
    | dict.fromkeys(SINGLE, "paper's single degradations")
    | dict.fromkeys(OTHERS, "not in the paper's tables")
)


def find_foundir(request: Request) -> Found:
    """The pairs that are there, the paper's groups first; a sentence for each group that lacks some."""
    root = next((request.data_root / name for name in FOLDERS if _is_set(request.data_root / name)), None)
    if root is None:
        raise DataMissing(
            f"{request.data_root} holds no folder {' or '.join(FOLDERS)} with groups like 01Blur or with GT "
            "and LQ"
        )
    candidates: list[Candidate] = []
    problems: list[str] = []
    flat = _both_sides(root, problems) if (root / "GT").is_dir() else None
    for group in MIXED + SINGLE + OTHERS:
        lq, gt = flat if flat is not None else _both_sides(root / group, problems)
        numbers = _numbers(group)
        there = [number for number in numbers if number in lq and number in gt]
        if len(there) < len(numbers):
            lacking = next(number for number in numbers if number not in there)
            problems.append(
                f"{root}: {group} lacks {len(numbers) - len(there)} of its {len(numbers)} pairs, the first "
                f"is {lacking}; unpack the set again"
            )
        candidates += [
            Candidate(
                id=number,
                group=group,
                lq=lq[number],
                gt=gt[number],
                tags=(TAGS[group],),
                scale=1,
                centre_px=CROP_PX,
            )
            for number in there
        ]
    return Found(candidates=tuple(candidates), problems=tuple(problems))


def _is_set(folder: Path) -> bool:
    return (folder / "GT").is_dir() or any((folder / group).is_dir() for group in TEST_GROUPS)


def _numbers(group: str) -> list[str]:
    """The numbers of a group's pairs: it starts where the one before ends."""
    ends = list(TEST_GROUPS.values())
    place = list(TEST_GROUPS).index(group)
    first = ends[place - 1] + 1 if place else 1
    return [f"{number:04d}" for number in range(first, ends[place] + 1)]


def _both_sides(folder: Path, problems: list[str]) -> tuple[dict[str, Path], dict[str, Path]]:
    """Inputs and references by number; what is wrong with them is added to `problems`."""
    sides = []
    for name in ("LQ", "GT"):
        found, wrong = pictures_by_stem(folder / name) if (folder / name).is_dir() else ({}, [])
        problems += wrong
        sides.append(found)
    return sides[0], sides[1]
