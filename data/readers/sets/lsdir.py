"""LSDIR: clean photos, in folders of a thousand."""

from __future__ import annotations

from pathlib import Path

from data.readers.files import RestorationFiles
from data.readers.folders import clean_folder
from data.readers.sets.layout import part_of

LAYOUT = "HR/train/0001000/0000001.png and so on, and HR/val/0000001.png to 0001000.png"


def lsdir(root: Path, split: str) -> RestorationFiles:
    """The full-size photos of `train` or `val`; the bicubically reduced ones beside them are not read."""
    # The archive of the validation photos unpacks into a folder of its own.
    places = {"train": ("HR/train", "train"), "val": ("HR/val", "val1/HR/val")}[split]
    return clean_folder(part_of(root, *places, layout=LAYOUT), name="lsdir")
