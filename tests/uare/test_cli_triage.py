"""`uare triage` on the tiny model."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.uare.command_line import Command, files_below, write_photo
from uare.batch.ledger import Ledger, fingerprint
from uare.errors import InputError

pytestmark = pytest.mark.usefixtures("short_texts")


def test_triage_restores_what_is_below_the_level_and_leaves_the_rest(
    uare: Command, photos: Path, tmp_path: Path
) -> None:
    left = uare("triage", photos, "-o", tmp_path / "left", "--below", "bad", "--json")
    assert [result["action"] for result in left.results] == ["left"] * 3
    assert files_below(tmp_path / "left") == {"triage.jsonl", "triage.html"}
    done = uare("triage", photos, "-o", tmp_path / "done", "--below", "excellent", "--json")
    assert {result["action"] for result in done.results} <= {"restored", "kept"}
    assert {"a_restored.png", "deep/c_restored.png", "triage.jsonl", "triage.html"} <= files_below(
        tmp_path / "done"
    )


def test_triage_goes_on_from_its_ledger(uare: Command, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = uare("triage", photos, "-o", out, "--below", "bad", "--json").results
    lines = (out / "triage.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == first
    again = uare("triage", photos, "-o", out, "--below", "bad", "--json").document
    assert (again["results"], len(again["skipped"])) == ([], 3)
    os.utime(photos / "a.png", ns=(0, 0))  # another photo under the same name
    changed = uare("triage", photos, "-o", out, "--below", "bad", "--json")
    assert [result["input"] for result in changed.results] == [str(photos / "a.png")]


def test_a_higher_level_reaches_photos_that_were_left(uare: Command, photos: Path, tmp_path: Path) -> None:
    uare("triage", photos / "a.png", "-o", tmp_path, "--below", "bad")
    ran = uare("triage", photos / "a.png", "-o", tmp_path, "--below", "excellent", "--json")
    assert ran.results[0]["action"] in ("restored", "kept")


def test_a_torn_line_of_the_ledger_costs_its_photo_only(uare: Command, photos: Path, tmp_path: Path) -> None:
    uare("triage", photos, "-o", tmp_path, "--below", "bad")
    ledger = tmp_path / "triage.jsonl"
    ledger.write_bytes(ledger.read_bytes()[:-40])
    ran = uare("triage", photos, "-o", tmp_path, "--below", "bad", "--json")
    assert [result["input"] for result in ran.results] == [str(photos / "deep" / "c.png")]
    assert len(uare("triage", photos, "-o", tmp_path, "--below", "bad", "--json").document["skipped"]) == 3


def test_a_ledger_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "triage.jsonl").write_text("my notes\n")
    with pytest.raises(InputError, match="is no ledger of a triage"):
        Ledger(tmp_path / "triage.jsonl")


def test_a_ledger_knows_a_photo_by_name_size_and_time(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "a.png")
    ledger = Ledger(tmp_path / "triage.jsonl")
    ledger.add({**fingerprint(photo), "action": "left"})
    assert Ledger(ledger.path).about(photo) == {**fingerprint(photo), "action": "left"}
    write_photo(photo, seed=9, height=33)
    assert Ledger(ledger.path).about(photo) is None
