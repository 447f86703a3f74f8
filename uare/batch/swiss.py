"""Which photos to compare next when all pairs would be too many: as in a Swiss chess tournament."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

Match = tuple[int, int]  # indices of two photos, the smaller first


def first_round(scores: Sequence[float]) -> list[Match]:
    """Each photo with the next in the order of scores, n − 1 comparisons: a chain from the best to the worst.

    Nothing less ties all photos together, without which there is no common order.
    """
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    return [_match(a, b) for a, b in pairwise(order)]


def next_round(strengths: Sequence[float], met: Collection[Match]) -> list[Match]:
    """Each photo once with the nearest below it that it has not met; empty when all have met all."""
    waiting = sorted(range(len(strengths)), key=lambda index: -strengths[index])
    matches: list[Match] = []
    while waiting:
        one = waiting.pop(0)
        partner = next((other for other in waiting if _match(one, other) not in met), None)
        if partner is not None:
            waiting.remove(partner)
            matches.append(_match(one, partner))
    return matches


def _match(a: int, b: int) -> Match:
    return min(a, b), max(a, b)
