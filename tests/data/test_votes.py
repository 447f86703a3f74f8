"""Files of votes: one form in three kinds of file, and nothing of them lost."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from data.votes import FIELDS, REQUIRED, Vote, known_pairs, read_votes, write_votes
from uare.errors import InputError


def _vote(**given: Any) -> Vote:
    known = {
        "pair": "p1",
        "content": "cat",
        "task": "noise",
        "image_a": "a.png",
        "image_b": "b.png",
        "annotator": "ann",
        "choice": "A",
    }
    return Vote(**(known | given))


VOTES = (
    _vote(time="2026-01-02T03:04:05+00:00", shown_order="BA", seconds=2.5, source_a="x", source_b="y"),
    _vote(annotator="bob", choice="none", dimension="sharpness"),
    _vote(annotator="eve", choice="B", role="expert"),
    _vote(choice="B", repeat=1),  # the same person, shown again on purpose
)


def _as_sqlite(votes: tuple[Vote, ...], path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE TABLE votes ({', '.join(FIELDS)})")
    marks = ", ".join("?" for _ in FIELDS)
    connection.executemany(
        f"INSERT INTO votes VALUES ({marks})", [[getattr(vote, name) for name in FIELDS] for vote in votes]
    )
    connection.commit()
    connection.close()


@pytest.mark.parametrize("name", ["votes.jsonl", "votes.csv", "votes.sqlite"])
def test_votes_come_back_from_every_kind_of_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if path.suffix == ".sqlite":
        _as_sqlite(VOTES, path)
    else:
        write_votes(VOTES, path)
    found = read_votes(path)
    assert found.votes == VOTES
    assert found.set_aside == ()


def test_the_required_fields_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    path.write_text(",".join(REQUIRED) + ",mood\np1,cat,noise,a,b,ann,A,good\n", encoding="utf-8-sig")
    assert read_votes(path).votes == (_vote(image_a="a", image_b="b"),)


def test_contradictory_answers_to_one_showing_do_not_count_and_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "votes.jsonl"
    write_votes((_vote(), _vote(annotator="bob"), _vote(choice="B")), path)
    found = read_votes(path)
    assert found.votes == (_vote(annotator="bob"),)
    assert [one.row["choice"] for one in found.set_aside] == ["A", "B"]
    assert "line 1: ann answered A and B to one showing of p1" in str(found.set_aside[0])


def test_the_same_vote_twice_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "votes.jsonl"
    write_votes((_vote(), _vote()), path)
    found = read_votes(path)
    assert found.votes == (_vote(),)
    assert "there twice and counts once" in found.set_aside[0].reason


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"choice": "left"}, "found the choice 'left', expected A, B, none"),
        ({"pair": ""}, "pair must not be empty"),
        ({"image_b": "a.png"}, "expected two different ones"),
        ({"shown_order": "left"}, "found the shown_order"),
        ({"seconds": "long"}, "expected numbers"),
        ({"annotator": None}, "lacks annotator"),
    ],
)
def test_a_row_that_is_no_vote_is_set_aside_and_the_others_count(
    tmp_path: Path, change: dict[str, object], complaint: str
) -> None:
    path = tmp_path / "votes.jsonl"
    write_votes((_vote(annotator="bob"),), path)
    broken = {name: getattr(_vote(), name) for name in FIELDS} | change
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(broken) + "\nno JSON\n")
    found = read_votes(path)
    assert found.votes == (_vote(annotator="bob"),)
    assert complaint in found.set_aside[0].reason
    assert found.set_aside[0].row == broken
    assert found.set_aside[1].row == {"text": "no JSON"}


def test_votes_on_unknown_pairs_are_set_aside() -> None:
    from data.votes import Votes

    found = known_pairs(Votes(votes=(_vote(), _vote(pair="gone"))), {"p1"})
    assert found.votes == (_vote(),)
    assert "there is no pair 'gone'" in found.set_aside[0].reason


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("v.csv", "item,first,second,choice\na,x,y,first\n", "lacks the columns pair"),
        ("v.csv", ",".join(REQUIRED) + "\n", "holds no votes"),
        ("v.jsonl", "", "holds no votes"),
        ("v.txt", "x", "expected .jsonl, .csv"),
        ("v.sqlite", "no database, though long enough to look like a file", "cannot be read"),
    ],
)
def test_what_is_no_file_of_votes_is_refused(tmp_path: Path, name: str, content: str, complaint: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=complaint):
        read_votes(tmp_path / name)


@pytest.mark.parametrize("name", ["none.csv", "none.jsonl", "none.sqlite"])
def test_a_missing_file_is_refused_and_not_made(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_votes(tmp_path / name)
    assert not (tmp_path / name).exists()
