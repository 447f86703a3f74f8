"""What is asked next, by counts whose best continuation is plain."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from demo.study_kit.pairs import ASKED, StudyPair
from demo.study_kit.schedule import Count, choose, is_settled, state_of, swiss_matches
from demo.study_kit.settings import ScheduleSettings

FOLDER = Path("nowhere")
ALL = ScheduleSettings(kind="all", votes_per_pair=2)


def _pair(content: str, a: str, b: str, team: int = 0) -> StudyPair:
    return StudyPair(
        id=f"{content} {a} {b}",
        kind=ASKED,
        content=content,
        task="noise",
        image_a=a,
        image_b=b,
        path_a=FOLDER / a,
        path_b=FOLDER / b,
        source_a=a,
        source_b=b,
        team=team,
    )


def _pairs(names: str, contents: str = "1") -> list[StudyPair]:
    return [_pair(one, a, b) for one in contents for i, a in enumerate(names) for b in names[i + 1 :]]


def _chosen(
    settings: ScheduleSettings, pairs: list[StudyPair], counts: dict[str, Count], seed: int = 0
) -> str:
    found = choose(settings, pairs, counts, team=0, seen=(), chance=random.Random(seed))
    return found.id if found else ""


def test_all_pairs_are_asked_evenly_until_each_has_its_votes() -> None:
    pairs = _pairs("xyz")
    counts = {"1 x y": Count(a=1), "1 x z": Count(a=1, under_way=1)}
    assert _chosen(ALL, pairs, counts) == "1 y z"  # the one without a vote
    counts["1 y z"] = Count(none=2)
    assert _chosen(ALL, pairs, counts) == "1 x y"
    counts["1 x y"] = Count(a=1, b=1)
    assert _chosen(ALL, pairs, counts) == ""


def test_among_equals_chance_decides() -> None:
    first = Counter(_chosen(ALL, _pairs("xyz"), {}, seed) for seed in range(90))
    assert len(first) == 3
    assert min(first.values()) > 15


def test_nobody_is_asked_twice_or_for_another_team() -> None:
    pairs = [_pair("1", "x", "y"), _pair("2", "x", "y", team=1)]
    assert choose(ALL, pairs, {}, team=1, seen=(), chance=random.Random(0)) == pairs[1]
    assert choose(ALL, pairs, {}, team=0, seen=("1 x y",), chance=random.Random(0)) is None


def test_active_asks_where_little_is_known() -> None:
    active = ScheduleSettings(kind="active", votes_per_pair=100)
    pairs = _pairs("xyz")
    counts = {"1 x y": Count(a=20, b=20)}
    assert _chosen(active, pairs, counts) in ("1 x z", "1 y z")
    # x is far ahead of both, so that only y against z can still tell something
    counts = {"1 x y": Count(a=30), "1 x z": Count(a=30)}
    assert _chosen(active, pairs, counts) == "1 y z"


def test_active_spreads_people_who_come_at_once() -> None:
    active = ScheduleSettings(kind="active", votes_per_pair=100)
    pairs = _pairs("wxyz")
    counts: dict[str, Count] = {}
    for _ in range(12):
        name = _chosen(active, pairs, counts)
        counts[name] = Count(under_way=counts.get(name, Count()).under_way + 1)
    assert set(counts) == {pair.id for pair in pairs}
    assert max(count.under_way for count in counts.values()) <= 3


def test_active_learns_more_from_as_many_votes_than_asking_evenly() -> None:
    truth = {"u": -3.0, "v": -1.0, "w": -0.8, "x": 0.8, "y": 1.0, "z": 3.0}
    widths = {}
    for kind in ("all", "active"):
        settings = ScheduleSettings(kind=kind, votes_per_pair=100)
        pairs = _pairs("uvwxyz", contents="1")
        found = []
        for seed in range(6):
            chance = np.random.default_rng(seed)
            counts: dict[str, Count] = {}
            for number in range(200):
                name = _chosen(settings, pairs, counts, seed=1000 * seed + number)
                _, a, b = name.split()
                before = counts.get(name, Count())
                won = chance.random() < 1 / (1 + np.exp(truth[b] - truth[a]))
                counts[name] = Count(a=before.a + won, b=before.b + (not won))
            found.append(state_of(pairs, counts, with_open=False).widest)
        widths[kind] = float(np.mean(found))
    assert widths["active"] < 0.95 * widths["all"]  # measured: 0.87


def test_a_study_is_settled_when_intervals_are_as_narrow_as_asked() -> None:
    pairs = _pairs("xy")
    few, many = {"1 x y": Count(a=3, b=2)}, {"1 x y": Count(a=300, b=200)}
    wide = state_of(pairs, few, with_open=False).widest
    narrow = state_of(pairs, many, with_open=False).widest
    # by hand: the deviation of half a difference of log-odds of 500 votes, the prior hardly felt
    p = 0.6
    assert narrow == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(500 * p * (1 - p)), rel=0.02)
    settings = ScheduleSettings(votes_per_pair=1000, stop_width=(wide + narrow) / 2)
    assert not is_settled(settings, pairs, few)
    assert is_settled(settings, pairs, many)
    assert _chosen(settings, pairs, many) == ""
    assert not is_settled(ScheduleSettings(), pairs, many)


def test_swiss_starts_with_a_chain_and_pairs_neighbours_next() -> None:
    settings = ScheduleSettings(kind="swiss", votes_per_pair=1)
    pairs = _pairs("wxyz")
    chain = {("w", "x"), ("x", "y"), ("y", "z")}
    assert swiss_matches(settings, pairs, {}) == chain
    half = {"1 w x": Count(a=1), "1 x y": Count(a=1)}
    assert swiss_matches(settings, pairs, half) == chain
    assert _chosen(settings, pairs, half) == "1 y z"
    # w > x > y > z: the nearest that have not met are w with y, and x with z
    done = half | {"1 y z": Count(a=1)}
    assert swiss_matches(settings, pairs, done) == chain | {("w", "y"), ("x", "z")}


def test_swiss_asks_fewer_pairs_than_all_and_ends() -> None:
    settings = ScheduleSettings(kind="swiss", votes_per_pair=1)
    pairs = _pairs("stuvwxyz")
    counts: dict[str, Count] = {}
    while name := _chosen(settings, pairs, counts):
        counts[name] = Count(a=1)
        assert len(counts) <= len(pairs)
    assert len(counts) == len(pairs)  # without a stopping rule the last round is everything
