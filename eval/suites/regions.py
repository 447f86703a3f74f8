"""Photos of which a part was harmed, and which part: the truth that region-level judgements are held to.

The parts are halves and discs, which know nothing of how regions are found. The same pictures are a suite for
restorers (`synthetic-regions`): the part should become better, and the rest should stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.degradations import TYPES
from eval.metrics import Array
from eval.pictures import to_bytes, write_picture
from eval.suites.suite import Candidate, Found, Request
from eval.suites.synthetic import LEVELS, PHOTOS, SEED, SIDE_PX, harm, sample_photo

HALF, DISC = "half", "disc"
SHAPES = (HALF, DISC)
SEVERITIES_PLANTED = (2, 4)
DISC_RADIUS = 0.27  # of the side: a disc of 23 % of the picture


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A photo with a harm in one part."""

    photo: str
    type: str
    severity: int
    shape: str  # one of SHAPES
    original: Array  # (SIDE_PX, SIDE_PX, 3) in [0, 1]
    picture: Array  # the same, harmed where `inside`, in 8 bits
    inside: NDArray[np.bool_]  # (SIDE_PX, SIDE_PX)

    @property
    def name(self) -> str:
        return f"{self.photo}-{self.type}-{self.severity}-{self.shape}"


def part_of(shape: str, place: int, side: int = SIDE_PX) -> NDArray[np.bool_]:
    """Where the harm goes (side, side): one of four halves, or a disc in one of four places."""
    row, column = (np.mgrid[:side, :side] + 0.5) / side
    if shape == HALF:
        return (row < 0.5, column >= 0.5, row >= 0.5, column < 0.5)[place % 4]
    y, x = ((0.35, 0.35), (0.35, 0.65), (0.65, 0.65), (0.65, 0.35))[place % 4]
    return np.hypot(row - y, column - x) < DISC_RADIUS


def planted(
    types: Sequence[str] = TYPES,
    severities: Sequence[int] = SEVERITIES_PLANTED,
    shapes: Sequence[str] = SHAPES,
    photos: Sequence[str] = PHOTOS,
) -> Iterator[Planted]:
    """Every photo with every type and severity; shapes and places go around, so none belongs to a type."""
    for place, kind in enumerate(types):
        for index, photo in enumerate(photos):
            original = sample_photo(photo)
            versions = harm(original, kind, SEED + 1000 * index + place)
            for turn, severity in enumerate(severities):
                shape = shapes[(place + index + turn) % len(shapes)]
                inside = part_of(shape, place + index)
                picture = np.where(inside[..., None], versions[LEVELS.index(severity)], original)
                yield Planted(
                    photo=photo,
                    type=kind,
                    severity=severity,
                    shape=shape,
                    original=original,
                    picture=to_bytes(picture) / 255,
                    inside=inside,
                )


def find_synthetic_regions(request: Request) -> Found:
    """Every planted picture with its original, by type."""
    candidates = []
    for case in planted():
        lq, gt = (request.made_dir / f"{name}.png" for name in (case.name, case.photo))
        write_picture(case.picture, lq)
        if not gt.is_file():
            write_picture(case.original, gt)
        tags = (f"severity {case.severity}", case.shape)
        candidates.append(Candidate(id=case.name, group=case.type, lq=lq, gt=gt, tags=tags))
    return Found(candidates=tuple(candidates))
