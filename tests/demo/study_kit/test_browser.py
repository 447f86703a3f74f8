"""The study in a real browser: from consent to the last vote, by two people at once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.votes import read_votes
from demo.study_kit.study import Study
from tests.demo.study_kit.made_up import settings_of
from tests.demo.study_kit.serving import served
from tests.eval.webdriver import Browser, browser

PATIENCE_S = 30.0


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Browser]:
    with browser(tmp_path) as opened:
        yield opened


def _until(window: Browser, script: str) -> None:
    """Waits for a JavaScript condition."""
    end = time.monotonic() + PATIENCE_S
    while not window.run(f"return {script}"):
        assert time.monotonic() < end, f"{script}: {window.run('return document.body.innerText')}"
        time.sleep(0.02)


READY = "!document.querySelector('#pair').hidden && since > 0"


def _join(window: Browser, address: str) -> None:
    window.visit(address + "/")
    window.click(window.find("input[name=consent]"))
    window.click(window.find("button"))
    _until(window, "location.pathname.startsWith('/s/')")


def _vote_to_the_end(window: Browser, side: str) -> None:
    while True:
        _until(window, f"!document.querySelector('#notice').hidden || ({READY})")
        if window.run("return !document.querySelector('#notice').hidden"):
            if window.run("return document.querySelector('#go-on').hidden"):
                return
            window.click(window.find("#go-on"))
            _until(
                window, "document.querySelector('#notice').hidden || document.querySelector('#go-on').hidden"
            )
            continue
        before = window.run("return step.showing")
        window.click(window.find(f"input[name=question-0][value={side}]"))
        _until(window, f"step.showing !== {before} || !document.querySelector('#notice').hidden")


@pytest.mark.slow
def test_two_people_vote_at_once_from_consent_to_the_last_pair(tmp_path: Path) -> None:
    study = Study(settings_of(tmp_path, break_every=5))

    def person(name: str) -> None:
        (tmp_path / name).mkdir()
        with browser(tmp_path / name) as window:
            _join(window, address)
            _vote_to_the_end(window, "left")
            assert "Thank you" in window.run("return document.body.innerText")

    with served(study) as address:
        people = [threading.Thread(target=person, args=(name,)) for name in ("one", "two")]
        for one in people:
            one.start()
        for one in people:
            one.join()
    votes = read_votes(tmp_path / "votes.sqlite")
    study.close()
    assert votes.set_aside == ()
    assert Counter(vote.annotator for vote in votes.votes) == {"p001": 9, "p002": 9}
    for vote in votes.votes:  # everybody clicked left
        assert vote.choice == vote.shown_order[0]
        assert vote.seconds is not None and 0 <= vote.seconds < PATIENCE_S


@pytest.mark.slow
def test_zoom_moves_both_pictures_alike_and_keys_vote(tmp_path: Path, window: Browser) -> None:
    study = Study(settings_of(tmp_path, training=[], questions=["sharpness"], flags=["over-sharpened"]))
    with served(study) as address:
        _join(window, address)
        _until(window, READY)
        window.click(window.find("[data-zoom=in]"))
        window.drag(window.find(".frame"), 0.9)
        both = "return ['left', 'right'].map((id) => document.getElementById(id).style.transform)"
        left, right = window.run(both)
        assert left == right
        assert "scale(2)" in left and "translate(0%" not in left
        window.resize(390, 844)  # a phone
        assert window.run("return document.documentElement.scrollWidth <= innerWidth")
        assert window.run("return document.querySelector('#next').disabled")
        window.click(window.find("input[name=question-0][value=right]"))
        window.click(window.find("input[name=question-1][value=none]"))
        window.click(window.find("input[name=flag-0][value=left]"))
        before = window.run("return step.showing")
        window.click(window.find("#next"))
        _until(window, f"step.showing !== {before} && {READY}")
        assert window.run(both) == ["translate(0%, 0%) scale(1)"] * 2
        window.run("location.reload()")
        _until(window, f"typeof step !== 'undefined' && step && step.showing === {before + 1}")
    found = read_votes(tmp_path / "votes.sqlite").votes
    study.close()
    assert {vote.dimension: vote.choice for vote in found} == {
        "overall": found[0].shown_order[1],
        "sharpness": "none",
    }
