"""Photos in order: compared in pairs, their strengths fitted to the outcomes (Bradley-Terry).

A model with a judge encodes each photo once and compares all pairs at no cost. Without one every comparison
is two passes of the network, so that of many photos only some pairs are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from uare.alpha import fill_transparent
from uare.batch.loop import Json, Outcome, work_through
from uare.batch.swiss import Match, first_round, next_round
from uare.contest import Floats, all_wins, strengths_of
from uare.errors import InputError
from uare.experts.comparison import Encoding
from uare.images import Photo, load_photo
from uare.results import DECIMALS
from uare.screen import Screen

if TYPE_CHECKING:
    from uare.pipeline import UAREPipeline

MOST_COMPARISONS = 500  # without being asked for more; all pairs of 32 photos
KEPT_PHOTOS = 4  # decoded at a time: the one that is compared with the rest, and its latest partners


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a photo came in."""

    rank: int  # 1 is best; equal strengths share a rank
    path: Path
    points: float  # mean over its comparisons of P(better) + P(equal) / 2, in [0, 1]
    strength: float  # log-odds against the average photo
    interval: tuple[float, float]  # 95 % of the strength, each comparison taken as one vote
    comparisons: int

    def to_dict(self) -> Json:
        return {
            "rank": self.rank,
            "input": str(self.path),
            "points": round(self.points, DECIMALS),
            "strength": round(self.strength, DECIMALS),
            "interval": [round(end, DECIMALS) for end in self.interval],
            "comparisons": self.comparisons,
        }


def in_order(paths: Sequence[Path], wins: Floats) -> list[Place]:
    """Places, best first, from `wins` (n, n): sums of P(row better) + P(equal) / 2. One photo has 1/2 point.

    Raises InputError where the comparisons do not tie all photos together.
    """
    strengths = strengths_of(wins)
    if strengths is None:
        raise InputError(
            "too few comparisons succeeded to put all photos in one order; leave out those that failed"
        )
    games = wins + wins.T
    counts = np.rint(games.sum(1)).astype(int)
    points = np.divide(wins.sum(1), counts, out=np.full(len(paths), 0.5), where=counts > 0)
    rounded = strengths.values.round(6) + 0.0  # far above the error of the fit
    return [
        Place(
            rank=1 + int((rounded > rounded[index]).sum()),
            path=paths[index],
            points=float(points[index]),
            strength=float(rounded[index]),
            interval=strengths.intervals[index],
            comparisons=int(counts[index]),
        )
        for index in sorted(range(len(paths)), key=lambda index: -rounded[index])
    ]


def rank_files(
    pipe: UAREPipeline,
    paths: Sequence[Path],
    screen: Screen,
    problems: Sequence[InputError],
    most: int | None = None,
) -> Outcome:
    """Ranks the photos that can be read; the results are empty if Ctrl-C came before the last comparison.

    most: comparisons that may be made; None all pairs, or `MOST_COMPARISONS` where these are more. A model
    with a judge compares all pairs whatever it is.
    """
    encodings: list[Encoding] = []

    def look(path: Path, _: object) -> Json:
        # Each is decoded once before: one that is broken must fail once and not in every comparison.
        photo = load_photo(path)
        for warning in photo.warnings:
            screen.note(f"{path}: {warning}")
        if pipe.judge is not None:
            encodings.append(pipe.judge.encode(_filled(photo)))
        return {"path": str(path)}

    readable = work_through(paths, look, names=lambda path: (str(path),), screen=screen, problems=problems)
    good = [Path(result["path"]) for result in readable.results]
    if len(good) == 1:
        screen.note("one photo is first and last; name several to put them in order")
    outcome = Outcome(failures=readable.failures, is_interrupted=readable.is_interrupted)
    if readable.is_interrupted or not good:
        return outcome
    if pipe.judge is not None:
        wins = all_wins(encodings)
    else:
        wins = _Tournament(pipe, good, screen, outcome).played(most)
    if not outcome.is_interrupted:
        outcome.results = [place.to_dict() for place in in_order(good, wins)]
    return outcome


class _Tournament:
    """Comparisons by passes of the network, all pairs or as many as may be made."""

    def __init__(self, pipe: UAREPipeline, paths: Sequence[Path], screen: Screen, outcome: Outcome) -> None:
        self.pipe, self.paths, self.screen, self.outcome = pipe, paths, screen, outcome
        self.wins = np.zeros((len(paths), len(paths)))
        self.photo = lru_cache(maxsize=KEPT_PHOTOS)(lambda index: _filled(load_photo(paths[index])))

    def played(self, most: int | None) -> Floats:
        """The wins (n, n) after the last comparison; what failed and Ctrl-C are noted in the outcome."""
        pairs = list(combinations(range(len(self.paths)), 2))
        allowed = self._allowed(len(pairs), most)
        if allowed >= len(pairs):
            self._compare(pairs)
            return self.wins
        matches = first_round([self.pipe.score(self.photo(index)) for index in range(len(self.paths))])
        met: set[Match] = set()
        while matches and len(met) < allowed and not self.outcome.is_interrupted:
            matches = matches[: allowed - len(met)]
            self._compare(matches)
            met.update(matches)
            strengths = strengths_of(self.wins)
            so_far = self.wins.sum(1) if strengths is None else strengths.values
            matches = next_round(so_far.tolist(), met)
        return self.wins

    def _allowed(self, pairs: int, most: int | None) -> int:
        chain = len(self.paths) - 1
        if most is not None and most < chain:
            raise InputError(
                f"{len(self.paths)} photos need at least {chain} comparisons, found {most}; allow more"
            )
        allowed = max(MOST_COMPARISONS, chain) if most is None else most
        if allowed < pairs:
            self.screen.note(
                f"of {pairs} pairs of {len(self.paths)} photos {allowed} are compared, those that are close; "
                f"--comparisons {pairs} compares all"
            )
        return min(allowed, pairs)

    def _compare(self, pairs: Sequence[Match]) -> None:
        def compare(pair: Match, _: object) -> Json:
            a, b = pair
            a_better, b_better, equal = self.pipe.prefer(self.photo(a), self.photo(b))
            self.wins[a, b] += a_better + equal / 2
            self.wins[b, a] += b_better + equal / 2
            return {}

        compared = work_through(
            pairs,
            compare,
            names=lambda pair: (str(self.paths[pair[0]]), str(self.paths[pair[1]])),
            screen=self.screen,
        )
        self.outcome.failures += compared.failures
        self.outcome.is_interrupted |= compared.is_interrupted


def _filled(photo: Photo) -> Photo:
    """The photo as the network sees it: colour filled in where it is transparent."""
    return Photo(pixels=fill_transparent(photo.pixels, photo.alpha))
