"""How good each region of a photo is: all of them read in one batch, level after level.

The words are those of the whole photo's assessment; RSFIQA asks a large model the same of each region.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from uare import prompts
from uare.analysis import ATTRIBUTE_PREFIXES, QUALITY_PREFIX
from uare.assess import user_text
from uare.decoding import next_word_logits, read
from uare.experts.iqa import expected_score, level_distribution
from uare.experts.regions import region_views
from uare.images import PhotoSource
from uare.masks import load_mask
from uare.model import UAREModel
from uare.partition import Labels, box_of, partition_of_masks
from uare.results import Region
from uare.tokenizer import TextTokenizer
from uare.vocabulary import ATTRIBUTES, DIMENSIONS, LEVELS

Segmenter: TypeAlias = Callable[[Tensor], Labels]  # image (3, H, W) in [0, 1] to labels (H, W)


def assess_regions(
    model: UAREModel, tokenizer: TextTokenizer, pixels: Tensor, labels: Labels
) -> tuple[Region, ...]:
    """The regions of an image (3, H, W) in [0, 1] that labels (H, W) tell apart, largest first."""
    scores = region_scores(model, tokenizer, pixels, labels)
    regions = []
    for index, (overall, levels) in enumerate(scores):
        mask = labels == index
        regions.append(
            Region(mask=mask, box=box_of(mask), area=float(mask.mean()), overall=overall, levels=levels)
        )
    return tuple(sorted(regions, key=lambda one: (-one.area, one.box)))


def region_scores(
    model: UAREModel, tokenizer: TextTokenizer, pixels: Tensor, labels: Labels
) -> list[tuple[float, dict[str, float]]]:
    """Overall score and score by dimension of each region, in the order of the labels (H, W).

    As for a whole photo, an attribute is read after the levels that were said before it.
    """
    question = user_text(tokenizer, prompts.ASSESS_QUESTION)
    views = region_views(pixels, labels, model.config)
    context = read(model, [[view, question] for view in views])
    words = list(LEVELS)
    asked = [name for name in ATTRIBUTES if name in DIMENSIONS.values()]
    prefixes = [QUALITY_PREFIX, *(ATTRIBUTE_PREFIXES[name] for name in asked)]
    said, heard = [""] * len(views), [""] * len(views)  # `heard` lies in the context, `said` has a level more
    found: list[Tensor] = []
    for prefix in prefixes:
        begun = [f"{before} {prefix}".strip() for before in said]
        logits, context = next_word_logits(model, tokenizer, context, begun, words, heard)
        levels = level_distribution(logits)  # (L, 5)
        found.append(expected_score(levels))
        heard = begun
        best = levels.argmax(-1).tolist()
        said = [f"{text} {words[place]}." for text, place in zip(begun, best, strict=True)]
    overall, by_attribute = found[0].tolist(), dict(zip(asked, found[1:], strict=True))
    return [
        (overall[i], {name: float(by_attribute[attribute][i]) for name, attribute in DIMENSIONS.items()})
        for i in range(len(views))
    ]


def labels_of_masks(masks: Sequence[PhotoSource], size: tuple[int, int]) -> Labels:
    """Labels (H, W) of masks that the caller drew, white inside, for a photo of `size` (height, width).

    All are kept, the first ones over later ones; what none has is the background. InputError for a mask of
    another size.
    """
    drawn: list[NDArray[np.bool_]] = [load_mask(mask, size)[0].numpy() >= 0.5 for mask in masks]
    return partition_of_masks(np.stack(drawn), [-float(place) for place in range(len(drawn))], len(drawn) + 1)
