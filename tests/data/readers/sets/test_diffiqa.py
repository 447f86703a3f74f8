"""DiffIQA: two of three people decide, and the authors' list says the same as the labels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data.readers.sets.table import read_set
from data.samples import ChoiceSource
from tests.data.readers.drawn import draw, grey_of
from tests.data.readers.reading import all_of
from uare.errors import InputError

# Labels of three people for each version of the photo 000006x0y32.
VOTES = {
    "01": ("Positive", "Positive", "Similar"),
    "02": ("Similar", "Similar", "Similar"),
    "03": ("Negative", "Similar", "Negative"),
    "04": ("Negative", "Negative", "Positive"),
    "05": ("Positive", "Similar", "Negative"),  # undecided
    "06": ("Negative", "Similar", "Similar"),
}
# What follows, as the authors' list would have it: first, second, preference. 03 and 04 are both worse.
COMPARISONS = {
    ("01", "02", 1.0),
    ("01", "03", 1.0),
    ("01", "04", 1.0),
    ("01", "06", 1.0),
    ("02", "03", 1.0),
    ("02", "04", 1.0),
    ("02", "06", 0.5),
    ("03", "06", 0.0),
    ("04", "06", 0.0),
    ("01", "Original", 1.0),
    ("02", "Original", 0.5),
    ("03", "Original", 0.0),
    ("04", "Original", 0.0),
    ("06", "Original", 0.5),
}
PHOTO = "000006x0y32"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One photo of the training part, its six versions and their labels as the download unpacks."""
    draw(tmp_path / f"Train/images/Original/{PHOTO}.png", 100)
    for version, labels in VOTES.items():
        draw(tmp_path / f"Train/images/{version}/{PHOTO}_{version}.png", int(version))
        for person, label in zip("ABC", labels, strict=True):
            path = tmp_path / f"Train/trainlabel/labels/{person}/{version}/{PHOTO}_{version}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"Picture_AI": {"Label": label}}))
    return tmp_path


def read(root: Path) -> list[ChoiceSource]:
    return all_of(read_set("diffiqa", root, "train"), ChoiceSource)


def comparisons(root: Path) -> set[tuple[str, str, float]]:
    sources = read(root)
    found = {
        (source.first.name.split("/")[1], source.second.name.split("/")[1], source.preference)
        for source in sources
    }
    assert len(found) == len(sources)
    return found


def test_labels_give_the_comparisons_that_two_of_three_people_decide(root: Path) -> None:
    assert comparisons(root) == COMPARISONS


def test_the_photo_is_the_reference_unless_it_is_compared_itself(root: Path) -> None:
    for source in read(root):
        number = int(source.first.name.split("/")[1])
        assert grey_of(source.first) == number
        if source.second.name.startswith("images/Original"):
            assert source.reference is None and grey_of(source.second) == 100
        else:
            assert grey_of(source.reference) == 100


def write_list(root: Path, lines: list[str]) -> None:
    path = root / "Train/trainlabel/Triplet/Triplet.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))


def test_the_list_of_the_authors_is_taken_where_it_is_there(root: Path) -> None:
    write_list(
        root,
        [
            f"{PHOTO}_01.png,{PHOTO}_03.png,{PHOTO}.png,1,1,0",
            f"{PHOTO}_02.png,{PHOTO}.png,{PHOTO}.png,0.5,0.5,0.5",
        ],
    )
    assert comparisons(root) == {("01", "03", 1.0), ("02", "Original", 0.5)}


def test_a_broken_line_label_or_layout_is_said(root: Path) -> None:
    write_list(root, [f"{PHOTO}_01.png,{PHOTO}_03.png,1"])
    with pytest.raises(InputError, match=r"Triplet\.txt line 1 is .*expected x_01\.png,x_02\.png,x\.png,1"):
        read(root)
    (root / "Train/trainlabel/Triplet/Triplet.txt").unlink()
    label = root / f"Train/trainlabel/labels/B/03/{PHOTO}_03.json"
    label.write_text('{"Picture_AI": {"Label": "Better"}}')
    with pytest.raises(
        InputError, match="has the label 'Better', expected one of Positive, Similar, Negative"
    ):
        read(root)
    label.unlink()
    with pytest.raises(InputError, match=rf"B/03/{PHOTO}_03\.json holds no label"):
        read(root)
    with pytest.raises(InputError, match="has no Validation; expected Train, Validation and Test"):
        read_set("diffiqa", root, "val")
