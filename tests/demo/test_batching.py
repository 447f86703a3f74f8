"""A visitor's batch on a tiny true model: done once, stopped, resumed, left, and taken home."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("gradio")

from demo.batch_report import batch_table, write_results  # after what they need
from demo.batching import FAILED, LEFT, WAITING, Batch, Row, Workplace, summary
from demo.desk import Desk, Stopped
from demo.inbox import Sent, Taken, take_in
from demo.page_screen import Progress
from tests.uare.tiny import tiny_restorer, tiny_text_tokenizer
from uare.pipeline import UAREPipeline

VISITOR: Any = SimpleNamespace(session_hash="visitor")
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def pipe() -> UAREPipeline:
    return UAREPipeline(tiny_restorer(), tiny_text_tokenizer())


@pytest.fixture
def desk(pipe: UAREPipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    # a model with random weights never ends its answer
    monkeypatch.setattr("uare.assess.MAX_ANALYSIS_TOKENS", 4)
    opened = Desk(pipe, {"name": "tiny", "device": "cpu", "dtype": "float32"})
    yield opened
    opened.close()


def _upload(desk: Desk, name: str, seed: int) -> str:
    path = desk.root / f"upload-{seed}" / name
    path.parent.mkdir(exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (32, 48, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return str(path)


def _batch(desk: Desk, files: list[str], below: str = "excellent") -> Batch:
    place = Workplace(desk.folder(VISITOR))
    return Batch(desk.pipe, desk.facts, place, take_in(desk, files, place.photos, VISITOR), below)


def _finished(batch: Batch, desk: Desk) -> list[Progress]:
    return list(desk.run(batch.work, VISITOR))


def test_photos_below_the_level_are_restored_and_sent_again_nothing_is_done_again(desk: Desk) -> None:
    files = [_upload(desk, name, seed) for seed, name in enumerate(("a.png", "b.png"))]
    batch = _batch(desk, files)
    assert {row.action for row in batch.rows()} == {WAITING}
    told = _finished(batch, desk)
    assert told[0].sentence == "1 of 2: a.png"
    assert (told[-1].done, told[-1].total) == (1, 2)
    done = batch.rows()
    assert {row.action for row in done} <= {"restored", "kept"}
    assert all(row.score is not None and row.before_shown and row.before_shown.exists() for row in done)
    again = _batch(desk, [*files, _upload(desk, "c.png", 2)])
    assert [row.action for row in again.rows()] == [*(row.action for row in done), WAITING]
    assert {progress.name for progress in _finished(again, desk)} == {"c.png"}


def test_a_lower_level_leaves_photos_alone_and_a_higher_one_takes_them_up(desk: Desk) -> None:
    file = _upload(desk, "a.png", 0)
    left = _batch(desk, [file], below="bad")
    _finished(left, desk)
    assert [row.action for row in left.rows()] == [LEFT]
    higher = _batch(desk, [file])
    assert [row.action for row in higher.rows()] == [WAITING]
    _finished(higher, desk)
    assert higher.rows()[0].action in ("restored", "kept")


def test_a_batch_that_is_stopped_keeps_what_is_done_and_goes_on(desk: Desk) -> None:
    files = [_upload(desk, f"{seed}.png", seed) for seed in range(3)]
    batch = _batch(desk, files)
    with pytest.raises(Stopped):
        for progress in desk.run(batch.work, VISITOR):
            if progress.done == 1:
                desk.stop(VISITOR)
    actions = [row.action for row in batch.rows()]
    assert actions[0] != WAITING
    assert WAITING in actions
    before = [row for row in batch.rows() if row.action != WAITING]
    again = _batch(desk, files)
    names = {progress.name for progress in _finished(again, desk)}
    assert "0.png" not in names
    assert again.rows()[: len(before)] == before
    assert WAITING not in [row.action for row in again.rows()]


def test_of_a_visitor_who_leaves_in_the_middle_nothing_stays(desk: Desk) -> None:
    folder = desk.folder(VISITOR)
    batch = _batch(desk, [_upload(desk, f"{seed}.png", seed) for seed in range(3)])
    running = desk.run(batch.work, VISITOR)
    next(running)
    desk.leave(VISITOR)
    with pytest.raises(Stopped):
        list(running)
    end = time.monotonic() + PATIENCE_S
    while folder.exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not folder.exists()


def test_a_photo_that_cannot_be_decoded_fails_by_its_name_and_the_rest_is_done(desk: Desk) -> None:
    whole = Path(_upload(desk, "whole.png", 0))
    torn = whole.parent / "torn.png"
    torn.write_bytes(whole.read_bytes()[:-600])
    batch = _batch(desk, [str(torn), str(whole)])
    _finished(batch, desk)
    failed, done = batch.rows()
    assert (failed.action, failed.name) == (FAILED, "torn.png")
    assert "torn.png" in failed.problem
    assert str(desk.root) not in failed.problem  # no paths of this machine
    assert done.action in ("restored", "kept")


def test_results_go_home_by_the_names_that_were_sent(desk: Desk, tmp_path: Path) -> None:
    batch = _batch(desk, [_upload(desk, "a<b>.png", 0)])
    batch.taken = Taken(
        photos=tuple(Sent(name=f"day 1/{one.name}", path=one.path) for one in batch.taken.photos),
        problems=("notes.txt: no photo",),
    )
    _finished(batch, desk)
    rows = batch.rows()
    stand_in = tmp_path / "x.png"
    Image.new("RGB", (4, 4)).save(stand_in)
    rows[0] = Row(**{**vars(rows[0]), "action": "restored", "result": stand_in, "after": 4.5})
    with zipfile.ZipFile(write_results(batch, rows)) as archive:
        assert archive.namelist() == ["day 1/a<b>_restored.png", "report.html", "report.json"]
        Image.open(io.BytesIO(archive.read("day 1/a<b>_restored.png"))).verify()
        page = archive.read("report.html").decode()
        report = json.loads(archive.read("report.json"))
    assert "a&lt;b&gt;.png" in page and "<b>" not in page
    assert 'src="data:image/jpeg;base64,' in page and "http" not in page
    assert [one["name"] for one in report["photos"]] == ["day 1/a<b>.png", ""]
    assert report["photos"][1]["problem"] == "notes.txt: no photo"
    assert report["model"]["name"] == "tiny"


def test_the_table_and_the_summary_say_what_became_of_each() -> None:
    rows = [
        Row(name="a", action="restored", score=2.0, level="poor", after=4.25),
        Row(name="b", action=LEFT, score=4.5, level="excellent"),
        Row(name="c", action=FAILED, problem="c is no photo"),
        Row(name="d", action=WAITING),
    ]
    table = batch_table(rows, str)
    assert "2.00 (poor) → 4.25" in table
    assert "failed: c is no photo" in table
    assert summary(rows) == "1 restored, 1 good enough and left alone, 1 failed, 1 not done yet."
