"""The pages of a study over HTTP, with a real server on loopback."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data.votes import A, B, read_votes
from demo.study_kit.study import Study
from tests.demo.study_kit.made_up import SOURCES, settings_of, write_study
from tests.demo.study_kit.serving import ask, ballot, join, served

pytest.importorskip("fastapi")

TITLE = "Which <is> better & why?"


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    opened = Study(settings_of(tmp_path, title=TITLE, break_every=4, review={"experts": 1}))
    yield opened
    opened.close()


@pytest.fixture
def address(study: Study) -> Iterator[str]:
    with served(study) as found:
        yield found


def test_nothing_starts_without_consent(address: str, study: Study) -> None:
    first = ask(f"{address}/")
    assert first.status == 200
    assert b"Which &lt;is&gt; better &amp; why?" in first.body
    assert b"You can stop at any time" in first.body
    refused = ask(f"{address}/join", form={"consent": "no"})
    assert refused.status == 400
    assert b"without your consent" in refused.body
    assert study.progress()["people"] == 0
    own = join(address)
    assert re.fullmatch(rf"{address}/s/p001-[0-9a-f]{{32}}", own)
    assert study.progress()["people"] == 1


def test_a_person_goes_from_training_to_the_last_vote(address: str, tmp_path: Path) -> None:
    own = join(address)
    step = ask(f"{own}/next").json
    assert (step["kind"], step["done"]) == ("training", 0)
    stored = ask(f"{own}/answer", send=ballot(step, "none")).json
    assert stored == {"stored": True, "right": False, "why": "the first one is blurred"}
    kinds = []
    while (step := ask(f"{own}/next").json)["kind"] != "done":
        kinds.append(step["kind"])
        if step["kind"] == "break":
            step = ask(f"{own}/next?rested=1").json
        assert ask(f"{own}/answer", send=ballot(step, "left")).json == {
            "stored": True,
            "right": None,
            "why": "",
        }
    assert kinds.count("break") == 2
    votes = read_votes(tmp_path / "votes.sqlite").votes
    assert len(votes) == 9
    for vote in votes:  # left is A only where A stood left
        assert vote.choice == (A if vote.shown_order == "AB" else B)


def test_the_browser_cannot_tell_which_picture_is_which(address: str, study: Study) -> None:
    own = join(address)
    step = ask(f"{own}/next").json
    ask(f"{own}/answer", send=ballot(step, "left"))
    reply = ask(f"{own}/next")
    for name in SOURCES:
        assert name.encode() not in reply.body + ask(own).body
    person = study.person_of(own.rpartition("/")[2])
    showing, pair = study.showing(person, reply.json["showing"])
    paths = {"AB": (pair.path_a, pair.path_b), "BA": (pair.path_b, pair.path_a)}[showing.shown_order]
    for side, path in zip(("left", "right"), paths, strict=True):
        picture = ask(f"{own}/picture/{showing.id}/{side}")
        assert picture.body == path.read_bytes()
        assert picture.headers["content-type"] == "image/png"
        assert not {"etag", "last-modified", "content-disposition"} & {
            name.lower() for name in picture.headers
        }


def test_a_repeated_answer_is_stored_once_and_another_one_refused(address: str, tmp_path: Path) -> None:
    own = join(address)
    ask(f"{own}/answer", send=ballot(ask(f"{own}/next").json, "left"))
    step = ask(f"{own}/next").json
    assert ask(f"{own}/next").json == step  # a second window, or a reload
    assert [ask(f"{own}/answer", send=ballot(step, "left")).status for _ in range(3)] == [200, 200, 200]
    refused = ask(f"{own}/answer", send=ballot(step, "right"))
    assert (refused.status, refused.json["error"]) == (
        400,
        "this pair was answered already, and the first answer counts; go on",
    )
    assert len(read_votes(tmp_path / "votes.sqlite").votes) == 1


def test_a_full_disk_is_said_loses_nothing_and_is_got_over(
    address: str, study: Study, tmp_path: Path
) -> None:
    own = join(address)
    ask(f"{own}/answer", send=ballot(ask(f"{own}/next").json, "left"))
    step = ask(f"{own}/next").json
    ask(f"{own}/answer", send=ballot(step, "left"))
    before = read_votes(tmp_path / "votes.sqlite").votes
    connection = study._store._connection
    ((pages,),) = connection.execute("PRAGMA page_count")
    connection.execute(f"PRAGMA max_page_count = {pages}")  # as on a disk without room
    for _ in range(500):  # what is left of pages that are begun
        refused = ask(f"{address}/join", form={"consent": "yes"})
        if refused.status != 200:
            break
    assert (refused.status, b"database or disk is full" in refused.body) == (507, True)
    assert read_votes(tmp_path / "votes.sqlite").votes == before
    connection.execute("PRAGMA max_page_count = 100000")
    step = ask(f"{own}/next").json
    assert ask(f"{own}/answer", send=ballot(step, "right")).json["stored"]
    assert len(read_votes(tmp_path / "votes.sqlite").votes) == len(before) + 1


def test_withdrawing_is_asked_once_more_and_then_erases(address: str, study: Study, tmp_path: Path) -> None:
    assert b"withdraw" in ask(f"{address}/").body
    one, other = join(address), join(address)
    for own in (one, other):
        ask(f"{own}/answer", send=ballot(ask(f"{own}/next").json, "left"))  # the training pair
        step = ask(f"{own}/next").json
        ask(f"{own}/answer", send=ballot(step, "left"))
    assert b"/withdraw" in ask(one).body
    assert b"cannot be undone" in ask(f"{one}/withdraw").body  # a look at the page erases nothing
    assert study.progress()["people"] == 2
    done = ask(f"{one}/withdraw", form={})
    assert (done.status, b"Everything you said is erased" in done.body) == (200, True)
    assert {vote.annotator for vote in read_votes(tmp_path / "votes.sqlite").votes} == {"p002"}
    for path in ("", "/next", "/withdraw"):
        gone = ask(one + path)
        assert (gone.status, b"you withdrew" in gone.body) == (410, True)
    assert ask(f"{other}/next").status == 200


def test_what_belongs_to_others_or_nobody_is_refused(address: str) -> None:
    one, other = join(address), join(address)
    showing = ask(f"{one}/next").json["showing"]
    assert ask(f"{other}/picture/{showing}/left").status == 400
    assert ask(f"{one}/picture/{showing}/middle").status == 400
    assert ask(f"{one}/picture/999999/left").status == 400
    assert ask(f"{one[:-1]}x/next").status == 404
    assert ask(f"{address}/progress/{'0' * 32}").status == 404
    for path in ("/web/../store.py", "/web/%2e%2e%2fstore.py", "/web/consent.html", "/docs", "/openapi.json"):
        assert ask(address + path).status == 404


@pytest.mark.parametrize(
    "sent",
    [b"", b"not json", b"[]", b'{"showing": "1"}', b'{"showing": 1, "choices": {"overall": 3}}', b"\xff\xfe"],
)
def test_broken_ballots_are_refused_with_a_sentence(address: str, sent: bytes) -> None:
    own = join(address)
    ask(f"{own}/next")
    reply = ask(f"{own}/answer", raw=sent)
    assert reply.status == 400
    assert "ballot" in reply.json["error"]


@pytest.mark.parametrize(
    "changes",
    [
        {"choices": {}},
        {"choices": {"overall": "A"}},
        {"choices": {"overall": "left", "taste": "left"}},
        {"flags": {"over-sharpened": ["left"]}},
        {"seconds": -1},
        {"seconds": 1e300},
        {"showing": 10**30},
    ],
)
def test_answers_that_were_not_asked_for_are_refused(address: str, changes: dict[str, Any]) -> None:
    own = join(address)
    assert ask(f"{own}/answer", send=ballot(ask(f"{own}/next").json, "left") | changes).status == 400


def test_large_requests_are_refused_unread(address: str) -> None:
    assert ask(f"{join(address)}/answer", raw=b" " * 20_000).status == 413


def test_every_page_keeps_its_address_and_contents_to_itself(address: str) -> None:
    own = join(address)
    for page in (f"{address}/", own, f"{own}/next", f"{address}/web/study.js", f"{address}/nothing"):
        headers = {name.lower(): value for name, value in ask(page).headers.items()}
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]


def test_whoever_runs_the_study_sees_how_far_it_is(address: str, study: Study) -> None:
    found = ask(f"{address}/progress/{study.organiser_token}").json
    assert (found["pairs"], found["votes"], found["people"]) == (9, 0, 0)


def _start(config: Path) -> tuple[subprocess.Popen[str], str]:
    """The program itself, and its address."""
    program = Path(__file__).resolve().parents[3] / "demo/study.py"
    process = subprocess.Popen(
        [sys.executable, str(program), "--config", str(config), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while line := process.stdout.readline():
        if line.startswith("people join at"):
            address = line.split()[-1].rstrip("/")
        if line.startswith("votes"):
            return process, address
    raise AssertionError("the study did not start")


@pytest.mark.slow
def test_a_killed_server_has_every_vote_that_it_confirmed_and_links_go_on(tmp_path: Path) -> None:
    config = write_study(tmp_path, num_photos=20, schedule={"votes_per_pair": 100})
    confirmed: list[int] = []
    own: list[str] = []
    for _ in range(2):
        process, address = _start(config)
        try:
            paths = [one.partition("/s/")[2] for one in own] or [""] * 4
            own = [f"{address}/s/{path}" if path else join(address) for path in paths]
            enough = threading.Event()
            people = [threading.Thread(target=_vote_on, args=(one, confirmed, enough)) for one in own]
            for person in people:
                person.start()
            assert enough.wait(60)
            process.send_signal(signal.SIGKILL)
            for person in people:
                person.join(60)
            enough.clear()
        finally:
            process.kill()
            process.wait()
    found = read_votes(tmp_path / "votes.sqlite")
    assert found.set_aside == ()
    stored = len(found.votes) + 4  # the training pair of each is no vote
    assert len(set(confirmed)) == len(confirmed)
    assert len(confirmed) <= stored <= len(confirmed) + 2 * 4


def _vote_on(own: str, confirmed: list[int], enough: threading.Event) -> None:
    """Votes until the server is gone; `enough` is set after some more votes of everybody."""
    goal = len(confirmed) + 40
    try:
        while (step := ask(f"{own}/next?rested=1").json)["showing"] is not None:
            if ask(f"{own}/answer", send=ballot(step, "left")).status == 200:
                confirmed.append(step["showing"])
            if len(confirmed) >= goal:
                enough.set()
    except OSError:
        return


@pytest.mark.slow
def test_the_program_stops_cleanly_and_says_what_is_wrong(tmp_path: Path) -> None:
    config = write_study(tmp_path)
    process, address = _start(config)
    assert ask(f"{address}/health").json == {"ok": True}
    program = Path(__file__).resolve().parents[3] / "demo/study.py"
    second = subprocess.run(
        [sys.executable, str(program), "--config", str(config)], capture_output=True, text=True, check=False
    )
    assert second.returncode == 2
    assert "another process writes" in second.stderr
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(30) in (0, -signal.SIGTERM)
    missing = subprocess.run(
        [sys.executable, str(program), "--config", "nothing.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert missing.returncode == 2
    assert "nothing.yaml" in missing.stderr
