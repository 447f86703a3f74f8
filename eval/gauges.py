"""The metrics of a run, loaded when the first value is asked for; those that cannot be, with the reason."""

from __future__ import annotations

from pathlib import Path

from eval.metrics import Array
from eval.metrics.rows import Measure, Metric, MetricUnavailable
from eval.records import MetricInfo


class Gauges:
    """Measures by rows of the table of metrics."""

    def __init__(self, weights: Path | None) -> None:
        self._weights = weights
        self._loaded: dict[str, Measure] = {}
        self._unavailable: dict[str, str] = {}

    def can(self, metric: Metric) -> bool:
        """Says whether the metric can be measured here, loading it if that was not tried yet."""
        if metric.id not in self._loaded and metric.id not in self._unavailable:
            try:
                self._loaded[metric.id] = metric.load(self._weights)
            except MetricUnavailable as error:
                self._unavailable[metric.id] = str(error)
        return metric.id in self._loaded

    def measure(self, metric: Metric, picture: Array, reference: Array | None) -> float:
        """The value of a metric that `can` be measured; pictures are (H, W, 3) in [0, 1]."""
        return float(self._loaded[metric.id](picture, reference if metric.needs_reference else None))

    def info(self, metric: Metric) -> MetricInfo:
        """The metric as reports state it."""
        return MetricInfo(
            id=metric.id,
            name=metric.name,
            unit=metric.unit,
            higher_is_better=metric.higher_is_better,
            lowest=metric.lowest,
            highest=metric.highest,
            needs_reference=metric.needs_reference,
            decimals=metric.decimals,
            version=metric.version,
            protocol=metric.protocol,
            unavailable=self._unavailable.get(metric.id),
        )
