"""How good each region of a photo is: all of them read in one batch, level after level.

The words are those of the whole photo's assessment; RSFIQA asks a large model the same of each region.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from uare import prompts
from uare.analysis import ATTRIBUTE_PREFIXES, QUALITY_PREFIX, parse_analysis
from uare.assess import MAX_ANALYSIS_TOKENS, user_text
from uare.decoding import generate, next_word_logits, read
from uare.errors import InputError
from uare.experts.iqa import expected_score, level_distribution
from uare.experts.regions import region_views
from uare.images import PhotoSource
from uare.masks import load_mask
from uare.model import UAREModel
from uare.partition import Labels, box_of, renumbered
from uare.results import Region
from uare.tokenizer import TextTokenizer
from uare.vocabulary import ATTRIBUTES, DIMENSIONS, LEVELS

OVERALL = "overall"
Segmenter: TypeAlias = Callable[[Tensor, int], Labels]  # image (3, H, W), most regions: labels (H, W)


def assess_regions(
    model: UAREModel, tokenizer: TextTokenizer, pixels: Tensor, labels: Labels
) -> tuple[Region, ...]:
    """The regions of an image (3, H, W) in [0, 1] that labels (H, W) tell apart, largest first."""
    scores = region_scores(model, tokenizer, pixels, labels)
    contents = region_contents(model, tokenizer, pixels, labels)
    regions = []
    for index, ((overall, levels), content) in enumerate(zip(scores, contents, strict=True)):
        mask = labels == index
        area = np.count_nonzero(mask) / mask.size  # many times faster than the mean
        regions.append(
            Region(mask=mask, box=box_of(mask), area=area, overall=overall, levels=levels, content=content)
        )
    return tuple(sorted(regions, key=lambda one: (-one.area, one.box)))


def region_scores(
    model: UAREModel, tokenizer: TextTokenizer, pixels: Tensor, labels: Labels
) -> list[tuple[float, dict[str, float]]]:
    """Overall score and score by dimension of each region, in the order of the labels (H, W)."""
    scores = expected_score(region_levels(model, tokenizer, pixels, labels)).tolist()  # L x 5
    return [(one[0], dict(zip(DIMENSIONS, one[1:], strict=True))) for one in scores]


def region_levels(model: UAREModel, tokenizer: TextTokenizer, pixels: Tensor, labels: Labels) -> Tensor:
    """Probabilities (L, 1 + dimensions, 5) of the levels, best first: overall, then each of DIMENSIONS.

    As for a whole photo, an attribute is read after the levels that were said before it.
    """
    question = user_text(tokenizer, prompts.ASSESS_QUESTION)
    views = region_views(pixels, labels, model.config)
    context = read(model, [[view, question] for view in views])
    words = list(LEVELS)
    asked = [name for name in ATTRIBUTES if name in DIMENSIONS.values()]
    prefixes = {OVERALL: QUALITY_PREFIX} | {name: ATTRIBUTE_PREFIXES[name] for name in asked}
    said, heard = [""] * len(views), [""] * len(views)  # `heard` lies in the context, `said` has a level more
    found: dict[str, Tensor] = {}
    for name, prefix in prefixes.items():
        begun = [f"{before} {prefix}".strip() for before in said]
        logits, context = next_word_logits(model, tokenizer, context, begun, words, heard)
        levels = level_distribution(logits)  # (L, 5)
        found[name] = levels
        heard = begun
        best = levels.argmax(-1).tolist()
        said = [f"{text} {words[place]}." for text, place in zip(begun, best, strict=True)]
    return torch.stack([found[name] for name in (OVERALL, *DIMENSIONS.values())], dim=1)


def region_contents(
    model: UAREModel, tokenizer: TextTokenizer, pixels: Tensor, labels: Labels
) -> list[str | None]:
    """What each region shows, in the order of the labels (H, W); None of a model that was not trained to say.

    As RSFIQA has its language model describe each region; here the first sentence of the region's analysis.
    """
    if not model.config.describes_regions:
        return [None] * (int(labels.max()) + 1)
    question = user_text(tokenizer, prompts.ANALYSE_QUESTION)
    context = read(model, [[view, question] for view in region_views(pixels, labels, model.config)])
    answers = generate(model, context, MAX_ANALYSIS_TOKENS)
    return [parse_analysis(tokenizer.decode(answer)).content for answer in answers]


def labels_of_masks(masks: Sequence[PhotoSource], size: tuple[int, int]) -> Labels:
    """Labels (H, W) of masks that the caller drew, white inside, for a photo of `size` (height, width).

    Earlier masks lie over later ones; what none has is the background. InputError for a mask of another size
    and for one without white.
    """
    labels = np.full(size, len(masks), dtype=np.int64)
    for place in reversed(range(len(masks))):
        inside = load_mask(masks[place], size)[0].numpy() >= 0.5
        if not inside.any():
            raise InputError(
                f"mask {place + 1} has no white place, which is where its region would be; fill it"
            )
        labels[inside] = place
    return renumbered(labels)
