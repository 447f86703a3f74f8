"""A study from joining to the last vote, without its pages."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from data.votes import EXPERT, OVERALL, RATER, A, B, read_votes
from demo.study_kit.pairs import ASKED, find_pairs
from demo.study_kit.settings import read_study_settings
from demo.study_kit.store import Ballot
from demo.study_kit.study import BREAK, DONE, REVIEW, TRAIN, VOTE, Study
from eval.preference import main as analyse
from eval.study.studied import read_study
from tests.demo.study_kit.made_up import ballot, better_source, settings_of, vote_to_the_end, write_study
from uare.errors import ConfigError, InputError

Opener = Callable[..., Study]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    """Opens a study of the given settings; a second call stops the first, as a restart would."""
    running: list[Study] = []

    def open_study(**changes: Any) -> Study:
        for study in running:
            study.close()
        running[:] = [Study(settings_of(tmp_path, **changes))]
        return running[0]

    yield open_study
    for study in running:
        study.close()


def test_people_train_first_are_told_why_and_then_vote_on_everything(opened: Opener, tmp_path: Path) -> None:
    study = opened()
    person = study.join()
    step = study.next_step(person)
    assert step.kind == TRAIN and step.showing is not None
    assert study.feedback(step.showing, A) == (False, "the first one is blurred")
    assert study.feedback(step.showing, B) == (True, "the first one is blurred")
    study.answer(person, step.showing.id, ballot(B))
    step = study.next_step(person)
    assert step.kind == VOTE and step.showing is not None
    assert study.feedback(step.showing, A) is None
    assert vote_to_the_end(study, person, better_source) == 9  # 3 photos, 3 pairs of sources
    assert study.next_step(person).kind == DONE
    votes = read_votes(tmp_path / "votes.sqlite").votes
    assert len({vote.pair for vote in votes}) == len(votes) == 9
    assert {vote.shown_order for vote in votes} == {"AB", "BA"}


def test_what_was_shown_waits_through_reloads_and_restarts(opened: Opener) -> None:
    study = opened()
    person = study.join()
    token = study.token_of(person)
    before = study.next_step(person)
    assert study.next_step(person) == before
    again = opened()
    assert again.person_of(token) == person
    assert again.next_step(person) == before


def test_links_of_strangers_and_changed_links_are_refused(opened: Opener) -> None:
    study = opened()
    token = study.token_of(study.join())
    for wrong in ("", "p001", token[:-1], token[:-1] + "ä", "p002" + token[4:], token + "0"):
        with pytest.raises(InputError, match="does not belong"):
            study.person_of(wrong)


def test_gold_and_repeated_pairs_come_in_between_and_breaks_are_proposed(
    opened: Opener, tmp_path: Path
) -> None:
    checks = {"gold_share": 0.3, "repeat_share": 0.3, "repeat_gap": 3}
    study = opened(num_photos=10, checks=checks, break_every=5, seed=3)
    person = study.join()
    assert study.next_step(person).kind == TRAIN
    number = vote_to_the_end(study, person, better_source)
    votes = read_votes(tmp_path / "votes.sqlite").votes
    assert len(votes) == number - 1  # the training pair is no vote
    assert sum(vote.expected == A for vote in votes) == 1
    repeats = [place for place, vote in enumerate(votes) if vote.repeat == 1]
    assert repeats
    for place in repeats:
        first = next(i for i, vote in enumerate(votes) if vote.pair == votes[place].pair)
        assert place - first >= 3
    fresh = study.join()
    kinds = []
    while (step := study.next_step(fresh)).showing is not None:
        study.answer(fresh, step.showing.id, ballot(B))
        kinds.append(step.kind)
    assert (len(kinds), step.kind, step.done) == (6, BREAK, 5)
    assert study.next_step(fresh, rested=True).kind == VOTE


def test_each_pair_gets_its_votes_from_different_people_and_no_more(opened: Opener, tmp_path: Path) -> None:
    study = opened(schedule={"votes_per_pair": 2})
    for _ in range(4):
        vote_to_the_end(study, study.join(), better_source)
    counts = Counter(vote.pair for vote in read_votes(tmp_path / "votes.sqlite").votes)
    assert set(counts.values()) == {2}
    assert len(counts) == 9
    assert study.progress()["pairs_with_all_votes"] == 9


def test_teams_share_the_pairs_and_fill_up_evenly(opened: Opener, tmp_path: Path) -> None:
    study = opened(teams=2, training=[])
    people = [study.join() for _ in range(4)]
    assert sorted(person.team for person in people) == [0, 0, 1, 1]
    assert sorted(vote_to_the_end(study, person, better_source) for person in people) == [4, 4, 5, 5]
    votes = read_votes(tmp_path / "votes.sqlite").votes
    of_team = [{vote.pair for vote in votes if vote.annotator == person.id} for person in people]
    assert of_team[0] & of_team[1] == set()
    assert len(of_team[0] | of_team[1]) == 9


def test_disagreements_go_to_experts_whose_word_counts(opened: Opener, tmp_path: Path) -> None:
    study = opened(
        num_photos=1,
        training=[],
        schedule={"votes_per_pair": 4},
        review={"experts": 1, "least_votes": 4, "share": 0.75},
    )
    disputed = "noise--photo0--bicubic--large"
    for number in range(4):
        vote_to_the_end(
            study,
            study.join(),
            lambda pair, number=number: "AB"[number % 2] if pair.id == disputed else better_source(pair),
        )
    assert study.review_queue() == [disputed]
    (expert,) = study.experts()
    step = study.next_step(expert)
    assert step.kind == REVIEW and step.showing is not None and step.showing.pair == disputed
    study.answer(expert, step.showing.id, ballot(B))
    assert study.review_queue() == []
    assert study.next_step(expert).kind == DONE
    roles = Counter(vote.role for vote in read_votes(tmp_path / "votes.sqlite").votes)
    assert roles == {RATER: 12, EXPERT: 1}


def test_answers_that_were_not_asked_for_are_refused(opened: Opener) -> None:
    study = opened(questions=["sharpness"], flags=["over-sharpened"])
    one, other = study.join(), study.join()
    step = study.next_step(one)
    assert step.showing is not None
    whole = {OVERALL: A, "sharpness": B}
    for choices, flags, seconds in (
        ({OVERALL: A}, {}, 1.0),
        ({**whole, "taste": A}, {}, 1.0),
        ({**whole, OVERALL: "C"}, {}, 1.0),
        (whole, {"ugly": "A"}, 1.0),
        (whole, {"over-sharpened": "C"}, 1.0),
        (whole, {}, -1.0),
        (whole, {}, float("nan")),
    ):
        with pytest.raises(InputError):
            study.answer(one, step.showing.id, Ballot(choices=choices, flags=flags, seconds=seconds))
    right = Ballot(choices=whole, flags={"over-sharpened": "AB"}, seconds=1.0)
    with pytest.raises(InputError, match="not shown to you"):
        study.answer(other, step.showing.id, right)
    assert study.answer(one, step.showing.id, right)
    assert not study.answer(one, step.showing.id, right)


def test_a_full_study_says_so(opened: Opener) -> None:
    study = opened(most_people=1)
    study.join()
    with pytest.raises(InputError, match="all the people"):
        study.join()


def test_many_people_at_once_lose_no_vote_and_get_no_pair_too_often(opened: Opener, tmp_path: Path) -> None:
    study = opened(num_photos=4, training=[], schedule={"kind": "active", "votes_per_pair": 5})
    people = [study.join() for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        given = sum(pool.map(lambda person: vote_to_the_end(study, person, better_source), people))
    votes = read_votes(tmp_path / "votes.sqlite")
    assert votes.set_aside == ()
    assert len(votes.votes) == given == 12 * 5
    assert set(Counter(vote.pair for vote in votes.votes).values()) == {5}


def test_a_study_stops_when_enough_is_known_and_its_analysis_finds_the_order(
    opened: Opener, tmp_path: Path
) -> None:
    scenes = {f"photo{number}": ["text"] for number in range(3)}
    (tmp_path / "scenes.json").write_text(json.dumps(scenes), encoding="utf-8")
    schedule = {"kind": "active", "votes_per_pair": 50, "stop_width": 3.5}
    study = opened(num_photos=10, schedule=schedule, scenes="scenes.json")
    for _ in range(20):
        vote_to_the_end(study, study.join(), better_source)
    assert study.progress()["settled"] is True
    assert study.progress()["votes"] < 20 * 30
    code = analyse([str(tmp_path / "votes.sqlite"), "--output", str(tmp_path / "out")])
    assert code == 0
    report = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    tables = {table["title"]: table for section in report["sections"] for table in section["tables"]}
    assert [row[0]["text"] for row in tables["Strengths"]["rows"]] == ["large", "small", "bicubic"]
    duel = next(table for title, table in tables.items() if "against" in title)
    assert "text" in {row[0]["text"] for row in duel["rows"]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pictuers": "x"}, "nearest known one is pictures"),
        ({"questions": ["taste"]}, "no question 'taste'"),
        ({"flags": ["ugly"]}, "no flag 'ugly'"),
        ({"gold": [{"a": "x.png", "b": "x.png", "answer": "A"}]}, "two different ones"),
        ({"gold": [{"a": "x.png", "b": "y.png", "answer": "left"}]}, "gold.0.answer"),
        ({"schedule": {"kind": "random"}}, "schedule.kind"),
    ],
)
def test_slips_in_the_settings_are_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_study_settings(write_study(tmp_path, **changes))


def test_the_documented_example_is_a_study(checkout: Path, tmp_path: Path) -> None:
    text = (checkout / "docs/study.md").read_text(encoding="utf-8")
    (tmp_path / "study.yaml").write_text(text.partition("```yaml")[2].partition("```")[0], encoding="utf-8")
    settings = read_study_settings(tmp_path / "study.yaml")
    assert settings.questions == (OVERALL, "sharpness", "naturalness")
    assert settings.gold[0].a == tmp_path / "gold/clean.png"


def test_pictures_that_cannot_be_shown_leave_their_pairs_out(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    (tmp_path / "pictures/noise/photo0/large.png").write_bytes(b"no picture")
    found = find_pairs(settings)
    assert sum(pair.kind == ASKED for pair in found.pairs.values()) == 7
    assert sum("large.png cannot be read" in problem for problem in found.problems) == 2
    with pytest.raises(ConfigError, match="nothing to ask"):
        find_pairs(settings.model_copy(update={"pictures": tmp_path / "nowhere"}))


def test_who_withdraws_is_in_no_vote_no_report_and_no_export(opened: Opener, tmp_path: Path) -> None:
    settings = {"schedule": {"votes_per_pair": 2}, "most_people": 2}
    study = opened(**settings)
    staying, leaving = study.join(), study.join()
    for person in (staying, leaving):
        vote_to_the_end(study, person, better_source)
    file = tmp_path / "votes.sqlite"
    before = [vote for vote in read_votes(file).votes if vote.annotator == staying.id]
    token = study.token_of(leaving)
    study.withdraw(leaving)
    assert list(read_votes(file).votes) == before
    for again in (study, opened(**settings)):  # also after a restart
        with pytest.raises(InputError, match="withdrew"):
            again.person_of(token)
        with pytest.raises(InputError, match="withdrew"):  # another window, open meanwhile
            again.next_step(leaving)
        progress = again.progress()
        assert (progress["people"], progress["withdrawn"], progress["votes"]) == (1, 1, 9)
    export = ["--export", str(tmp_path / "set"), "--pictures", str(tmp_path / "pictures")]
    analyse([str(file), "--output", str(tmp_path / "report"), *export])
    for written in (tmp_path / "report/report.json", tmp_path / "set/pairs.parquet"):
        assert leaving.id.encode() not in written.read_bytes()
    joined = again.join()
    assert joined.id == "p003"  # the place is free, the name is not
    assert vote_to_the_end(again, joined, better_source) == 10  # the pairs are asked again


def test_withdrawn_answers_cannot_be_dug_out_of_the_files(opened: Opener, tmp_path: Path) -> None:
    study = opened(training=[], flags=["over-sharpened"])
    person = study.join()
    step = study.next_step(person)
    assert step.showing is not None
    said = Ballot(choices={OVERALL: A}, flags={"over-sharpened": "A"}, seconds=1234.5678)
    study.answer(person, step.showing.id, said)

    def is_on_disk() -> bool:
        as_sqlite_writes_it = struct.pack(">d", said.seconds)
        return any(as_sqlite_writes_it in path.read_bytes() for path in tmp_path.glob("votes.sqlite*"))

    assert is_on_disk()
    assert len(read_study(tmp_path / "votes.sqlite").flags) == 2
    study.withdraw(person)
    assert not is_on_disk()
    with pytest.raises(InputError, match="holds no votes"):
        read_study(tmp_path / "votes.sqlite")
    study.withdraw(person)  # a second click
