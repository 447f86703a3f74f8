"""Plain counts of preferences: two sources scene by scene, and which share of all votes each source got."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from data.votes import NONE, A, Vote
from eval.intervals import MeanInterval, mean_with_interval

ALL_SCENES = "all"


@dataclass(frozen=True, kw_only=True)
class Duel:
    """Two sources in one kind of scene; shares of the votes."""

    scene: str
    first_better: MeanInterval
    equal: float
    second_better: MeanInterval


@dataclass(frozen=True, kw_only=True)
class VotingRate:
    """What a source got, as in UARE's table B.4."""

    name: str
    total: int  # votes that preferred it
    rate: float  # of all votes that preferred something
    favourite: float  # rounds that it won, a shared win in equal parts
    favourite_rate: float | None  # of all rounds; None without any


def duels(
    votes: Sequence[Vote], first: str, second: str, scenes: Mapping[str, tuple[str, ...]], seed: int
) -> list[Duel]:
    """The position paper's figure 5 for two sources: all scenes, then each kind, `second` weakest first.

    votes: those that count, on one question. scenes: content -> kinds. Empty where the two never met.
    """
    by_scene: dict[str, list[tuple[str, int]]] = defaultdict(list)  # (content, 1 first, 0 equal, -1 second)
    for vote in votes:
        if {vote.source_a, vote.source_b} != {first, second}:
            continue
        lead = 0 if vote.choice == NONE else 1 if (vote.choice == A) == (vote.source_a == first) else -1
        for scene in (ALL_SCENES, *scenes.get(vote.content, ())):
            by_scene[scene].append((vote.content, lead))
    found = [_duel(scene, cast, seed) for scene, cast in by_scene.items()]
    return sorted(found, key=lambda one: (one.scene != ALL_SCENES, one.second_better.mean, one.scene))


def met_pairs(votes: Sequence[Vote]) -> list[tuple[str, str]]:
    """Sources that met, those with most votes first."""
    count = Counter(tuple(sorted((vote.source_a, vote.source_b))) for vote in votes)
    return [(a, b) for (a, b), _ in count.most_common() if a and b and a != b]


def voting_rates(votes: Sequence[Vote]) -> list[VotingRate]:
    """Votes that each source got, and rounds that it won: one person's votes on all pairs of one photo.

    UARE's study asked for the best of four at once; a round is the nearest that pairs give. Most votes first.
    """
    known = [vote for vote in votes if vote.source_a and vote.source_b and vote.source_a != vote.source_b]
    names = sorted({name for vote in known for name in (vote.source_a, vote.source_b)})
    got = Counter(_preferred(vote) for vote in known if vote.choice != NONE)
    favourites, rounds = _rounds(known)
    total = sum(got.values())
    rates = [
        VotingRate(
            name=name,
            total=got[name],
            rate=got[name] / total if total else 0.0,
            favourite=favourites.get(name, 0.0),
            favourite_rate=favourites.get(name, 0.0) / rounds if rounds else None,
        )
        for name in names
    ]
    return sorted(rates, key=lambda one: (-one.total, one.name))


def _rounds(votes: Sequence[Vote]) -> tuple[dict[str, float], int]:
    """Wins of rounds and their number; a round without any preference is none."""
    by_round: dict[tuple[str, str, str], list[Vote]] = defaultdict(list)
    for vote in votes:
        by_round[vote.annotator, vote.content, vote.task].append(vote)
    won: dict[str, float] = defaultdict(float)
    number = 0
    for cast in by_round.values():
        pairs = {frozenset((vote.source_a, vote.source_b)) for vote in cast}
        names = sorted(frozenset().union(*pairs))
        wins = Counter(_preferred(vote) for vote in cast if vote.choice != NONE)
        if not wins or any(frozenset(pair) not in pairs for pair in combinations(names, 2)):
            continue
        number += 1
        best = [name for name, count in wins.items() if count == max(wins.values())]
        for name in best:
            won[name] += 1 / len(best)
    return dict(won), number


def _preferred(vote: Vote) -> str:
    return vote.source_a if vote.choice == A else vote.source_b


def _duel(scene: str, cast: Sequence[tuple[str, int]], seed: int) -> Duel:
    contents = [content for content, _ in cast]
    leads = [lead for _, lead in cast]
    return Duel(
        scene=scene,
        first_better=mean_with_interval([float(lead > 0) for lead in leads], seed, contents),
        equal=leads.count(0) / len(leads),
        second_better=mean_with_interval([float(lead < 0) for lead in leads], seed, contents),
    )
