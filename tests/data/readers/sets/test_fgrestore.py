"""The reader of sets of pairs: our own tables and anybody's by a mapping; codes are never guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.fgrestore.layout import FineImage, FinePair, read_fgrestore, write_rows
from data.readers.sets.table import read_set
from data.samples import ChoiceSource
from uare.errors import InputError

pytest.importorskip("pyarrow")


def _pictures(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), 40 * number, dtype=np.uint8)).save(path)
    return folder


def _own(folder: Path) -> Path:
    _pictures(folder, "a.png", "b.png", "c.png")
    splits: dict[str, Any] = {"split_pair": "train", "split_content": "test"}
    rows = [
        FinePair(id="1", image_a="a.png", image_b="b.png", label=1, **splits),
        FinePair(id="2", image_a="a.png", image_b="c.png", label=2, **splits),
        FinePair(id="3", image_a="b.png", image_b="c.png", label=0, score_a=1.5, **splits),
    ]
    write_rows(rows, FinePair, folder / "pairs.parquet")
    write_rows([FineImage(image="a.png", score=3.0)], FineImage, folder / "images.parquet")
    return folder


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    found = read_fgrestore(_own(tmp_path))
    assert [pair.label for pair in found.pairs] == [1, 2, 0]
    assert (found.pairs[2].score_a, found.pairs[0].score_a) == (1.5, None)
    assert found.images == (FineImage(image="a.png", score=3.0),)


def test_labels_become_preferences_and_the_split_by_content_is_the_one_meant(tmp_path: Path) -> None:
    sources = read_set("fgrestore", _own(tmp_path), "test")
    found = [sources[place] for place in range(len(sources))]
    assert all(isinstance(one, ChoiceSource) for one in found)
    assert [one.preference for one in found if isinstance(one, ChoiceSource)] == [1.0, 0.5, 0.0]
    assert len(read_set("fgrestore", tmp_path, "train-by-pair")) == 3
    with pytest.raises(InputError, match="no pairs for train"):
        read_set("fgrestore", tmp_path, "train")


def _mapped(folder: Path, table: str) -> Path:
    _pictures(folder, "x/1.png", "x/2.png")
    (folder / "prefs.csv").write_text(table)
    (folder / "mos.csv").write_text("name,MOS\nx/1.png,55\nx/2.png,60.5\n")
    (folder / "fgrestore.yaml").write_text(
        "pairs: {file: prefs.csv, columns: {image_a: imgA, image_b: imgB, label: pref, task: task}}\n"
        "images: {file: mos.csv, columns: {image: name, score: MOS}}\n"
    )
    return folder


def test_a_set_of_others_is_read_by_its_mapping(tmp_path: Path) -> None:
    found = read_fgrestore(_mapped(tmp_path, "imgA,imgB,pref,task\nx/1.png,x/2.png,0,deblur\n"))
    (pair,) = found.pairs
    assert (pair.image_a, pair.image_b, pair.label, pair.task) == ("x/1.png", "x/2.png", 0, "deblur")
    assert [image.score for image in found.images] == [55.0, 60.5]


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("imgA,imgB,pref,task\nx/1.png,x/2.png,3,t\n", "row 1 has the label 3, expected 1 .A better., 0"),
        ("imgA,imgB,pref,task\nx/1.png,x/2.png,-1,t\n", "has the label -1"),
        ("imgA,imgB,pref,task\nx/1.png,x/2.png,left,t\n", "row 1 cannot be used"),
        ("imgA,imgB,task\nx/1.png,x/2.png,t\n", "expected also pref"),
        (
            "imgA,imgB,pref,task\nx/1.png,x/9.png,1,t\n",
            "1 pictures of .* are not there, the first is x/9.png",
        ),
    ],
)
def test_codes_and_files_that_are_not_there_are_never_guessed(
    tmp_path: Path, table: str, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        read_fgrestore(_mapped(tmp_path, table))


def test_a_folder_without_a_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no pairs.parquet and no fgrestore.yaml"):
        read_fgrestore(tmp_path)
