"""Votes as games between sources: who met whom, and how often each was preferred.

Everything that is counted or fitted comes from tables of wins and ties per photo, so that drawing whole
photos for an interval is one product of matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.votes import A, B, Vote
from eval.intervals import NUM_RESAMPLES

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
LOST, TIED, WON = 0.0, 0.5, 1.0


@dataclass(frozen=True, kw_only=True)
class Games:
    """N games between n sources, in the order of time."""

    names: tuple[str, ...]  # sources, sorted
    first: Indices  # (N,) place of a source in `names`
    second: Indices  # (N,)
    result: Floats  # (N,) WON where the first was preferred, LOST or TIED
    cluster: Indices  # (N,) what is drawn as a whole
    num_clusters: int
    drawn_by: str  # what a cluster is, in words

    def tables(self) -> tuple[Floats, Floats]:
        """Wins and ties (c, n, n) of each cluster; wins[i, j]: how often i beat j, ties symmetric."""
        n = len(self.names)
        wins = np.zeros((self.num_clusters, n, n))
        ties = np.zeros_like(wins)
        won, lost, tied = self.result == WON, self.result == LOST, self.result == TIED
        np.add.at(wins, (self.cluster[won], self.first[won], self.second[won]), 1)
        np.add.at(wins, (self.cluster[lost], self.second[lost], self.first[lost]), 1)
        np.add.at(ties, (self.cluster[tied], self.first[tied], self.second[tied]), 1)
        return wins, ties + ties.transpose(0, 2, 1)


def games_of(votes: Sequence[Vote]) -> Games:
    """The games of votes between two named, different sources; other votes are none.

    Whole photos are drawn, since votes on one depend on each other; of a single photo, whole people.
    """
    known = [vote for vote in votes if vote.source_a and vote.source_b and vote.source_a != vote.source_b]
    known.sort(key=lambda vote: vote.time)  # stable: without times the order of the file
    names = tuple(sorted({name for vote in known for name in (vote.source_a, vote.source_b)}))
    place = {name: index for index, name in enumerate(names)}
    by_photo = len({vote.content for vote in known}) > 1
    labels = [vote.content if by_photo else vote.annotator for vote in known]
    clusters = {label: index for index, label in enumerate(dict.fromkeys(labels))}
    worth = {A: WON, B: LOST}
    return Games(
        names=names,
        first=np.array([place[vote.source_a] for vote in known], dtype=np.intp),
        second=np.array([place[vote.source_b] for vote in known], dtype=np.intp),
        result=np.array([worth.get(vote.choice, TIED) for vote in known]),
        cluster=np.array([clusters[label] for label in labels], dtype=np.intp),
        num_clusters=len(clusters),
        drawn_by="photos" if by_photo else "people",
    )


def draws(num_clusters: int, seed: int, number: int = NUM_RESAMPLES) -> Floats:
    """How often each cluster is drawn (number, c) in resamples of as many clusters as there are."""
    shares = np.full(num_clusters, 1 / max(num_clusters, 1))
    return np.random.default_rng(seed).multinomial(num_clusters, shares, size=number).astype(np.float64)


def resampled(tables: Floats, drawn: Floats) -> Floats:
    """(number, n, n) sums of the drawn tables (c, n, n)."""
    return np.tensordot(drawn, tables, axes=1)


def parts(met: NDArray[np.bool_]) -> list[list[int]]:
    """Sources that met directly or by a chain, the largest group first. met: (n, n), symmetric."""
    from scipy.sparse.csgraph import connected_components

    number, label = connected_components(met, directed=False)
    groups = [[int(i) for i in np.flatnonzero(label == one)] for one in range(number)]
    return sorted(groups, key=len, reverse=True)
