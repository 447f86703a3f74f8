"""SPAQ: 11,125 photos from smartphones with mean opinions; the authors publish no split."""

from __future__ import annotations

from pathlib import Path

from data.readers.files import ScoreFiles
from data.readers.scales import Scale
from data.readers.sets.layout import part_of, pictures_in
from data.readers.sets.ratings import opinion, score_files
from data.readers.sets.sheet import sheet_rows
from data.readers.sets.splits import split_of

LISTING = "MOS and Image attribute scores.xlsx"
LAYOUT = f"Annotations/{LISTING} beside the folder TestImage with 00001.jpg and so on"
SCALE = Scale(0, 100)


def spaq(root: Path, split: str) -> ScoreFiles:
    """The photos of `train` or `test`, parted by their number."""
    listing = part_of(root, f"Annotations/{LISTING}", LISTING, layout=LAYOUT)
    folder = part_of(root, "TestImage", "images", layout=LAYOUT)
    opinions = [
        opinion(listing, line, row["Image name"], row["MOS"])
        for line, row in sheet_rows(listing, ("Image name", "MOS"))
        if split_of(row["Image name"]) == split
    ]
    return score_files("spaq", root, opinions, pictures_in(root, folder.name), SCALE, listing)
