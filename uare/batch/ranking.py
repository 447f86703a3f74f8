"""Photos in order: each is compared with every other, and its points are averaged."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from uare.alpha import fill_transparent
from uare.batch.loop import Json, Outcome, work_through
from uare.compare import compare_photos
from uare.errors import InputError
from uare.images import load_photo
from uare.results import DECIMALS, Comparison
from uare.screen import Screen

if TYPE_CHECKING:
    from uare.pipeline import UAREPipeline

MANY_COMPARISONS = 500
KEPT_PHOTOS = 4  # decoded at a time: the one that is compared with the rest, and its latest partners


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a photo came in."""

    rank: int  # 1 is best; equal points share a rank
    path: Path
    points: float  # mean over the other photos of P(better) + P(equal) / 2, in [0, 1]


def in_order(paths: Sequence[Path], comparisons: dict[tuple[int, int], Comparison]) -> list[Place]:
    """Places of photos, best first, from comparisons by (index of A, index of B); one photo has 1/2."""
    points: list[list[float]] = [[] for _ in paths]
    for (a, b), comparison in comparisons.items():
        a_better, b_better, equal = comparison.probabilities
        points[a].append(a_better + equal / 2)
        points[b].append(b_better + equal / 2)
    means = [sum(own) / len(own) if own else 0.5 for own in points]
    order = sorted(range(len(paths)), key=lambda index: -means[index])
    return [
        Place(rank=1 + sum(mean > means[index] for mean in means), path=paths[index], points=means[index])
        for index in order
    ]


def rank_files(
    pipe: "UAREPipeline", paths: Sequence[Path], screen: Screen, problems: Sequence[InputError]
) -> Outcome:
    """Ranks the photos that can be read; the results are empty if Ctrl-C came before the last comparison."""
    # Each is decoded once before: one that is broken must fail once and not in every comparison.
    readable = work_through(
        paths,
        lambda path, _: _checked(path, screen),
        names=lambda path: (str(path),),
        screen=screen,
        problems=problems,
    )
    good = [Path(result["path"]) for result in readable.results]
    if len(good) * (len(good) - 1) // 2 > MANY_COMPARISONS:
        screen.note(
            f"{len(good)} photos are {len(good) * (len(good) - 1) // 2} comparisons; this takes a while"
        )
    comparisons: dict[tuple[int, int], Comparison] = {}
    pixels = lru_cache(maxsize=KEPT_PHOTOS)(_pixels)

    def compare(pair: tuple[int, int], _: object) -> Json:
        a, b = (pixels(good[index]) for index in pair)
        comparisons[pair] = compare_photos(pipe.model, pipe.tokenizer, a, b, with_text=False)
        return {}

    compared = work_through(
        list(combinations(range(len(good)), 2)),
        compare,
        names=lambda pair: (str(good[pair[0]]), str(good[pair[1]])),
        screen=screen,
    )
    is_interrupted = readable.is_interrupted or compared.is_interrupted
    places = [] if is_interrupted else in_order(good, comparisons)
    return Outcome(
        results=[
            {"rank": place.rank, "input": str(place.path), "points": round(place.points, DECIMALS)}
            for place in places
        ],
        failures=readable.failures + compared.failures,
        is_interrupted=is_interrupted,
    )


def _checked(path: Path, screen: Screen) -> Json:
    for warning in load_photo(path).warnings:
        screen.note(f"{path}: {warning}")
    return {"path": str(path)}


def _pixels(path: Path) -> Tensor:
    """(3, H, W): colour filled in where the photo is transparent."""
    photo = load_photo(path)
    return fill_transparent(photo.pixels, photo.alpha)
