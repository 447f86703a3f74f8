"""Folders of pictures and pairs, and sets one after the other."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from data.readers.compact import CompactTexts
from data.readers.folders import clean_folder, paired_folders
from data.readers.joined import Joined
from data.samples import RestorationSource
from tests.data.readers.drawn import draw, grey_of
from tests.data.readers.reading import all_of
from uare.errors import InputError


def test_a_folder_yields_its_pictures_at_any_depth_in_the_order_of_their_paths(tmp_path: Path) -> None:
    draw(tmp_path / "b/2.jpg", 20)
    draw(tmp_path / "a/9.png", 90)
    draw(tmp_path / "c.png", 30)
    (tmp_path / "a/notes.txt").write_text("no picture")
    draw(tmp_path / ".thumbs/9.png", 1)
    sources = all_of(clean_folder(tmp_path, name="mine"), RestorationSource)
    assert [source.id for source in sources] == ["mine/a/9.png", "mine/b/2.jpg", "mine/c.png"]
    assert [grey_of(source.hq) for source in sources] == [90, 20, 30]
    assert sources[0].lq is None


def test_an_empty_folder_and_one_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no photos"):
        clean_folder(tmp_path)
    with pytest.raises(InputError, match="there is no file or folder"):
        clean_folder(tmp_path / "elsewhere")


def test_pairs_are_matched_by_stem_and_not_by_order_or_extension(tmp_path: Path) -> None:
    for number, grey in ((1, 10), (2, 20)):
        draw(tmp_path / f"hq/{number}.png", 100 + grey)
        draw(tmp_path / f"lq/{number}.jpg", grey)
    pairs = paired_folders(tmp_path / "hq", tmp_path / "lq", types=("jpeg",))
    sources = all_of(pairs, RestorationSource)
    assert [(grey_of(source.hq), grey_of(source.lq)) for source in sources] == [(110, 10), (120, 20)]
    assert sources[1].types == ("jpeg",)


def test_a_picture_without_partner_is_named(tmp_path: Path) -> None:
    draw(tmp_path / "hq/1.png", 1)
    draw(tmp_path / "hq/2.png", 2)
    draw(tmp_path / "lq/1.png", 1)
    with pytest.raises(InputError, match=r"1 pictures have no partner.*hq has 2, .*lq has not"):
        paired_folders(tmp_path / "hq", tmp_path / "lq")


def test_two_pictures_of_one_stem_are_refused(tmp_path: Path) -> None:
    for name in ("hq/1.png", "hq/1.jpg", "lq/1.png"):
        draw(tmp_path / name, 1)
    with pytest.raises(InputError, match=r"has both 1\.\w+ and 1\.\w+"):
        paired_folders(tmp_path / "hq", tmp_path / "lq")


def test_joined_sets_come_one_after_the_other(tmp_path: Path) -> None:
    for name in ("x/1.png", "x/2.png", "y/3.png"):
        draw(tmp_path / name, int(name[2]))
    empty = Joined("none", [])
    joined = Joined("all", [empty, clean_folder(tmp_path / "x"), empty, clean_folder(tmp_path / "y")])
    assert len(joined) == 3
    assert [source.id for source in all_of(joined, RestorationSource)] == ["x/1.png", "x/2.png", "y/3.png"]
    with pytest.raises(IndexError):
        joined[3]


def test_sources_survive_the_way_to_a_spawned_worker(tmp_path: Path) -> None:
    draw(tmp_path / "1.png", 77)
    joined = Joined("all", [clean_folder(tmp_path)])
    again = pickle.loads(pickle.dumps(joined))
    assert again[0] == joined[0]


def test_compact_texts_give_back_every_text_and_refuse_other_numbers() -> None:
    texts = ["", "a/ü.png", os.fsdecode(b"latin-\xe9.png"), "", "end"]
    compact = CompactTexts(texts)
    assert list(compact) == texts
    for index in (-1, len(texts)):
        with pytest.raises(IndexError):
            compact[index]


def test_a_million_names_take_little_more_than_their_letters() -> None:
    compact = CompactTexts(f"08Haze/GT/{number:07d}.png" for number in range(100_000))
    assert len(pickle.dumps(compact)) < 100_000 * (21 + 8) + 1000  # 21 letters and a bound each
