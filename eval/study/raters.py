"""Who voted with care? Tests, repeated pairs, agreement with the others, sides and speed of each person.

The votes of whoever is found careless are left out of the results, by fixed rules that the report states.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, norm

from data.votes import NONE, OVERALL, RATER, A, B, Vote

LEAST_TESTS = 4  # gold pairs, or repeated ones, from which a share of them says something
LEAST_RIGHT = 0.75  # of the gold pairs
MOST_TURNED = 0.4  # of the repeated pairs; who throws a coin turns half of them
LEAST_SHARED = 50  # pairs that others judged too
# Of agreeing with the others. The first alone would throw out careful people where differences are so fine
# that careful people hardly agree; the second compares with how far the others do.
CHANCE_P = 0.01  # one-sided, that there is no agreement at all
BELOW_P = 0.01  # one-sided, that it is as large as the median of the others'
MOST_ONE_SIDE = 0.8  # of the decided votes
SIDE_P = 1e-6
FASTEST_S = 0.8  # median; nobody has looked at two pictures by then
RULES = (
    f"A person is taken out who had fewer than {LEAST_RIGHT:.0%} of at least {LEAST_TESTS} gold pairs right; "
    f"or turned round more than {MOST_TURNED:.0%} of at least {LEAST_TESTS} repeated pairs; or agreed with "
    f"the others on at least {LEAST_SHARED} shared pairs no more than by chance (p > {CHANCE_P:g}), and less "
    f"than the others do (p < {BELOW_P:g}); or chose "
    f"one side in more than {MOST_ONE_SIDE:.0%} of decided votes (p < {SIDE_P:g}); or took less than "
    f"{FASTEST_S:g} s in half of the votes."
)
WORTH = {A: 1.0, NONE: 0.0, B: -1.0}


@dataclass(frozen=True, kw_only=True)
class Rater:
    """One person's votes on the overall question."""

    name: str
    num_votes: int  # first showings of pairs whose answer is not known
    gold_right: int
    num_gold: int
    turned: int  # repeated pairs on which A became B or B became A
    num_repeated: int
    with_others: float | None  # cosine with the mean of the others' votes, in [-1, 1]
    num_shared: int  # pairs behind it
    left: int  # decided votes for what stood left
    num_decided: int  # with a known side
    median_s: float | None
    reasons: tuple[str, ...]  # why the votes do not count; empty if they do

    @property
    def careless(self) -> bool:
        """Says whether the votes are left out."""
        return bool(self.reasons)


def look_at_raters(votes: Sequence[Vote]) -> list[Rater]:
    """Each rater in the order of the file; experts are not looked at."""
    overall = [vote for vote in votes if vote.dimension == OVERALL and vote.role == RATER]
    plain = [vote for vote in overall if not vote.expected]
    first = {(vote.annotator, vote.pair): vote for vote in plain if vote.repeat == 0}
    by_pair: dict[str, dict[str, float]] = defaultdict(dict)
    for (annotator, pair), vote in first.items():
        by_pair[pair][annotator] = WORTH[vote.choice]
    raters = []
    for name in dict.fromkeys(vote.annotator for vote in overall):
        own = [vote for vote in overall if vote.annotator == name]
        gold = [vote for vote in own if vote.expected and vote.repeat == 0]
        again = [
            (first[name, vote.pair].choice, vote.choice)
            for vote in own
            if vote.repeat > 0 and (name, vote.pair) in first
        ]
        shared = [
            (cast[name], (sum(cast.values()) - cast[name]) / (len(cast) - 1))
            for cast in by_pair.values()
            if name in cast and len(cast) > 1
        ]
        sides = [_is_left(vote) for vote in own if vote.choice != NONE and vote.shown_order]
        seconds = [vote.seconds for vote in own if vote.seconds is not None]
        found = Rater(
            name=name,
            num_votes=sum(vote.repeat == 0 and not vote.expected for vote in own),
            gold_right=sum(vote.choice == vote.expected for vote in gold),
            num_gold=len(gold),
            turned=sum({before, after} == {A, B} for before, after in again),
            num_repeated=len(again),
            with_others=_cosine(shared),
            num_shared=len(shared),
            left=sum(sides),
            num_decided=len(sides),
            median_s=float(np.median(seconds)) if seconds else None,
            reasons=(),
        )
        raters.append(found)
    return [_judged(one, [other for other in raters if other is not one]) for one in raters]


def without_careless(votes: Sequence[Vote], raters: Sequence[Rater]) -> list[Vote]:
    """The votes of experts and of raters whose votes count."""
    out = {rater.name for rater in raters if rater.careless}
    return [vote for vote in votes if vote.role != RATER or vote.annotator not in out]


def _judged(rater: Rater, others: Sequence[Rater]) -> Rater:
    reasons = []
    if rater.num_gold >= LEAST_TESTS and rater.gold_right < LEAST_RIGHT * rater.num_gold:
        reasons.append(f"{rater.gold_right} of {rater.num_gold} gold pairs right")
    if rater.num_repeated >= LEAST_TESTS and rater.turned > MOST_TURNED * rater.num_repeated:
        reasons.append(f"{rater.turned} of {rater.num_repeated} repeated pairs turned round")
    if rater.num_shared >= LEAST_SHARED and _stands_apart(rater, others):
        reasons.append("agrees with the others no more than by chance")
    if rater.num_decided:
        share = max(rater.left, rater.num_decided - rater.left) / rater.num_decided
        if share > MOST_ONE_SIDE and binomtest(rater.left, rater.num_decided).pvalue < SIDE_P:
            reasons.append(f"one side in {share:.0%} of decided votes")
    if rater.median_s is not None and rater.median_s < FASTEST_S:
        reasons.append(f"half of the votes within {rater.median_s:.1f} s")
    return Rater(**{**vars(rater), "reasons": tuple(reasons)})


def _is_left(vote: Vote) -> bool:
    return vote.choice == (A if vote.shown_order == "AB" else B)


def _cosine(shared: Sequence[tuple[float, float]]) -> float | None:
    """Correlation about 0, since A and B are but names; None where one of both never prefers anything."""
    own, others = np.array(shared).reshape(-1, 2).T
    length = float(np.linalg.norm(own) * np.linalg.norm(others))
    return float(own @ others) / length if length else None


def _stands_apart(rater: Rater, others: Sequence[Rater]) -> bool:
    """Whether someone does not agree with the others, who agree with each other (Fisher's z)."""
    known = [one.with_others for one in others if one.with_others is not None]
    if not known:
        return False
    own = rater.with_others or 0.0  # who never varies agrees with nobody
    z, usual = (float(np.arctanh(np.clip(one, -0.999, 0.999))) for one in (own, np.median(known)))
    deviation = 1 / np.sqrt(rater.num_shared - 3)
    return float(norm.sf(z / deviation)) > CHANCE_P and float(norm.cdf((z - usual) / deviation)) < BELOW_P
