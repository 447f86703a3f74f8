"""Harms that the data workers left to the training device, done to pictures of one size together.

A picture draws from its own generator on the CPU, so it is harmed as by a worker. Alone on a CPU exactly; in
a batch but for single values of one level of 255 (powers are rounded by place); on CUDA with a mean error
below 5e-4 of the range (another order of sums, and a rounding that tips moves a JPEG block).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from data.drafts import ConditionPicture, Draft, Part, TargetPicture
from data.records import DegradationRecord
from data.scenes import harm_batch
from uare.config import UAREConfig
from uare.packing import VisionImage
from uare.patches import vision_item


def harm_drafts(drafts: Sequence[Draft], config: UAREConfig, device: torch.device) -> tuple[Draft, ...]:
    """The drafts in their order, with the harms done that were still to do."""
    by_size: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, draft in enumerate(drafts):
        if draft.pending is not None:
            by_size[tuple(_clean(draft).shape)].append(place)
    done = list(drafts)
    for places in by_size.values():
        # a worker's pictures lie channel by channel of each pixel, and sums depend on where numbers lie
        clean = torch.stack([_clean(drafts[place]).permute(1, 2, 0) for place in places])  # (B, H, W, 3)
        clean = clean.permute(0, 3, 1, 2).to(device)  # (B, 3, H, W)
        pending = [one for place in places if (one := drafts[place].pending) is not None]
        harmed, records = harm_batch(clean, pending)
        for place, lq, record in zip(places, harmed.cpu(), records, strict=True):
            done[place] = _with_harm(drafts[place], lq, record, config)
    return tuple(done)


def _clean(draft: Draft) -> Tensor:
    return next(part.pixels for part in draft.parts if isinstance(part, TargetPicture))


def _with_harm(draft: Draft, lq: Tensor, records: Sequence[DegradationRecord], config: UAREConfig) -> Draft:
    """A draft with the harmed picture (3, H, W) wherever the clean one stood in for it."""
    seen = vision_item(lq, config, config.vision_transform).patches

    def harmed(part: Part) -> Part:
        match part:
            case ConditionPicture():
                return replace(part, pixels=lq)
            case TargetPicture():
                return replace(part, base=lq)
            case VisionImage():
                return replace(part, patches=seen)
        return part

    parts = tuple(harmed(part) for part in draft.parts)
    return replace(draft, parts=parts, records=(tuple(records),), pending=None)
