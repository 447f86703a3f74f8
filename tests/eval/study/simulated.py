"""People made up: raters whose preferences are known, careful ones and careless ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from data.votes import NONE, A, B, Vote

# Log-odds; centred at 0 like every fit.
PLANTED = {"bicubic": -1.0, "filter": -0.3, "small": 0.2, "large": 1.1}
NU = 0.6  # Davidson's weight of ties
CAREFUL, COIN, LEFT, HASTY = "careful", "coin", "left", "hasty"  # kinds of people


def study(
    people: Mapping[str, str],
    *,
    num_photos: int = 12,
    planted: Mapping[str, float] = PLANTED,
    nu: float = NU,
    num_gold: int = 8,
    num_repeats: int = 8,
    seed: int = 0,
) -> list[Vote]:
    """Votes of all people (name -> kind) on all pairs of all photos, some gold and some repeated pairs."""
    random = np.random.default_rng(seed)
    votes = []
    for name, kind in people.items():
        own = []
        for photo in range(num_photos):
            for a, b in combinations(planted, 2):
                own.append(_vote(name, kind, f"photo-{photo:02}", a, b, planted[a] - planted[b], nu, random))
        again = random.choice(len(own), num_repeats, replace=False)
        votes += own
        for one in again:
            # who has looked says the same in nine of ten cases
            choice = own[one].choice if random.random() < 0.9 else NONE
            if kind != CAREFUL:
                choice = _chosen(kind, 0.0, nu, own[one].shown_order, random)
            votes.append(replace(own[one], repeat=1, choice=choice))
        for number in range(num_gold):
            gold = _vote(name, kind, f"gold-{number}", "clean", "ruined", 6.0, 0.01, random)
            votes.append(replace(gold, expected=A))
    return votes


def _vote(
    name: str, kind: str, photo: str, a: str, b: str, lead: float, nu: float, random: np.random.Generator
) -> Vote:
    order = "AB" if random.random() < 0.5 else "BA"
    return Vote(
        pair=f"{photo}--{a}--{b}",
        content=photo,
        task="noise",
        image_a=f"{photo}/{a}.png",
        image_b=f"{photo}/{b}.png",
        source_a=a,
        source_b=b,
        annotator=name,
        choice=_chosen(kind, lead, nu, order, random),
        shown_order=order,
        seconds=0.3 if kind == HASTY else float(random.uniform(2, 6)),
    )


def _chosen(kind: str, lead: float, nu: float, order: str, random: np.random.Generator) -> str:
    if kind == LEFT:
        return A if order == "AB" else B
    weights = np.array([np.exp(lead / 2), nu, np.exp(-lead / 2)] if kind in (CAREFUL, HASTY) else [1.0, 1, 1])
    return str(random.choice([A, NONE, B], p=weights / weights.sum()))


def crowd(num_careful: int, others: Sequence[str] = ()) -> dict[str, str]:
    """People by name: so many careful ones, and one of each further kind, called as it is."""
    return {f"p{number:02}": CAREFUL for number in range(num_careful)} | {kind: kind for kind in others}
