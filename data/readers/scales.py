"""The scale on which a set publishes opinions, and the way from there to ours of 1 (bad) to 5 (excellent)."""

from __future__ import annotations

from dataclasses import dataclass

from uare.errors import InputError


@dataclass(frozen=True)
class Scale:
    """Published range of opinions, ends included."""

    low: float
    high: float
    higher_is_better: bool = True

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise InputError(f"a scale needs low < high, found {self.low} to {self.high}; exchange the ends")

    def mos(self, value: float, where: str) -> float:
        """`value` on 1 to 5; InputError that names `where` it stands if it lies outside the range."""
        if not self.low <= value <= self.high:
            raise InputError(
                f"{where} has the opinion {value:g}, expected {self.low:g} to {self.high:g}; "
                "check the scale of its set"
            )
        share = (value - self.low) / (self.high - self.low)
        return 1 + 4 * (share if self.higher_is_better else 1 - share)

    def spread(self, deviation: float) -> float:
        """A standard deviation in the units of 1 to 5."""
        return 4 * deviation / (self.high - self.low)
