"""Elo ratings: what a tournament would say that moves both ratings after every vote (Elo 1978).

The order of the votes matters, so that the interval replays drawn votes in random orders.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eval.study.games import Floats, Games

STEP = 32.0  # most points that one vote moves
START = 1500.0
SCALE = 400.0  # points that make the odds ten to one
NUM_REPLAYS = 400  # each goes through all votes


def ratings(games: Games) -> Floats:
    """(n,) ratings after all games in their order; their mean stays at START."""
    order = np.arange(len(games.result))[None]
    return _played(games, order)[0]


def replayed(games: Games, seed: int) -> Floats:
    """(NUM_REPLAYS, n) ratings after drawn clusters, their votes in random order."""
    random = np.random.default_rng(seed)
    members = [np.flatnonzero(games.cluster == one) for one in range(games.num_clusters)]
    orders = []
    for _ in range(NUM_REPLAYS):
        chosen = random.integers(games.num_clusters, size=games.num_clusters)
        orders.append(random.permutation(np.concatenate([members[one] for one in chosen])))
    longest = max(map(len, orders))
    padded = np.full((NUM_REPLAYS, longest), -1)
    for row, order in zip(padded, orders, strict=True):
        row[: len(order)] = order
    return _played(games, padded)


def _played(games: Games, orders: NDArray[np.intp]) -> Floats:
    """Ratings (b, n) after the games of b orders (b, m), -1 where an order has ended."""
    found = np.full((len(orders), len(games.names)), START)
    rows = np.arange(len(orders))
    for game in orders.T:
        first, second = games.first[game], games.second[game]
        expected = 1 / (1 + 10 ** ((found[rows, second] - found[rows, first]) / SCALE))
        moved = np.where(game >= 0, STEP * (games.result[game] - expected), 0.0)
        found[rows, first] += moved
        found[rows, second] -= moved
    return found
