"""PIPAL: outputs of restoration and compression with Elo ratings, 116 of each of 200 published photos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from data.readers.files import ScoreFiles
from data.readers.scales import Scale
from data.readers.sets.layout import part_of, pictures_in, text_lines
from data.readers.sets.ratings import Opinion, opinion, score_files
from data.readers.sets.splits import split_of

LABELS = "Train_Label"
LAYOUT = f"{LABELS}/A0000.txt and so on beside the folders Distortion_1 to Distortion_4 (or one, Dist_Imgs)"
SCALE = Scale(900, 1850)  # Elo; the ratings lie just inside


def pipal(root: Path, split: str) -> ScoreFiles:
    """The pictures of `train` or `test`, parted by their photo; the set's own validation has no ratings."""
    labels = part_of(root, LABELS, layout=LAYOUT)
    part_of(root, "Dist_Imgs", "Distortion_1", "images", layout=LAYOUT)
    folders = [path for path in (root / "Dist_Imgs", *sorted(root.glob("Distortion_*"))) if path.is_dir()]
    folders += sorted(path for path in root.glob("images/Distortion_*") if path.is_dir())
    pictures = pictures_in(root, *(path.relative_to(root).as_posix() for path in folders))
    return score_files("pipal", root, _opinions(labels, split), pictures, SCALE, labels)


def _opinions(labels: Path, split: str) -> Iterator[Opinion]:
    for path in sorted(labels.glob("*.txt")):
        for number, line in text_lines(path):
            picture, _, value = (part.strip() for part in line.partition(","))
            if split_of(picture) == split:
                yield opinion(path, number, picture, value)
