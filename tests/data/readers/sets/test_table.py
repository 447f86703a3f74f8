"""The table of published sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.readers.sets.table import READERS, SetReader, read_set
from uare.errors import InputError


def test_an_unknown_set_or_split_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no reader for the set 'koniq'; did you mean koniq10k"):
        read_set("koniq", tmp_path, "train")
    with pytest.raises(InputError, match="no reader for the set 'imagenet'; choose from foundir, lsdir"):
        read_set("imagenet", tmp_path, "train")
    with pytest.raises(InputError, match="kadid10k has no split 'val'; choose from train, test"):
        read_set("kadid10k", tmp_path, "val")


@pytest.mark.parametrize("row", READERS, ids=lambda row: row.name)
def test_every_set_says_in_one_sentence_what_an_empty_folder_lacks(row: SetReader, tmp_path: Path) -> None:
    for split in row.splits:
        with pytest.raises(InputError, match=r"has no .*; expected ") as caught:
            row.read(tmp_path, split)
        assert "\n" not in str(caught.value)
        with pytest.raises(InputError, match="there is no folder"):
            row.read(tmp_path / "gone", split)


def test_published_sizes_belong_to_splits() -> None:
    assert all(row.published.keys() <= set(row.splits) for row in READERS)
    assert len({row.name for row in READERS}) == len(READERS)
