"""FGRestore and sets of its form: two restorations of a photo and which of them is better."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data.fgrestore.labels import A_BETTER, B_BETTER, EQUAL
from data.fgrestore.layout import MAPPING, PAIRS, read_fgrestore
from data.readers.compact import CompactTexts
from data.readers.files import ChoiceFiles
from data.readers.sets.layout import part_of
from uare.errors import InputError

LAYOUT = "pairs.parquet and the pictures that it names, or fgrestore.yaml (data/fgrestore/layout.py)"
# By content unless said otherwise: pairs of one photo in both parts leak.
SPLITS = ("train", "test", "train-by-pair", "test-by-pair")
PREFERENCE = {A_BETTER: 1.0, EQUAL: 0.5, B_BETTER: 0.0}


def fgrestore(root: Path, split: str) -> ChoiceFiles:
    """The labelled pairs of a split; InputError where the set has none of it."""
    part_of(root, PAIRS, MAPPING, layout=LAYOUT)  # says what is missing as all readers do
    part, _, by_pair = split.partition("-")
    pairs = [
        pair
        for pair in read_fgrestore(root).pairs
        if (pair.split_pair if by_pair else pair.split_content) == part
    ]
    if not pairs:
        raise InputError(f"{root} has no pairs for {split}; choose another split, or build the set with it")
    return ChoiceFiles(
        name="fgrestore",
        root=root,
        first=CompactTexts(pair.image_a for pair in pairs),
        second=CompactTexts(pair.image_b for pair in pairs),
        # judged without the reference, as the people were asked
        reference=CompactTexts("" for _ in pairs),
        preference=np.array([PREFERENCE[pair.label] for pair in pairs if pair.label is not None]),
    )
