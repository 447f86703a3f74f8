"""How strongly a region is restored follows from what was said of it."""

from __future__ import annotations

import numpy as np
import pytest

from uare.adaptive import strength_map, strength_of
from uare.results import Region
from uare.vocabulary import DIMENSIONS


def region(overall: float, mask: np.ndarray | None = None, **levels: float) -> Region:
    mask = np.ones((40, 40), dtype=bool) if mask is None else mask
    return Region(
        mask=mask, box=(0, 0, 1, 1), area=1.0, overall=overall, levels=dict.fromkeys(DIMENSIONS, 5.0) | levels
    )


@pytest.mark.parametrize(
    ("found", "has_focus", "expected"),
    [
        (region(1.5, noise=2.0), False, 1.0),
        (region(4.9), False, 0.0),
        (region(2.0), False, 0.0),  # a plain wall: a low score, and no defect
        (region(4.8, artefact=2.0), False, 0.0),
        (region(1.5, blur=2.0), False, 1.0),  # all of the photo is blurred
        (region(1.5, blur=2.0), True, 0.0),  # depth of field
        (region(1.5, blur=2.0, noise=3.0), True, 1.0),  # and noise on top
    ],
)
def test_the_strength_of_a_region(found: Region, has_focus: bool, expected: float) -> None:
    assert strength_of(found, has_focus) == expected


def test_strength_falls_as_quality_rises() -> None:
    strengths = [strength_of(region(1.0, noise=level), False) for level in np.linspace(3, 5, 21)]
    assert strengths == sorted(strengths, reverse=True)
    assert 0 < strength_of(region(1.0, noise=4.0), False) < 1


def test_the_map_has_soft_borders_and_plain_insides() -> None:
    left = np.zeros((40, 80), dtype=bool)
    left[:, :40] = True
    found = strength_map([region(1.0, left, noise=1.0), region(5.0, ~left)])
    assert found.shape == (1, 40, 80)
    assert (found[..., :24] == 1).all() and (found[..., 56:] == 0).all()
    steps = found[0, 20].diff()
    assert (steps <= 1e-6).all() and steps.abs().max() < 0.2
