"""What a picture scores: pure functions on arrays, and one table that names each protocol."""

from __future__ import annotations

from eval.metrics.full_reference import Array, gmsd, psnr, psnr_y, ssim, ssim_y, studio_luma
from eval.metrics.rows import Measure, Metric, MetricUnavailable
from eval.metrics.table import METRICS, default_metrics, find_metrics

__all__ = [
    "METRICS",
    "Array",
    "Measure",
    "Metric",
    "MetricUnavailable",
    "default_metrics",
    "find_metrics",
    "gmsd",
    "psnr",
    "psnr_y",
    "ssim",
    "ssim_y",
    "studio_luma",
]
