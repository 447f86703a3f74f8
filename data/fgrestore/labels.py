"""What people, or in their place metrics, prefer of each pair: 1 = A better, 0 = B better, 2 = equal.

A label is `human` where people voted or gave the scores by comparing pairs, and `pseudo` where metrics did.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data.fgrestore.measures import Voter
from data.fgrestore.pairing import Candidate
from data.votes import EXPERT, NONE, OVERALL, A, B, Vote, counting
from uare.errors import InputError

A_BETTER, B_BETTER, EQUAL = 1, 0, 2
LABELS = (A_BETTER, B_BETTER, EQUAL)
HUMAN, PSEUDO = "human", "pseudo"
LABEL_OF = {A: A_BETTER, B: B_BETTER, NONE: EQUAL}


@dataclass(frozen=True, kw_only=True)
class Label:
    """A verdict and what it rests on."""

    label: int  # one of LABELS
    kind: str  # HUMAN or PSEUDO
    made_by: str  # in words
    votes_a: int
    votes_b: int
    votes_equal: int


@dataclass(frozen=True, kw_only=True)
class Consensus:
    """When raters agree: at least `least_votes` of them, and this share of one mind; else experts decide."""

    least_votes: int = 1
    share: float = 0.8  # four of five, as in groups of five

    def __post_init__(self) -> None:
        if self.least_votes < 1 or not 0.5 < self.share <= 1:
            raise InputError(
                f"found {self.least_votes} votes and a share of {self.share}, expected at least one vote "
                "and a share above 0.5 and at most 1"
            )


def human_labels(votes: Sequence[Vote], rule: Consensus, dimension: str = OVERALL) -> dict[str, Label]:
    """The label of each pair that raters agree on or that experts decided; others have none.

    Those votes count that `data.votes.counting` gives. Several experts have to agree as raters do.
    """
    by_pair: dict[str, list[Vote]] = defaultdict(list)
    for vote in counting(votes, dimension):
        by_pair[vote.pair].append(vote)
    labels = {}
    for pair, cast in by_pair.items():
        raters = [vote.choice for vote in cast if vote.role != EXPERT]
        experts = [vote.choice for vote in cast if vote.role == EXPERT]
        choice, made_by = _agreed(raters, rule), "votes of raters"
        if choice is None and experts:
            choice, made_by = _agreed(experts, Consensus(share=rule.share)), "votes of experts"
        if choice is None:
            continue
        counts = Counter(raters if made_by == "votes of raters" else experts)
        labels[pair] = Label(
            label=LABEL_OF[choice],
            kind=HUMAN,
            made_by=made_by,
            votes_a=counts[A],
            votes_b=counts[B],
            votes_equal=counts[NONE],
        )
    return labels


def score_labels(pairs: Sequence[Candidate]) -> dict[str, Label]:
    """The order of people's scores, for origins whose scores came from comparing pairs."""
    labels = {}
    for pair in pairs:
        lead = pair.a.score - pair.b.score
        votes = [int(lead > 0), int(lead < 0), int(lead == 0)]
        labels[pair.id] = Label(
            label=A_BETTER if lead > 0 else B_BETTER if lead < 0 else EQUAL,
            kind=HUMAN,
            made_by="order of scores",
            votes_a=votes[0],
            votes_b=votes[1],
            votes_equal=votes[2],
        )
    return labels


def pseudo_labels(
    pairs: Sequence[Candidate], values: Mapping[str, Mapping[str, float]], voters: Sequence[Voter]
) -> dict[str, Label]:
    """What more than half of the metrics prefer, else equal; no label where a metric has no values."""
    said = "vote of " + ", ".join(f"{voter.metric} (band {voter.band:g})" for voter in voters)
    labels = {}
    for pair in pairs:
        known = [(voter, values[voter.metric]) for voter in voters]
        if any(one.image not in found for one in (pair.a, pair.b) for _, found in known):
            continue
        cast = Counter(voter.prefers(found[pair.a.image], found[pair.b.image]) for voter, found in known)
        label = EQUAL
        if 2 * max(cast[1], cast[-1]) > len(voters):
            label = A_BETTER if cast[1] > cast[-1] else B_BETTER
        labels[pair.id] = Label(
            label=label,
            kind=PSEUDO,
            made_by=said,
            votes_a=cast[1],
            votes_b=cast[-1],
            votes_equal=cast[0],
        )
    return labels


def _agreed(choices: Sequence[str], rule: Consensus) -> str | None:
    if len(choices) < rule.least_votes:
        return None
    choice, count = Counter(choices).most_common(1)[0]
    return choice if count >= rule.share * len(choices) - 1e-9 else None
