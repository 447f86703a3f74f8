"""What a metric is: a row that says how to read its value, and how to get the function that measures it.

Rows stand in `eval.metrics.table`. A function takes a picture and its reference, both (H, W, 3) float64 RGB
in [0, 1]; where the protocol needs no reference it may be given None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from eval.metrics.full_reference import Array
from uare.errors import UAREError

Measure = Callable[[Array, Array | None], float]


class MetricUnavailable(UAREError):
    """A metric that cannot run here: a library or its weights are missing. The message is the reason."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One row of the table of metrics.

    `load(weights)` gives the function that measures. It may read weights from that folder (None: none was
    given) and raises MetricUnavailable where something is missing, so it is called once per run and not per
    picture.
    """

    id: str  # names the protocol, not only the metric: one id, one recipe
    name: str  # as tables print it
    unit: str
    higher_is_better: bool
    lowest: float | None  # ends of the possible values, None: no end
    highest: float | None
    needs_reference: bool
    decimals: int
    made_by: str  # OWN, or the package that computes it
    protocol: str  # the recipe, in a sentence
    default: bool = True  # measured when a run names no metrics
    load: Callable[[Path | None], Measure]
    weights_version: Callable[[], str] | None = None  # of a recipe of ours that rests on shipped weights

    @property
    def version(self) -> str:
        """The version of the package that computes the value, or of our own recipe."""
        if self.made_by == OWN:
            weights = f", weights {self.weights_version()}" if self.weights_version else ""
            return f"uare {OWN_RECIPES}{weights}"
        try:
            return f"{self.made_by} {version(self.made_by)}"
        except PackageNotFoundError:
            return f"{self.made_by}, not installed"

    def better(self, a: float, b: float) -> bool:
        """Says whether value `a` is better than value `b`."""
        return a > b if self.higher_is_better else a < b

    def gain(self, a: float, b: float) -> float:
        """How much better value `a` is than value `b`, in the unit of the metric; negative: worse."""
        return a - b if self.higher_is_better else b - a


OWN = "uare"
OWN_RECIPES = "1"  # counted up when a recipe of ours changes a value
