"""From results to pairs: every two of one content, task and origin, and what each filter leaves of them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from data.fgrestore.filters import (
    MOST_JND_IMAGES,
    Sign,
    coarse_filter,
    jnd_similarity,
    median_threshold,
    unnoticeable_filter,
)
from data.fgrestore.jnd import Plane
from uare.errors import InputError

TAU_SHARES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3)  # of an origin's range, for the table of thresholds
DEFAULT_SHARE = 0.1


@dataclass(frozen=True, kw_only=True)
class ScoredImage:
    """A result as it goes into pairs."""

    image: str  # path in the folder of the set
    task: str
    content: str
    origin: str  # with the task where scores are places within it
    restorer: str
    score: float
    size: tuple[int, int]  # height, width


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Two results of one content and task, in the order A, B."""

    a: ScoredImage
    b: ScoredImage

    @property
    def id(self) -> str:
        a = self.a
        return "--".join((a.origin, a.task, a.content, a.restorer, self.b.restorer))


@dataclass(frozen=True, kw_only=True)
class Filtered:
    """What the filters left, and how many pairs there were after each."""

    kept: tuple[tuple[Candidate, float], ...]  # with the SSIM of A and B
    thresholds: dict[str, float]  # origin -> tau
    jnd_threshold: float
    num_jnd_images: int
    counts: dict[str, dict[str, int]]  # task -> all, after coarse, after unnoticeable
    taus: dict[str, dict[str, int]]  # origin -> share of its range -> pairs kept by it
    problems: tuple[str, ...]


def pair_up(images: Iterable[ScoredImage], seed: int) -> tuple[list[Candidate], list[str]]:
    """All unordered pairs within origin, task and content, of equal sizes; a sentence for each other one.

    Which of a pair is A follows from the seed and the names, so that A is the better one half of the time.
    """
    groups: dict[tuple[str, str, str], list[ScoredImage]] = {}
    for one in images:
        groups.setdefault((one.origin, one.task, one.content), []).append(one)
    pairs, problems = [], []
    for members in groups.values():
        for first, second in combinations(sorted(members, key=lambda one: one.restorer), 2):
            if first.size != second.size:
                problems.append(f"{first.image} and {second.image} differ in size and make no pair")
                continue
            turned = hashlib.sha256(f"{seed} {first.image} {second.image}".encode()).digest()[0] % 2
            a, b = (second, first) if turned else (first, second)
            pairs.append(Candidate(a=a, b=b))
    return pairs, problems


def score_ranges(images: Iterable[ScoredImage]) -> dict[str, float]:
    """Highest minus lowest score of each origin."""
    scores: dict[str, list[float]] = {}
    for one in images:
        scores.setdefault(one.origin, []).append(one.score)
    return {origin: max(found) - min(found) for origin, found in scores.items()}


def thresholds_of(
    ranges: Mapping[str, float], default_share: float, given: Mapping[str, float]
) -> dict[str, float]:
    """Tau of each origin: the one given, in units of its scores, else a share of its range.

    Raises InputError for one that is given and belongs to no origin, and for one below 0.
    """
    unknown = [origin for origin in given if origin not in ranges]
    if unknown:
        raise InputError(f"there is no origin {', '.join(unknown)}; choose from {', '.join(ranges)}")
    taus = {origin: given.get(origin, default_share * width) for origin, width in ranges.items()}
    if any(not tau >= 0 for tau in taus.values()):
        raise InputError(f"found the thresholds {taus}, expected numbers from 0")
    return taus


def jnd_threshold(
    images: Sequence[ScoredImage],
    read_luma: Callable[[str], Plane],
    sign: Sign,
    seed: int,
    most: int = MOST_JND_IMAGES,
) -> tuple[float, int]:
    """Median SSIM between pictures and their JND images, over at most `most` drawn ones, and their number."""
    rng = random.Random(seed)
    drawn = sorted(images, key=lambda one: one.image)
    if len(drawn) > most:
        drawn = rng.sample(drawn, most)
    found = [jnd_similarity(read_luma(one.image), sign, rng) for one in drawn]
    return median_threshold(found), len(found)


def filter_pairs(
    pairs: Sequence[Candidate],
    taus: Mapping[str, float],
    threshold: float,
    similarity: Callable[[str, str], float],
    ranges: Mapping[str, float],
    num_jnd_images: int,
) -> Filtered:
    """Drops plainly different pairs first, then those that look alike (equations 1 and 3, in this order)."""
    scores_a = np.array([pair.a.score for pair in pairs])
    scores_b = np.array([pair.b.score for pair in pairs])
    near = coarse_filter(scores_a, scores_b, np.array([taus[pair.a.origin] for pair in pairs]))
    fine = [pair for pair, keep in zip(pairs, near, strict=True) if keep]
    kept: list[tuple[Candidate, float]] = []
    problems: list[str] = []
    for pair in fine:
        try:
            alike = similarity(pair.a.image, pair.b.image)
        except InputError as error:
            problems.append(f"{pair.id}: {error}")
            continue
        if unnoticeable_filter(np.array([alike]), threshold)[0]:
            kept.append((pair, alike))
    return Filtered(
        kept=tuple(kept),
        thresholds=dict(taus),
        jnd_threshold=threshold,
        num_jnd_images=num_jnd_images,
        counts=_counts(pairs, fine, [pair for pair, _ in kept]),
        taus=_kept_by_tau(pairs, ranges),
        problems=tuple(problems),
    )


def _counts(*steps: Sequence[Candidate]) -> dict[str, dict[str, int]]:
    tasks = dict.fromkeys(pair.a.task for pair in steps[0])
    names = ("all pairs", "scores near", "noticeable")
    return {
        task: {
            name: sum(pair.a.task == task for pair in step) for name, step in zip(names, steps, strict=True)
        }
        for task in tasks
    }


def _kept_by_tau(pairs: Sequence[Candidate], ranges: Mapping[str, float]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for origin, width in ranges.items():
        gaps = np.array([abs(pair.a.score - pair.b.score) for pair in pairs if pair.a.origin == origin])
        found[origin] = {f"{share:g}": int((gaps <= share * width).sum()) for share in TAU_SHARES}
    return found
