"""What a picture scores: pure functions on arrays, and one table of them."""

from __future__ import annotations

from eval.metrics.full_reference import METRICS, Array, Metric, gmsd, psnr, psnr_y, ssim_y, studio_luma

__all__ = ["METRICS", "Array", "Metric", "gmsd", "psnr", "psnr_y", "ssim_y", "studio_luma"]
