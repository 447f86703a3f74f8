"""JSONL, JSON and parquet rows become sources, with pictures as paths, bytes and image structs."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from data.readers.columns import ChoiceColumns, QuestionColumns, RestorationColumns, ScoreColumns
from data.readers.scales import Scale
from data.readers.tables import tables
from data.samples import ChoiceSource, QuestionSource, RestorationSource, ScoreSource
from tests.data.readers.drawn import draw, encoded, grey_of
from tests.data.readers.reading import all_of
from uare.errors import InputError

datasets = pytest.importorskip("datasets", reason="tables are read with the extra `train`")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def write_lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_jsonl_file_of_pairs_reads_paths_relative_to_itself(tmp_path: Path, cache: Path) -> None:
    draw(tmp_path / "gt/1.png", 100)
    draw(tmp_path / "lq/1.png", 50)
    rows: list[dict[str, object]] = [
        {"clean": "gt/1.png", "harmed": "lq/1.png", "harms": ["noise", "jpeg"], "unused": 1},
        {"clean": "gt/1.png", "harmed": "lq/1.png", "harms": None, "unused": 2},
    ]
    columns = RestorationColumns(hq="clean", lq="harmed", types="harms")
    sources = tables([write_lines(tmp_path / "pairs.jsonl", rows)], columns, "mine", cache=cache)
    first = sources[0]
    assert isinstance(first, RestorationSource)
    assert (first.id, first.types) == ("mine/pairs/0", ("noise", "jpeg"))
    assert (grey_of(first.hq), grey_of(first.lq)) == (100, 50)
    assert len(sources) == 2


@pytest.mark.parametrize("form", ["path", "bytes", "struct with bytes", "struct with path", "image feature"])
def test_a_parquet_file_round_trips_pictures_in_every_form(tmp_path: Path, cache: Path, form: str) -> None:
    draw(tmp_path / "pictures/7.png", 7)
    cell: object = {
        "path": "7.png",
        "bytes": encoded(7),
        "struct with bytes": {"bytes": encoded(7), "path": None},
        "struct with path": {"bytes": None, "path": "7.png"},
        "image feature": {"bytes": encoded(7), "path": "7.png"},
    }[form]
    features = datasets.Features({"image": datasets.Image(), "mos": datasets.Value("float64")})
    table = datasets.Dataset.from_dict(
        {"image": [cell], "mos": [75.0]}, features=features if form == "image feature" else None
    )
    table.to_parquet(str(tmp_path / "scores.parquet"))
    columns = ScoreColumns(picture="image", mos="mos", scale=Scale(0, 100))
    root = tmp_path / "pictures"
    source = tables([tmp_path / "scores.parquet"], columns, "mine", root=root, cache=cache)[0]
    assert isinstance(source, ScoreSource)
    assert source.mos == 4  # three quarters of the way from 1 to 5
    assert grey_of(source.picture) == 7


def test_any_row_is_read_alone_and_files_come_one_after_the_other(tmp_path: Path, cache: Path) -> None:
    for name, first in (("a", 0), ("b", 300)):
        rows = {"name": [f"{first + i}.png" for i in range(300)], "mos": [1 + i % 5 for i in range(300)]}
        datasets.Dataset.from_dict(rows).to_parquet(str(tmp_path / f"{name}.parquet"), batch_size=64)
    columns = ScoreColumns(picture="name", mos="mos")
    sources = tables([tmp_path / "a.parquet", tmp_path / "b.parquet"], columns, "mine", cache=cache)
    assert len(sources) == 600
    for index in (599, 0, 300, 299):
        source = sources[index]
        assert isinstance(source, ScoreSource)
        assert (source.picture.name, source.mos) == (f"{index}.png", 1 + index % 300 % 5)


def test_a_json_list_of_questions_may_leave_pictures_out(tmp_path: Path, cache: Path) -> None:
    rows = [
        {"id": "q1", "ref": None, "a": "a.png", "ask": "What is wrong?", "say": "Noise."},
        {"id": "q2", "ref": "r.png", "a": "a.png", "ask": "And here?", "say": "Blur."},
    ]
    (tmp_path / "questions.json").write_text(json.dumps(rows))
    columns = QuestionColumns(pictures=("ref", "a"), question="ask", answer="say", id="id")
    sources = tables([tmp_path / "questions.json"], columns, "mine", cache=cache)
    read = all_of(sources, QuestionSource)
    assert [[picture.name for picture in source.pictures] for source in read] == [
        ["a.png"],
        ["r.png", "a.png"],
    ]
    assert (read[0].id, read[0].question, read[0].answer) == ("q1", "What is wrong?", "Noise.")


def test_choices_keep_their_reference(tmp_path: Path, cache: Path) -> None:
    rows: list[dict[str, object]] = [{"a": "a.png", "b": "b.png", "ref": "r.png", "prefers_a": 0.25}]
    columns = ChoiceColumns(first="a", second="b", preference="prefers_a", reference="ref")
    source = tables([write_lines(tmp_path / "choices.jsonl", rows)], columns, "mine", cache=cache)[0]
    assert isinstance(source, ChoiceSource) and source.reference is not None
    assert (source.first.name, source.second.name, source.reference.name) == ("a.png", "b.png", "r.png")
    assert source.preference == 0.25


def test_a_missing_column_is_named_beside_those_that_are_there(tmp_path: Path, cache: Path) -> None:
    path = write_lines(tmp_path / "pairs.jsonl", [{"clean": "1.png", "harmed": "2.png"}])
    with pytest.raises(InputError, match="has the columns clean, harmed, expected also hq"):
        tables([path], RestorationColumns(hq="hq", lq="harmed"), "mine", cache=cache)


def test_an_opinion_outside_its_scale_is_refused_with_file_and_row(tmp_path: Path, cache: Path) -> None:
    path = write_lines(
        tmp_path / "scores.jsonl", [{"image": "1.png", "mos": 4.5}, {"image": "2.png", "mos": 45}]
    )
    with pytest.raises(InputError, match=r"scores\.jsonl row 2 has the opinion 45, expected 1 to 5"):
        tables([path], ScoreColumns(picture="image", mos="mos"), "mine", cache=cache)


@pytest.mark.parametrize(
    ("row", "columns", "message"),
    [
        (
            {"image": None, "mos": 3},
            ScoreColumns(picture="image", mos="mos"),
            "row 1 has 0 pictures in 'image'",
        ),
        (
            {"image": "1.png", "mos": "good"},
            ScoreColumns(picture="image", mos="mos"),
            "'good' in 'mos', expected",
        ),
        (
            {"image": 5, "mos": 3},
            ScoreColumns(picture="image", mos="mos"),
            "has a int in 'image', expected a",
        ),
        ({"hq": "1.png", "t": "fog"}, RestorationColumns(hq="hq", types="t"), "types 'fog' in 't', expected"),
        (
            {"q": " ", "a": "Noise."},
            QuestionColumns(pictures=(), question="q", answer="a"),
            "empty question or answer",
        ),
        (
            {"q": None, "a": "Noise."},
            QuestionColumns(pictures=(), question="q", answer="a"),
            "None in 'q', expected text",
        ),
    ],
)
def test_a_bad_row_is_refused_when_it_is_read(
    tmp_path: Path,
    cache: Path,
    row: dict[str, object],
    columns: ScoreColumns | RestorationColumns | QuestionColumns,
    message: str,
) -> None:
    sources = tables([write_lines(tmp_path / "rows.jsonl", [row])], columns, "mine", cache=cache)
    with pytest.raises(InputError, match=message):
        sources[0]


def test_a_file_that_is_broken_or_missing_or_no_table_is_refused(tmp_path: Path, cache: Path) -> None:
    columns = RestorationColumns(hq="hq")
    (tmp_path / "broken.jsonl").write_text('{"hq": "1.png"}\n{"hq": ')
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 but no more")
    for name, message in (
        ("broken.jsonl", "cannot be read as a table"),
        ("broken.parquet", "cannot be read as a table"),
        ("gone.jsonl", "there is no file"),
        ("table.xml", "there is no file"),
    ):
        with pytest.raises(InputError, match=message):
            tables([tmp_path / name], columns, "mine", cache=cache)
    (tmp_path / "table.xml").write_text("<rows/>")
    with pytest.raises(InputError, match="no table that can be read"):
        tables([tmp_path / "table.xml"], columns, "mine", cache=cache)


def test_tables_survive_the_way_to_a_spawned_worker(tmp_path: Path, cache: Path) -> None:
    datasets.Dataset.from_dict({"image": [encoded(9)], "mos": [2.0]}).to_parquet(str(tmp_path / "s.parquet"))
    sources = tables([tmp_path / "s.parquet"], ScoreColumns(picture="image", mos="mos"), "mine", cache=cache)
    again = pickle.loads(pickle.dumps(sources))[0]
    assert again == sources[0]
    assert grey_of(again.picture) == 9
    assert len(pickle.dumps(sources)) < 20_000  # the way to the file, not its rows
