"""What a judge's branches are shown of a photo: pooled features of our own network, or CLIP's input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from uare import prompts
from uare.alpha import fill_transparent
from uare.analysis import QUALITY_PREFIX
from uare.assess import user_text
from uare.images import Photo
from uare.model import UAREModel
from uare.opencv_resize import resize_bilinear
from uare.packing import Text, pack
from uare.patches import vision_item
from uare.photo_statistics import NUM_PHOTO_STATISTICS, photo_statistics
from uare.resizing import fitted
from uare.tokenizer import TextTokenizer

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
_CLIP_RESIZED_PX, _CLIP_CROP_PX = 256, 224


def pooled_width(model: UAREModel) -> int:
    """The length of `pooled_view`."""
    return 2 * model.config.vision.hidden_size + 2 * model.config.hidden_size + NUM_PHOTO_STATISTICS


@torch.no_grad()
def pooled_view(
    model: UAREModel, tokenizer: TextTokenizer, photo: Photo, most_px: int | None = None
) -> Tensor:
    """What our own network makes of a photo in one pass, and its statistics: (pooled_width,) float32.

    Mean and deviation over the patches of the vision encoder's features, the mean of the quality expert's
    states at the patches, its state where it is about to say the level, and `photo_statistics` of the same
    pixels. `most_px` is the largest side that is looked at; None as much as for an assessment.
    """
    limits = model.config.assess_transform
    if most_px is not None:
        limits = replace(
            limits, max_size=min(most_px, limits.max_size), min_size=min(most_px, limits.min_size)
        )
    seen_pixels = fitted(fill_transparent(photo.pixels, photo.alpha), limits)
    view = vision_item(seen_pixels, model.config, limits)  # which has its size already
    question = user_text(tokenizer, prompts.ASSESS_QUESTION)
    answer = Text(ids=tuple(tokenizer.encode(QUALITY_PREFIX)), closes=False)
    batch = pack([[view, question, answer]], model.config).to(model.device)
    output = model(batch)
    seen, hidden = output.seen.float(), output.hidden.float()
    parts = (
        seen.mean(0),
        seen.std(0, correction=0),  # 0 for a single patch
        hidden[batch.patch_index].mean(0),
        hidden[-1],
        photo_statistics(seen_pixels).to(seen.device),
    )
    return torch.cat(parts).cpu()


def clip_view(photo: Photo) -> Tensor:
    """The released judge's input (3, 224, 224): 256×256 whatever the shape, the middle, CLIP's normalisation.

    As its reader does it: alpha is dropped, and of 16 bits the upper 8 are taken.
    """
    samples = photo.pixels.permute(1, 2, 0).cpu().numpy().astype(np.float64)  # (H, W, 3)
    if photo.bit_depth == 16:
        levels = np.rint(samples * 65535).astype(np.int64) >> 8
    else:
        levels = np.rint(samples * 255).astype(np.int64)
    resized = resize_bilinear(levels.astype(np.uint8), (_CLIP_RESIZED_PX, _CLIP_RESIZED_PX))
    start = (_CLIP_RESIZED_PX - _CLIP_CROP_PX) // 2
    middle = resized[start : start + _CLIP_CROP_PX, start : start + _CLIP_CROP_PX]
    image = torch.from_numpy(middle.copy()).permute(2, 0, 1).float() / 255  # (3, 224, 224)
    return (image - torch.tensor(_CLIP_MEAN)[:, None, None]) / torch.tensor(_CLIP_STD)[:, None, None]
