"""DiffIQA (A-FINE): six enhanced versions of each photo, each judged by three people against the photo.

A label says that the version is better than the photo (Positive), as good (Similar) or worse (Negative). Two
of three decide. Versions of a photo are compared through their labels, as the authors do: two that are both
better or both worse say nothing about each other.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np

from data.readers.compact import CompactTexts
from data.readers.files import ChoiceFiles
from data.readers.sets.layout import part_of, text_lines
from uare.errors import InputError

LAYOUT = (
    "Train, Validation and Test, each with images/01/NAME_01.png to images/06, images/Original/NAME.png and "
    "labels/A/01/NAME_01.json to labels/C/06"
)
SPLITS = {"train": "Train", "val": "Validation", "test": "Test"}
PEOPLE = ("A", "B", "C")
PREFERENCE = {"Positive": 1.0, "Similar": 0.5, "Negative": 0.0}  # of a version against the photo

# File names of the first, the second and the photo, and the preference for the first.
Triplet = tuple[str, str, str, float]


def diffiqa(root: Path, split: str) -> ChoiceFiles:
    """Comparisons of `train`, `val` or `test`: from the authors' list of triplets, or from the labels."""
    folder = part_of(root, SPLITS[split], layout=LAYOUT)
    part_of(folder, "images/Original", layout=LAYOUT)
    lists = sorted(folder.glob("*label*/Triplet/Triplet.txt"))
    triplets = list(_listed(lists[0])) if lists else list(_from_labels(_label_folder(folder)))
    if not triplets:
        raise InputError(f"{folder} has no comparisons; expected {LAYOUT}")
    part_of(folder, _path(triplets[0][0]), layout=LAYOUT)
    return ChoiceFiles(
        name="diffiqa",
        root=folder,
        first=CompactTexts(_path(first) for first, _, _, _ in triplets),
        second=CompactTexts(_path(second) for _, second, _, _ in triplets),
        # Where the second is the photo itself, a reference would give the answer away.
        reference=CompactTexts("" if photo == second else _path(photo) for _, second, photo, _ in triplets),
        preference=np.array([preference for *_, preference in triplets]),
    )


def _path(name: str) -> str:
    """Where a picture lies below the folder of its split: `x_03.png` is version 03 of the photo `x.png`."""
    _, separator, version = Path(name).stem.rpartition("_")
    return f"images/{version if separator else 'Original'}/{name}"


def _label_folder(folder: Path) -> Path:
    nested = sorted(folder.glob("*label/labels"))  # as the download unpacks: trainlabel/labels
    return nested[0] if nested else part_of(folder, "labels", layout=LAYOUT)


def _listed(path: Path) -> Iterator[Triplet]:
    for number, line in text_lines(path):
        try:
            first, second, photo, preference, *_ = line.split(",")
            yield first, second, photo, float(preference)
        except ValueError:
            raise InputError(
                f"{path} line {number} is {line!r}, expected x_01.png,x_02.png,x.png,1 and further scores; "
                "take the list of the authors"
            ) from None


def _from_labels(labels: Path) -> Iterator[Triplet]:
    versions = sorted(path.name for path in part_of(labels, "A", layout=LAYOUT).iterdir() if path.is_dir())
    photos = {
        path.stem.rpartition("_")[0]
        for version in versions
        for path in (labels / "A" / version).glob("*.json")
    }
    for photo in sorted(photos):
        decided = {}
        for version in versions:
            name = f"{photo}_{version}"
            votes = Counter(_label(labels / person / version / f"{name}.json") for person in PEOPLE)
            label, num_votes = votes.most_common(1)[0]
            if num_votes >= 2:
                decided[f"{name}.png"] = PREFERENCE[label]
        for (first, score), (second, other) in combinations(decided.items(), 2):
            if score != other or score == PREFERENCE["Similar"]:
                yield first, second, f"{photo}.png", 0.5 if score == other else float(score > other)
        for first, score in decided.items():
            yield first, f"{photo}.png", f"{photo}.png", score


def _label(path: Path) -> str:
    try:
        label = json.loads(path.read_text(encoding="utf-8"))["Picture_AI"]["Label"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} holds no label ({error!r}); expected {LAYOUT}") from error
    if label not in PREFERENCE:
        raise InputError(
            f"{path} has the label {label!r}, expected one of {', '.join(PREFERENCE)}; correct it"
        )
    return str(label)
