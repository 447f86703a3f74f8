"""Every reader is reached from a configuration, and columns that make no source are named."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from data.samples import (
    ChoiceSource,
    QuestionSource,
    RestorationSource,
    ScoreSource,
)
from tests.data.readers.drawn import draw, encoded, grey_of
from training.opening import open_set
from training.settings import SetSettings
from uare.errors import ConfigError, InputError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets", reason="tables are read with the extra `train`")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))


def form(reader: str, root: Path, **more: Any) -> SetSettings:
    return SetSettings.model_validate({"reader": reader, "root": root, **more})


def test_a_csv_table_of_opinions_reads_its_scale_worst_first(tmp_path: Path) -> None:
    draw(tmp_path / "1.png", 7)
    (tmp_path / "dmos.csv").write_text("file,dmos\n1.png,75\n1.png,0\n")
    columns = {"picture": "file", "mos": "dmos"}
    sources = open_set(form("table", tmp_path / "dmos.csv", columns=columns, scale=[100, 0]))
    found = [sources[number] for number in range(len(sources))]
    assert all(isinstance(one, ScoreSource) for one in found)
    assert [one.mos for one in found if isinstance(one, ScoreSource)] == [2.0, 5.0]
    assert isinstance(found[0], ScoreSource) and grey_of(found[0].picture) == 7


def test_a_folder_of_tables_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    draw(tmp_path / "1.png", 7)
    for name in ("b", "a"):
        line = {"image": "1.png", "ask": f"{name}?", "say": "yes"}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(line) + "\n")
    columns = {"pictures": "image", "question": "ask", "answer": "say"}
    sources = open_set(form("table", tmp_path, columns=columns))
    first, second = sources[0], sources[1]
    assert isinstance(first, QuestionSource) and isinstance(second, QuestionSource)
    assert (first.question, second.question) == ("a?", "b?")
    assert len(first.pictures) == 1


def test_a_table_of_choices_and_one_of_pairs(tmp_path: Path) -> None:
    draw(tmp_path / "1.png", 7)
    draw(tmp_path / "2.png", 9)
    row = {"a": "1.png", "b": "2.png", "p": 0.75}
    (tmp_path / "rows.json").write_text(json.dumps([row]))
    columns = {"first": "a", "second": "b", "preference": "p"}
    choice = open_set(form("table", tmp_path / "rows.json", columns=columns))[0]
    assert isinstance(choice, ChoiceSource) and choice.preference == 0.75
    pair = open_set(form("table", tmp_path / "rows.json", columns={"hq": "a", "lq": "b"}))[0]
    assert isinstance(pair, RestorationSource) and grey_of(pair.lq) == 9


def test_shards_are_reached_by_their_pattern(tmp_path: Path) -> None:
    for number in range(2):
        with tarfile.open(tmp_path / f"part-{number}.tar", "w") as tar:
            member = tarfile.TarInfo(f"{number}.png")
            member.size = len(encoded(number))
            tar.addfile(member, io.BytesIO(encoded(number)))
    pytest.importorskip("webdataset")
    sources = open_set(form("shards", tmp_path / "part-{0..1}.tar", columns={"hq": "png"}))
    assert [grey_of(source.hq) for source in (sources[0], sources[1])] == [0, 1]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, "has columns for nothing, expected one for hq, mos, question, preference"),
        ({"columns": {"hq": "a", "lqq": "b"}}, "lqq is no field there; the nearest is lq"),
        ({"columns": {"mos": "a"}}, "picture is missing; add its column"),
        ({"columns": {"hq": "a"}, "scale": [1, 5]}, "has a scale but no opinions"),
        ({"columns": {"hq": ["a", "b"]}}, "hq is a list, expected one column"),
    ],
)
def test_columns_that_make_no_source_are_named(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_set(form("table", tmp_path / "t.csv", **more))


def test_columns_of_a_reader_that_knows_its_own_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="its reader folder knows its own"):
        open_set(form("folder", tmp_path, columns={"hq": "a"}))


def test_a_folder_without_tables_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no tables, expected files"):
        open_set(form("table", tmp_path, columns={"hq": "a"}))
