"""Masks that overlap and leave gaps become regions that cover a photo once (RSFIQA, equation 5)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from uare.errors import InputError

NUM_REGIONS = 5  # of a photo, the background among them (RSFIQA, L)
LEAST_AREA, MOST_AREA = 0.01, 0.95  # of the photo: smaller masks are specks, larger ones the photo itself
SAME_IOU = 0.8  # masks that overlap by more are one

Labels = NDArray[np.uint8]  # (H, W): which region a pixel belongs to, counted from 0


def partition_of_masks(
    masks: NDArray[np.bool_], scores: Sequence[float], num_regions: int = NUM_REGIONS
) -> Labels:
    """Labels (H, W) of masks (n, H, W) with a confidence each; at most `num_regions` regions, none empty.

    The `num_regions` - 1 most confident masks are kept, of pixels in several the most confident one has them,
    and what no mask has is the background, the last region. Before that, specks, masks of nearly all and
    near-duplicates go. Of equal confidence the larger mask is first, then the one further up and left.
    """
    if masks.ndim != 3 or len(masks) != len(scores):
        raise InputError(
            f"found masks of shape {masks.shape} and {len(scores)} scores; expected (n, H, W) and n"
        )
    labels = np.full(masks.shape[1:], num_regions - 1, dtype=np.uint8)
    kept = _kept(masks, scores)[: num_regions - 1]
    for place in reversed(range(len(kept))):  # the most confident last, over the others
        labels[kept[place]] = place
    return renumbered(labels)


def _kept(masks: NDArray[np.bool_], scores: Sequence[float]) -> list[NDArray[np.bool_]]:
    """The masks that can be regions, most confident first."""
    areas = masks.mean(axis=(1, 2))
    first_pixel = masks.reshape(len(masks), -1).argmax(axis=1) if masks.size else np.zeros(len(masks))
    order = sorted(range(len(masks)), key=lambda i: (-scores[i], -areas[i], first_pixel[i]))
    kept: list[NDArray[np.bool_]] = []
    for index in order:
        fits = LEAST_AREA <= areas[index] <= MOST_AREA
        if fits and all(_iou(masks[index], other) <= SAME_IOU for other in kept):
            kept.append(masks[index])
    return kept


def _iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))


def renumbered(labels: NDArray[np.integer]) -> Labels:
    """The same regions, counted 0, 1, 2, ... without gaps."""
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.uint8)


def box_of(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 around a mask (H, W) that is not empty, end exclusive."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
