"""How much repair each part of a photo asks for: a map of strengths out of its regions' assessments."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from uare.colour import low_frequencies
from uare.results import Region

# More than for a person to read: the border between good and bad is followed more closely (measured).
ADAPTIVE_REGIONS = 12
# Scores between which the strength falls from 1 to 0. Chosen on training photos of which one half was harmed,
# none of those of `eval/regions.py`, which says what they are worth.
ASKS_ALL, ASKS_NOTHING = 3.7, 4.4
SOUND = 3.8  # a level from which on a dimension is no defect
SHARP = 4.5  # blur's level of a region that is in focus
FEATHER_LEVELS = 3  # of wavelets: borders have a standard deviation of 3 px


def strength_of(region: Region, has_focus: bool) -> float:
    """Between 0, leave it alone, and 1, restore it in full.

    A region asks for repair where both its overall score and its worst level are low: a plain wall alone has
    a low overall score, too. Where the photo is in focus elsewhere, blur without any other defect is taken
    for depth of field.
    """
    others = [level for name, level in region.levels.items() if name != "blur"]
    if has_focus and region.worst == "blur" and min(others) >= SOUND:
        return 0.0
    score = max(region.overall, min(region.levels.values()))
    return min(max((ASKS_NOTHING - score) / (ASKS_NOTHING - ASKS_ALL), 0.0), 1.0)


def strength_map(regions: Sequence[Region]) -> Tensor:
    """Strength of every pixel (1, H, W) float32 in [0, 1], with soft borders; `regions` cover the photo."""
    has_focus = any(region.levels["blur"] >= SHARP for region in regions)
    strengths = torch.zeros(1, *regions[0].mask.shape)
    for region in regions:
        strengths[0, torch.from_numpy(region.mask)] = strength_of(region, has_focus)
    return low_frequencies(strengths, FEATHER_LEVELS).clamp(0, 1)
