"""KADID-10k: 81 photos, each harmed in 25 ways at 5 levels.

Its column `dmos` goes up with quality despite the name, and `var` holds standard deviations: the first row's
4.57 and 0.496 are 30 votes, 17 times 5 and 13 times 4.
"""

from __future__ import annotations

from pathlib import Path

from data.readers.files import ScoreFiles
from data.readers.scales import Scale
from data.readers.sets.layout import csv_rows, part_of, pictures_in
from data.readers.sets.ratings import opinion, score_files
from data.readers.sets.splits import split_of

LISTING = "dmos.csv"
LAYOUT = f"{LISTING} beside the folder images with I01_01_01.png to I81_25_05.png"
SCALE = Scale(1, 5)


def kadid(root: Path, split: str) -> ScoreFiles:
    """The pictures of `train` or `test`, parted by their clean photo."""
    listing = part_of(root, LISTING, layout=LAYOUT)
    folder = part_of(root, "images", layout=LAYOUT)
    opinions = [
        opinion(listing, line, row["dist_img"], row["dmos"], row["var"])
        for line, row in csv_rows(listing, ("dist_img", "ref_img", "dmos", "var"))
        if split_of(row["ref_img"]) == split
    ]
    return score_files("kadid10k", root, opinions, pictures_in(root, folder.name), SCALE, listing)
