"""Votes on disk: none lost, none doubled, whatever happens to the process."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from data.votes import EXPERT, OVERALL, RATER, A, B, read_votes
from demo.study_kit.pairs import find_pairs
from demo.study_kit.settings import read_study_settings
from demo.study_kit.store import Ballot, Store
from demo.study_kit.study import Study
from eval.study.studied import read_study
from tests.demo.study_kit.made_up import ballot, better_source, settings_of, write_study
from uare.errors import ConfigError, InputError

ROUNDS = 4  # processes to kill
ACKNOWLEDGED = 25  # answers of each before it is killed


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    pairs = find_pairs(settings_of(tmp_path)).pairs.values()
    opened = Store(tmp_path / "votes.sqlite", pairs, {"photo0": ["food", "text"]})
    yield opened
    opened.close()


PAIR = "noise--photo0--bicubic--large"


def test_stored_answers_are_votes_of_the_documented_form(store: Store, tmp_path: Path) -> None:
    rater, expert = store.join(RATER, 0, "p"), store.join(EXPERT, 0, "e")
    first = store.show(rater.id, PAIR, 0, "BA")
    store.answer(first.id, Ballot(choices={OVERALL: B, "sharpness": A}, flags={"invented": "B"}, seconds=2.5))
    store.answer(store.show(expert.id, PAIR, 0, "AB").id, ballot(A))
    store.answer(store.show(rater.id, "gold--0--clean--ruined", 0, "AB").id, ballot(A))
    store.answer(store.show(rater.id, "training--0--bad--good", 0, "AB").id, ballot(B))
    store.show(rater.id, "noise--photo1--bicubic--large", 0, "AB")  # never answered
    found = read_votes(tmp_path / "votes.sqlite")  # while the store is open
    assert found.set_aside == ()
    overall = [vote for vote in found.votes if vote.dimension == OVERALL]
    assert [(vote.annotator, vote.choice, vote.expected, vote.role) for vote in overall] == [
        ("p001", B, "", RATER),
        ("e001", A, "", EXPERT),
        ("p001", A, A, RATER),
    ]
    vote = overall[0]
    assert (vote.source_a, vote.source_b, vote.shown_order, vote.seconds) == ("bicubic", "large", "BA", 2.5)
    assert vote.image_a == "noise/photo0/bicubic.png"
    assert vote.time.endswith("+00:00")
    assert [one.choice for one in found.votes if one.dimension == "sharpness"] == [A]
    studied = read_study(tmp_path / "votes.sqlite")
    assert studied.scenes == {"photo0": ("food", "text")}
    assert [(flag.source, flag.is_set) for flag in studied.flags] == [("bicubic", False), ("large", True)]


def test_the_same_answer_again_changes_nothing_and_another_one_is_refused(store: Store) -> None:
    person = store.join(RATER, 0, "p")
    showing = store.show(person.id, PAIR, 0, "AB")
    assert store.answer(showing.id, ballot(A)) is True
    assert store.answer(showing.id, ballot(A)) is False
    with pytest.raises(InputError, match="first answer counts"):
        store.answer(showing.id, ballot(B))
    stored = store.ballot(showing.id)
    assert stored is not None and stored.choices == {OVERALL: A}
    with pytest.raises(sqlite3.IntegrityError):  # nobody sees a pair twice as if for the first time
        store.show(person.id, PAIR, 0, "AB")


def test_a_failed_answer_leaves_nothing_behind(store: Store) -> None:
    showing = store.show(store.join(RATER, 0, "p").id, PAIR, 0, "AB")
    with pytest.raises(sqlite3.IntegrityError):
        store.answer(showing.id, Ballot(choices={OVERALL: A, "sharpness": "perhaps"}, flags={}, seconds=1))
    assert store.ballot(showing.id) is None
    assert store.answer(showing.id, ballot(A)) is True


def test_one_process_writes_and_a_second_one_is_told_so(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="another process writes"):
        Store(tmp_path / "votes.sqlite", [], {})


def test_a_pair_that_changed_since_the_votes_is_refused(store: Store, tmp_path: Path) -> None:
    store.close()
    pair = find_pairs(settings_of(tmp_path)).pairs[PAIR]
    other = type(pair)(**{**vars(pair), "image_a": "elsewhere.png"})
    with pytest.raises(ConfigError, match="another one"):
        Store(tmp_path / "votes.sqlite", [other], {})
    Store(tmp_path / "votes.sqlite", [pair], {}).close()  # and the refused one has let go of the file


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "votes.sqlite").write_text("not a database, but long enough to be looked at " * 10)
    with pytest.raises(ConfigError, match="cannot be used as a database"):
        Store(tmp_path / "votes.sqlite", [], {})


def test_no_vote_is_lost_or_doubled_when_the_process_is_killed(tmp_path: Path) -> None:
    settings = write_study(tmp_path, num_photos=12, schedule={"votes_per_pair": 1000}, most_people=1000)
    acknowledged: dict[int, str] = {}
    for _ in range(ROUNDS):
        receiver, sender = Pipe(duplex=False)
        process = get_context("fork").Process(target=_write_until_killed, args=(settings, sender))
        process.start()
        sender.close()
        before = len(acknowledged)
        while len(acknowledged) < before + ACKNOWLEDGED:
            _note(receiver.recv(), acknowledged)
        process.kill()  # in the middle of whatever it is doing
        process.join()
        with suppress(EOFError):
            while True:
                _note(receiver.recv(), acknowledged)
    connection = sqlite3.connect(tmp_path / "votes.sqlite")
    stored = dict(connection.execute("SELECT showing, choice FROM answers WHERE dimension = 'overall'"))
    marked = {row[0] for row in connection.execute("SELECT id FROM showings WHERE answered IS NOT NULL")}
    (checked,) = connection.execute("PRAGMA integrity_check")
    connection.close()
    assert checked == ("ok",)
    assert len(acknowledged) >= ROUNDS * ACKNOWLEDGED
    assert acknowledged.items() <= stored.items()
    assert len(stored) <= len(acknowledged) + ROUNDS  # stored, and killed before it could say so
    assert marked == set(stored)
    assert read_votes(tmp_path / "votes.sqlite").set_aside == ()


def _write_until_killed(settings: Path, sender: Connection) -> None:
    """Answers showing after showing as one person after the other, and says so once each is stored."""
    study = Study(read_study_settings(settings))
    person = study.join()
    while True:
        step = study.next_step(person, rested=True)
        if step.showing is None:
            person = study.join()
            continue
        choice = better_source(study.showing(person, step.showing.id)[1])
        study.answer(person, step.showing.id, ballot(choice))
        sender.send((step.showing.id, choice))


def _note(said: tuple[int, str], acknowledged: dict[int, str]) -> None:
    assert said[0] not in acknowledged
    acknowledged[said[0]] = said[1]
