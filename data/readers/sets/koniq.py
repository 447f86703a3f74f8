"""KonIQ-10k: photos from the web with mean opinions and an official split."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from data.readers.files import ScoreFiles
from data.readers.scales import Scale
from data.readers.sets.layout import csv_rows, part_of, pictures_in
from data.readers.sets.ratings import Opinion, opinion, score_files

LISTING = "koniq10k_distributions_sets.csv"
LAYOUT = f"{LISTING} beside the folder 1024x768, images or 512x384 with 10373467645.jpg and so on"
# The table on the authors' GitHub has opinions normalised to 1..100, the one on the set's page means of the
# votes from 1 to 5; the deviations are of the votes in both.
NORMALISED = Scale(1, 100)
VOTES = Scale(1, 5)
SPLITS = {"train": "training", "val": "validation", "test": "test"}  # ours -> the column `set`


def koniq(root: Path, split: str) -> ScoreFiles:
    """The photos of `train`, `val` or `test`."""
    listing = part_of(root, LISTING, layout=LAYOUT)
    folder = part_of(root, "1024x768", "images", "512x384", layout=LAYOUT)
    opinions = [
        opinion(listing, line, row["image_name"], row["MOS"], row["SD"])
        for line, row in csv_rows(listing, ("image_name", "MOS", "SD", "set"))
        if row["set"] == SPLITS[split]
    ]
    pictures = pictures_in(root, folder.name)
    return score_files("koniq10k", root, opinions, pictures, _scale(opinions), listing)


def _scale(opinions: list[Opinion]) -> Scale:
    # The middle one decides, so that a single wrong value is refused and not taken for another scale.
    if opinions and median(row.value for row in opinions) <= VOTES.high:
        return VOTES
    return NORMALISED
