"""Samples before the codec has seen them: what a data worker makes.

A draft is a packed sample's list of items with pictures in place of latents, and a seed in place of noise
(`training.latents` puts both in).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from data.records import DegradationRecord
from uare.config import UAREConfig
from uare.packing import Text, VisionImage


@dataclass(frozen=True, kw_only=True)
class ConditionPicture:
    """A picture whose latent the network may look at."""

    pixels: Tensor  # (3, H, W) in [0, 1], sides divisible by 16
    origin: tuple[int, int] = (0, 0)  # place of its corner in the position table
    dropped: bool = False


@dataclass(frozen=True, kw_only=True)
class TargetPicture:
    """A picture that the network should paint."""

    pixels: Tensor  # (3, H, W) in [0, 1]
    base: Tensor  # (3, H, W), the picture to restore
    timestep: float  # 1 = noise
    seed: int  # of its noise
    origin: tuple[int, int] = (0, 0)


@dataclass(frozen=True, kw_only=True)
class PendingHarm:
    """What is still to be done to the picture to restore, in whose place the clean one stands."""

    harm: str  # a key of `data.scenes.DRAWN`
    seed: int


Part = Text | VisionImage | ConditionPicture | TargetPicture


@dataclass(frozen=True, kw_only=True)
class Draft:
    """One sample of a row, with the name of where it came from."""

    id: str
    group: str
    parts: tuple[Part, ...]
    records: tuple[tuple[DegradationRecord, ...], ...] = ()  # what harmed each picture, where that is known
    pending: PendingHarm | None = None

    def num_tokens(self, config: UAREConfig) -> int:
        """Tokens of the sample in a row; a dropped item has none."""
        return sum(_num_tokens(part, config) for part in self.parts if not getattr(part, "dropped", False))


def _num_tokens(part: Part, config: UAREConfig) -> int:
    if isinstance(part, Text):
        return len(part.ids) + part.opens + part.closes
    if isinstance(part, VisionImage):
        return 2 + len(part.patches)
    return 2 + part.pixels.shape[-2] * part.pixels.shape[-1] // config.latent.stride_px**2
