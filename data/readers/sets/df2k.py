"""DIV2K, Flickr2K and both together (DF2K): clean photos for super-resolution, as their zips unpack."""

from __future__ import annotations

from pathlib import Path

from data.readers.files import RestorationFiles
from data.readers.folders import clean_folder
from data.readers.joined import Joined
from data.readers.sets.layout import part_of

DIV2K_LAYOUT = "DIV2K_train_HR/0001.png to 0800.png and DIV2K_valid_HR/0801.png to 0900.png"
FLICKR2K_LAYOUT = "Flickr2K_HR/000001.png to 002650.png"
DF2K_LAYOUT = "the folders DIV2K/DIV2K_train_HR and Flickr2K/Flickr2K_HR"


def div2k(root: Path, split: str) -> RestorationFiles:
    """The photos of `train` or `val`."""
    folder = {"train": "DIV2K_train_HR", "val": "DIV2K_valid_HR"}[split]
    return clean_folder(part_of(root, folder, layout=DIV2K_LAYOUT), name="div2k")


def flickr2k(root: Path, split: str) -> RestorationFiles:
    """All photos; there is one split."""
    return clean_folder(part_of(root, "Flickr2K_HR", layout=FLICKR2K_LAYOUT), name="flickr2k")


def df2k(root: Path, split: str) -> Joined:
    """The training photos of DIV2K, then those of Flickr2K."""
    return Joined(
        "df2k",
        [
            div2k(part_of(root, "DIV2K", layout=DF2K_LAYOUT), split),
            flickr2k(part_of(root, "Flickr2K", layout=DF2K_LAYOUT), split),
        ],
    )
