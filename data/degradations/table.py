"""The one table of degradations, in the order in which nature, camera and file would do them."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from data.degradations.blur import blur
from data.degradations.haze import haze
from data.degradations.jpeg import jpeg
from data.degradations.lowlight import lowlight
from data.degradations.lowres import lowres
from data.degradations.noise import noise
from data.degradations.rain import rain
from data.degradations.sampling import Generators
from data.records import DegradationRecord

# Images (B, 3, H, W) float32 in [0, 1] and severities (B,) in, the same of images and a record each out.
Degrade = Callable[[Tensor, Tensor, Generators], tuple[Tensor, list[DegradationRecord]]]


@dataclass(frozen=True)
class Row:
    """A degradation: its id in `uare.vocabulary.DEGRADATIONS` and what does it."""

    type: str
    apply: Degrade


# Weather lies before the lens, light and blur before the sensor, its resolution and noise before the file.
DEGRADATIONS: tuple[Row, ...] = (
    Row("haze", haze),
    Row("rain", rain),
    Row("lowlight", lowlight),
    Row("blur", blur),
    Row("lowres", lowres),
    Row("noise", noise),
    Row("jpeg", jpeg),
)
TYPES: tuple[str, ...] = tuple(row.type for row in DEGRADATIONS)
