"""SPAQ: 11,125 photos from smartphones with mean opinions, overall and of attributes; there is no split.

The workbook's columns are `Image name`, `MOS`, `Brightness`, `Colorfulness`, `Contrast`, `Noisiness` and
`Sharpness`, all from 0 to 100. Which end of `Noisiness` is the good one is taken from the table: the column
is turned around where it falls while the MOS rises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.readers.files import ScoreFiles
from data.readers.scales import Scale
from data.readers.sets.layout import part_of, pictures_in
from data.readers.sets.ratings import opinion, score_files
from data.readers.sets.sheet import sheet_rows
from data.readers.sets.splits import split_of

LISTING = "MOS and Image attribute scores.xlsx"
LAYOUT = f"Annotations/{LISTING} beside the folder TestImage with 00001.jpg and so on"
SCALE = Scale(0, 100)
# Our attribute -> the column that is nearest to it. Contrast has no counterpart, artefacts have no column.
COLUMNS = {
    "exposure": "Brightness",
    "colour fidelity": "Colorfulness",
    "noise": "Noisiness",
    "sharpness": "Sharpness",
}
Row = tuple[int, dict[str, str]]  # line, cells by column


def spaq(root: Path, split: str) -> ScoreFiles:
    """The photos of `train` or `test`, parted by their number; attributes as far as the workbook has them."""
    listing = part_of(root, f"Annotations/{LISTING}", LISTING, layout=LAYOUT)
    folder = part_of(root, "TestImage", "images", layout=LAYOUT)
    rows = list(sheet_rows(listing, ("Image name", "MOS")))
    wanted = [place for place, (_, cells) in enumerate(rows) if split_of(cells["Image name"]) == split]
    opinions = [
        opinion(listing, line, cells["Image name"], cells["MOS"])
        for line, cells in (rows[place] for place in wanted)
    ]
    files = score_files("spaq", root, opinions, pictures_in(root, folder.name), SCALE, listing)
    attributes = {
        name: _values(listing, rows, column) for name, column in COLUMNS.items() if column in rows[0][1]
    }
    if "noise" in attributes and len(rows) > 1:
        together = np.cov(attributes["noise"], _values(listing, rows, "MOS"))[0, 1]
        attributes["noise"] = 6 - attributes["noise"] if together < 0 else attributes["noise"]
    return replace(files, attributes={name: values[wanted] for name, values in attributes.items()})


def _values(listing: Path, rows: Sequence[Row], column: str) -> NDArray[np.float64]:
    """A column on 1 to 5, (n,); InputError for a cell that is no number or off the scale."""
    found = [opinion(listing, line, cells["Image name"], cells[column]) for line, cells in rows]
    return np.array([SCALE.mos(one.value, f"{one.where}, {column}") for one in found])
