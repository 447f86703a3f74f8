"""The command: a file of votes in, a report and a set for training out."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from data.fgrestore.labels import A_BETTER, B_BETTER, EQUAL
from data.fgrestore.layout import read_fgrestore, read_open
from data.votes import NONE, OVERALL, A, B, Vote, counting, write_votes
from eval.preference import main
from eval.study.shares import duels, met_pairs, voting_rates
from eval.study.studied import read_study
from tests.eval.study.simulated import LEFT, crowd, study


def _vote(annotator: str, photo: str, a: str, b: str, choice: str) -> Vote:
    return Vote(
        pair=f"{photo}-{a}-{b}",
        content=photo,
        task="noise",
        image_a=f"{photo}/{a}.png",
        image_b=f"{photo}/{b}.png",
        source_a=a,
        source_b=b,
        annotator=annotator,
        choice=choice,
    )


def test_a_report_names_the_best_source_the_careless_person_and_the_scene(tmp_path: Path) -> None:
    votes = study(crowd(5, (LEFT,)), num_photos=15)
    votes += [replace(vote, dimension="sharpness") for vote in counting(votes)]
    write_votes(votes, tmp_path / "votes.jsonl")
    scenes = {f"photo-{number:02}": ["text"] for number in range(5)}
    (tmp_path / "scenes.json").write_text(json.dumps(scenes), encoding="utf-8")
    arguments = [str(tmp_path / "votes.jsonl"), "--output", str(tmp_path / "out")]
    code = main([*arguments, "--scenes", str(tmp_path / "scenes.json")])
    assert code == 1  # somebody's votes were left out
    report = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    tables = {table["title"]: table for section in report["sections"] for table in section["tables"]}
    assert [row[0]["text"] for row in tables["Strengths"]["rows"]] == ["large", "small", "filter", "bicubic"]
    assert any(LEFT in problem for problem in report["problems"])
    duel = next(table for title, table in tables.items() if "against" in title)
    assert [row[0]["text"] for row in duel["rows"]] == ["all", "text"]
    assert duel["rows"][0][4]["value"] == 15 * 5
    assert duel["rows"][1][4]["value"] == 5 * 5
    assert [column["name"] for column in tables["Strength by question"]["columns"]][1:] == [
        OVERALL,
        "sharpness",
    ]
    assert "Strengths" in (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "| large |" in (tmp_path / "out/report.md").read_text(encoding="utf-8")


def test_figure_5_by_hand() -> None:
    choices = [("one", A), ("one", A), ("one", NONE), ("two", B)]
    votes = [_vote(f"p{i}", photo, "x", "y", choice) for i, (photo, choice) in enumerate(choices)]
    votes.append(_vote("p9", "two", "y", "x", A))  # the other way round: y wins
    everything, two = duels(votes, "x", "y", {"two": ("food",)}, 0)
    assert (everything.scene, two.scene) == ("all", "food")
    assert everything.first_better.mean == pytest.approx(2 / 5)
    assert (everything.equal, everything.second_better.mean) == (pytest.approx(1 / 5), pytest.approx(2 / 5))
    assert (two.first_better.mean, two.second_better.mean, two.first_better.num_values) == (0, 1, 2)
    assert met_pairs(votes) == [("x", "y")]
    assert duels(votes, "x", "z", {}, 0) == []


def test_voting_rates_by_hand() -> None:
    # Person p wins two for x and one for y: x is the favourite. Person q votes on one pair alone: no round.
    votes = [
        _vote("p", "one", "x", "y", A),
        _vote("p", "one", "x", "z", A),
        _vote("p", "one", "y", "z", A),
        _vote("q", "one", "y", "z", NONE),
        _vote("q", "one", "x", "y", B),
    ]
    x, y, z = sorted(voting_rates(votes), key=lambda one: one.name)
    assert (x.total, y.total, z.total) == (2, 2, 0)
    assert (x.rate, z.rate) == (pytest.approx(0.5), 0)
    assert (x.favourite, y.favourite, x.favourite_rate) == (1, 0, 1)


def test_votes_become_a_set_for_training(tmp_path: Path) -> None:
    votes = [_vote(f"p{i}", "one", "x", "y", A) for i in range(5)]
    votes += [_vote(f"p{i}", "two", "x", "y", choice) for i, choice in enumerate((A, B, A, B, NONE))]
    votes += [_vote(f"p{i}", "three", "x", "y", NONE) for i in range(5)]
    votes += [replace(_vote("e", "two", "x", "y", B), role="expert")]
    votes += [_vote(f"p{i}", "four", "x", "y", choice) for i, choice in enumerate((A, B))]
    votes += [replace(_vote("p0", "gold", "x", "y", A), expected=A)]
    for photo in ("one", "two", "three", "four"):
        for source in "xy":
            (tmp_path / "pictures" / photo).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8)).save(tmp_path / "pictures" / photo / f"{source}.png")
    write_votes(votes, tmp_path / "votes.csv")
    arguments = [str(tmp_path / "votes.csv"), "--output", str(tmp_path / "out")]
    arguments += ["--export", str(tmp_path / "set"), "--pictures", str(tmp_path / "pictures")]
    assert main(arguments) == 0
    found = read_fgrestore(tmp_path / "set")
    assert {pair.content: pair.label for pair in found.pairs} == {
        "one": A_BETTER,
        "two": B_BETTER,
        "three": EQUAL,
    }
    assert {pair.content: pair.label_made_by for pair in found.pairs}["two"] == "votes of experts"
    assert [pair.content for pair in read_open(tmp_path / "set")] == ["four"]
    assert {pair.split_content for pair in found.pairs} <= {"train", "test"}
    (tmp_path / "pictures/one/x.png").unlink()
    assert main(arguments) == 1  # the pair without a picture is named, the others are there


def test_metrics_of_a_table_are_held_against_the_votes(tmp_path: Path) -> None:
    votes = [_vote(f"p{i}", photo, "x", "y", A) for i in range(4) for photo in ("one", "two")]
    write_votes(votes, tmp_path / "votes.jsonl")
    rows = ["image,metric,value,higher_is_better"]
    for photo in ("one", "two"):
        rows += [f"{photo}/x.png,right,2,true", f"{photo}/y.png,right,1,true"]
        rows += [f"{photo}/x.png,wrong,2,false", f"{photo}/y.png,wrong,1,false"]
    (tmp_path / "measured.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    arguments = [str(tmp_path / "votes.jsonl"), "--output", str(tmp_path / "out")]
    assert main([*arguments, "--measured", str(tmp_path / "measured.csv")]) == 0
    report = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    (table,) = next(section for section in report["sections"] if section["id"] == "metrics")["tables"]
    assert {row[0]["text"]: row[1]["value"] for row in table["rows"]} == {"right": 100, "wrong": 0}


def test_scenes_and_flags_of_a_database_are_read(tmp_path: Path) -> None:
    path = tmp_path / "votes.sqlite"
    vote = _vote("p", "one", "x", "y", A)
    with sqlite3.connect(path) as connection:
        names = (
            "pair",
            "content",
            "task",
            "image_a",
            "image_b",
            "annotator",
            "choice",
            "source_a",
            "source_b",
        )
        connection.execute(f"CREATE TABLE votes ({', '.join(names)})")
        marks = ", ".join("?" for _ in names)
        connection.execute(f"INSERT INTO votes VALUES ({marks})", [getattr(vote, name) for name in names])
        connection.execute("CREATE TABLE scenes (content, kind)")
        connection.executemany("INSERT INTO scenes VALUES ('one', ?)", [("food",), ("text",)])
        connection.execute("CREATE TABLE flags (annotator, content, source_a, source_b, flag, pictures)")
        connection.execute("INSERT INTO flags VALUES ('p', 'one', 'x', 'y', 'over-sharpened', 'B')")
    connection.close()
    found = read_study(path)
    assert found.scenes == {"one": ("food", "text")}
    assert [(flag.source, flag.is_set) for flag in found.flags] == [("x", False), ("y", True)]
    assert main([str(path), "--output", str(tmp_path / "out")]) == 0
    assert "over-sharpened" in (tmp_path / "out/report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--export", "set"], "--pictures"),
        (["--export", "set", "--pictures", "nowhere"], "no voted pair has its pictures"),
        (["--run", "nowhere"], "run.json"),
        (["--scenes", "nowhere.json"], "scenes"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    write_votes([_vote("p", "one", "x", "y", A)], tmp_path / "votes.jsonl")
    more = [str(tmp_path / one) if one in ("set", "nowhere", "nowhere.json") else one for one in more]
    assert main([str(tmp_path / "votes.jsonl"), "--output", str(tmp_path / "out"), *more]) == 2
    assert said in capsys.readouterr().err


def test_a_missing_file_of_votes_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.sqlite"), "--output", str(tmp_path / "out")]) == 2
    assert "none.sqlite" in capsys.readouterr().err
