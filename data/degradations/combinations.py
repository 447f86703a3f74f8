"""FoundIR's coupled degradations, and what the stages "single" and "multi" of the recipe draw from.

Li et al., "FoundIR", ICCV 2025: 13 of its 20 test sets hold several harms at once. Names are those of its
folders. `apply_severities` does what is drawn here.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from data.degradations.chain import draw_levels
from data.degradations.sampling import Generators, choice
from data.degradations.table import TYPES


@dataclass(frozen=True, kw_only=True)
class Combination:
    """Harms that come together, ids of the vocabulary in physical order."""

    name: str
    types: tuple[str, ...]


COMBINATIONS: tuple[Combination, ...] = (
    Combination(name="Blur_Noise", types=("blur", "noise")),
    Combination(name="Blur_JPEG", types=("blur", "jpeg")),
    Combination(name="Blur_Noise_JPEG", types=("blur", "noise", "jpeg")),
    Combination(name="Noise_JPEG", types=("noise", "jpeg")),
    Combination(name="Lowlight_Haze", types=("haze", "lowlight")),
    Combination(name="NightRain", types=("rain", "lowlight")),
    Combination(name="Rain_Haze", types=("haze", "rain")),
    Combination(name="Lowlight_Blur", types=("lowlight", "blur")),
    Combination(name="Lowlight_Noise", types=("lowlight", "noise")),
    Combination(name="Lowlight_JPEG", types=("lowlight", "jpeg")),
    Combination(name="Lowlight_Blur_Noise", types=("lowlight", "blur", "noise")),
    Combination(name="Lowlight_Blur_JPEG", types=("lowlight", "blur", "jpeg")),
    Combination(name="Lowlight_Noise_JPEG", types=("lowlight", "noise", "jpeg")),
)


def draw_single(count: int, generator: Generators) -> Tensor:
    """Severities (count, number of types) of one harm an image, every type equally often."""
    return _draw([(name,) for name in TYPES], count, generator)


def draw_multi(count: int, generator: Generators) -> Tensor:
    """Severities (count, number of types) of one combination an image, each equally often."""
    return _draw([row.types for row in COMBINATIONS], count, generator)


def _draw(sets: list[tuple[str, ...]], count: int, generator: Generators) -> Tensor:
    which = choice(count, [1.0] * len(sets), generator)
    members = torch.tensor([[name in types for name in TYPES] for types in sets], device=which.device)
    return draw_levels(members[which], generator)
