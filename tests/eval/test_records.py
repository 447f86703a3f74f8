"""What a run writes is what it reads, whole lines alone count, and parts of processes are folded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from eval.journal import PREDICTIONS, SCORES, Part, fold
from eval.records import (
    CLASSICAL,
    RESTORE,
    Item,
    Prediction,
    RunInfo,
    Score,
    SubjectInfo,
    SuiteInfo,
    file_name,
    read_lines,
    read_predictions,
    read_run,
    read_run_info,
    read_scores,
    write_lines,
    write_run_info,
)
from uare.errors import InputError

ITEM = Item(
    id="a",
    group="noise",
    kind=RESTORE,
    lq="/lq.png",
    gt=None,
    scale=4,
    mos=None,
    tags=("real",),
    lq_sha256="00",
    gt_sha256=None,
    crop=(1, 2, 3, 4),
)
SUBJECT = SubjectInfo(name="médian", folder="median", kind=CLASSICAL, source="", digest="1")
SUITE = SuiteInfo(
    name="pairs",
    title="Pairs",
    kind=RESTORE,
    num_items=2,
    num_listed=2,
    groups=("noise",),
    data_sha256="0",
    missing=None,
)
RUN = RunInfo(
    command="python eval/run_all.py",
    git_hash=None,
    versions={"numpy": "2"},
    seed=0,
    limit=None,
    suites=(SUITE,),
    subjects=(SUBJECT,),
    metrics=(),
    problems=("Ein Bild fehlt: ü",),
)


def _prediction(item: str) -> Prediction:
    return Prediction(
        item=item, file=f"pictures/{item}.png", score=None, text="ä", elapsed_s=1.5, problem=None
    )


def _score(item: str, protocol: str, value: float) -> Score:
    return Score(item=item, protocol=protocol, value=value, problem=None)


def test_items_come_back_as_they_were_written(tmp_path: Path) -> None:
    items = [ITEM, replace(ITEM, id="b", gt="/gt.png", gt_sha256="11", crop=None, mos=3.5)]
    write_lines(tmp_path / "items.jsonl", items)
    assert read_lines(tmp_path / "items.jsonl", Item) == items


def test_a_run_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_run_info(RUN, tmp_path)
    write_lines(tmp_path / "pairs" / "items.jsonl", [ITEM])
    with Part(tmp_path / "pairs" / "median", SCORES, 0) as part:
        part.add(_score("a", "psnr_rgb", 30.25))
    run = read_run(tmp_path)
    assert run.info == RUN
    assert run.suites[0].items == (ITEM,)
    (subject,) = run.suites[0].subjects
    assert subject.info == SUBJECT
    assert subject.value("a", "psnr_rgb") == 30.25
    assert subject.value("a", "gmsd") is None


def test_a_run_of_another_schema_is_refused(tmp_path: Path) -> None:
    write_run_info(RUN, tmp_path)
    path = tmp_path / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 99}))
    with pytest.raises(InputError, match=r"schema version 99, expected 1"):
        read_run_info(tmp_path)


def test_a_torn_last_line_is_dropped_and_the_rest_kept(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    write_lines(path, [ITEM, replace(ITEM, id="b")])
    path.write_bytes(path.read_bytes()[:-10])
    assert [item.id for item in read_lines(path, Item)] == ["a"]


def test_a_whole_line_that_is_no_record_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text('{"id": "a"}\n')
    with pytest.raises(InputError, match=r"items\.jsonl has a line that is no Item"):
        read_lines(path, Item)


def test_appending_after_a_torn_line_loses_only_that_line(tmp_path: Path) -> None:
    with Part(tmp_path, PREDICTIONS, 0) as part:
        part.add(_prediction("a"))
        part.add(_prediction("b"))
    path = tmp_path / "predictions.part-0.jsonl"
    path.write_bytes(path.read_bytes()[:-10])
    with Part(tmp_path, PREDICTIONS, 0) as part:
        part.add(_prediction("c"))
    assert sorted(read_predictions(tmp_path)) == ["a", "c"]


def test_folding_puts_the_parts_of_processes_in_the_order_of_items_and_protocols(tmp_path: Path) -> None:
    items = [replace(ITEM, id=name) for name in "ba"]
    with Part(tmp_path, SCORES, 0) as first, Part(tmp_path, SCORES, 1) as second:
        first.add(_score("a", "gmsd", 1))
        second.add(_score("z", "gmsd", 2))  # of an earlier run with more items
        second.add(_score("b", "gmsd", 3))
        first.add(_score("b", "psnr_rgb", 4))
    fold(tmp_path, items, ["psnr_rgb", "gmsd"])
    assert [path.name for path in tmp_path.iterdir()] == ["scores.jsonl"]
    found = [(one.item, one.protocol) for one in read_lines(tmp_path / "scores.jsonl", Score)]
    assert found == [("b", "psnr_rgb"), ("b", "gmsd"), ("a", "gmsd"), ("z", "gmsd")]


def test_a_later_line_about_an_item_replaces_the_earlier_one(tmp_path: Path) -> None:
    write_lines(tmp_path / "scores.jsonl", [_score("a", "gmsd", 1)])
    with Part(tmp_path, SCORES, 0) as part:
        part.add(_score("a", "gmsd", 2))
    fold(tmp_path, [ITEM], ["gmsd"])
    assert read_scores(tmp_path)["a", "gmsd"].value == 2


@pytest.mark.parametrize(("name", "folder"), [("../x y", "_x_y"), ("uare-tiny", "uare-tiny"), ("..", "_")])
def test_names_of_subjects_stay_inside_the_output_folder(name: str, folder: str) -> None:
    assert file_name(name) == folder
