"""Which of two photos is better: a verdict that does not depend on the order in which they are given.

A model with a judge (`uare.judge`) lets it decide, or asks its own words beside it, and writes the reasons
for the verdict; without one, or with a reference, the verdict is read off the words that the model would
write.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from uare import prompts
from uare.analysis import VERDICT_PREFIX, VERDICT_WORDS
from uare.assess import OnText, user_text, write_answers
from uare.cache import ContextCache
from uare.decoding import choice_logits, read
from uare.images import Photo
from uare.judge import Judge
from uare.likeness import pair_warnings
from uare.model import UAREModel
from uare.packing import Item
from uare.patches import vision_item
from uare.results import Comparison
from uare.tokenizer import TextTokenizer

IDENTICAL = f"{VERDICT_PREFIX} {VERDICT_WORDS[2]}. Both are the same, pixel by pixel."
LIKELY = 0.5


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """Two photos after the verdict and before the reasons."""

    comparison: Comparison
    question: ContextCache | None  # to be answered with reasons; None: there is nothing to answer
    said: str = ""  # words with which the answer begins


def compare_photos(
    model: UAREModel,
    tokenizer: TextTokenizer,
    first: Tensor,
    second: Tensor,
    reference: Tensor | None = None,
    *,
    judge: Judge | None = None,
    asks_words: bool = False,
    with_text: bool = True,
) -> Comparison:
    """Compares images (3, H, W) in [0, 1]; sizes may differ. Swapping them swaps the verdict exactly.

    Both orders are averaged; the reasons are written for the order given. The same pixels are equal without
    asking. A judge has no eye for a reference, so it is not asked where there is one. With `asks_words` judge
    and words decide together: words see plain differences better, judges fine ones.
    """
    weighed = weigh_photos(
        model, tokenizer, first, second, reference, judge=judge, asks_words=asks_words, with_text=with_text
    )
    return with_reasons(model, tokenizer, [weighed])[0]


def with_reasons(
    model: UAREModel, tokenizer: TextTokenizer, weighed: Sequence[Weighed], on_text: OnText | None = None
) -> list[Comparison]:
    """The comparisons with their reasons, written at the same time; `on_text(i, text)` hears of the i-th."""
    places = [place for place, one in enumerate(weighed) if one.question is not None]
    contexts = [one.question for one in weighed if one.question is not None]

    def heard(i: int, text: str) -> bool | None:
        return None if on_text is None else on_text(places[i], text)

    texts = write_answers(model, tokenizer, contexts, heard, [weighed[place].said for place in places])
    comparisons = [one.comparison for one in weighed]
    for place, text in zip(places, texts, strict=True):
        comparisons[place] = replace(comparisons[place], text=text)
    return comparisons


def weigh_photos(
    model: UAREModel,
    tokenizer: TextTokenizer,
    first: Tensor,
    second: Tensor,
    reference: Tensor | None = None,
    *,
    judge: Judge | None = None,
    asks_words: bool = False,
    with_text: bool = True,
) -> Weighed:
    """The verdict of `compare_photos`, whose reasons are still to be written."""
    if torch.equal(first, second):
        text = IDENTICAL if with_text else ""
        same = Comparison(verdict="equal", probabilities=(0.0, 0.0, 1.0), text=text)
        return Weighed(comparison=same, question=None)
    said, context = "", None
    if judge is not None and reference is None:
        probabilities = judge.compare(Photo(pixels=first), Photo(pixels=second))
        if asks_words:
            probabilities = agreed(probabilities, _read_verdict(model, tokenizer, (first, second), None)[0])
        if with_text:
            word = VERDICT_WORDS[("A", "B", "equal").index(verdict_of(probabilities))]
            said = f"{VERDICT_PREFIX} {word}."
            context = read(model, [_question(model, tokenizer, (first, second), reference)])
    else:
        probabilities, context = _read_verdict(model, tokenizer, (first, second), reference)
    comparison = Comparison(
        verdict=verdict_of(probabilities),
        probabilities=probabilities,
        text="",
        warnings=pair_warnings(first, second),
    )
    return Weighed(comparison=comparison, question=context if with_text else None, said=said)


def agreed(one: tuple[float, float, float], other: tuple[float, float, float]) -> tuple[float, float, float]:
    """What two opinions of (A better, B better, equal) say together: their geometric mean, summing to 1."""
    a_better, b_better, equal = (math.sqrt(p * q) for p, q in zip(one, other, strict=True))
    total = a_better + b_better + equal
    return (a_better / total, b_better / total, equal / total)


def verdict_of(probabilities: tuple[float, float, float]) -> Literal["A", "B", "equal"]:
    """The most probable of (A better, B better, equal); a tie between A and B is equal."""
    a_better, b_better, equal = probabilities
    if equal >= max(a_better, b_better) or a_better == b_better:
        return "equal"
    return "A" if a_better > b_better else "B"


def outcome_of(probabilities: tuple[float, float, float]) -> Literal["better", "about equal", "worse"]:
    """What to say of a restoration, A, beside its input, B.

    "Worse" withholds it and so takes more than a guess: it must be likelier than not. Less was said of many
    repairs that had gained decibels (photos harmed by us).
    """
    verdict = verdict_of(probabilities)
    if verdict == "A":
        return "better"
    return "worse" if verdict == "B" and probabilities[1] >= LIKELY else "about equal"


def _read_verdict(
    model: UAREModel, tokenizer: TextTokenizer, pair: tuple[Tensor, Tensor], reference: Tensor | None
) -> tuple[tuple[float, float, float], ContextCache]:
    """Probabilities from the logits of the verdict's words, and the context of the order given."""
    # each order alone: in a batch the second would be rounded otherwise than the first
    contexts = [
        read(model, [_question(model, tokenizer, order, reference)]) for order in (pair, (pair[1], pair[0]))
    ]
    given, swapped = (
        choice_logits(model, tokenizer, context, VERDICT_PREFIX, VERDICT_WORDS)[0].softmax(-1)
        for context in contexts
    )
    probabilities = (
        float(given[0] + swapped[1]) / 2,
        float(given[1] + swapped[0]) / 2,
        float(given[2] + swapped[2]) / 2,
    )
    return probabilities, contexts[0]


def _question(
    model: UAREModel, tokenizer: TextTokenizer, pair: tuple[Tensor, Tensor], reference: Tensor | None
) -> list[Item]:
    labelled = list(zip(prompts.IMAGE_LABELS, pair, strict=True))
    question = prompts.COMPARE_QUESTION
    if reference is not None:
        labelled.insert(0, (prompts.REFERENCE_LABEL, reference))
        question = prompts.COMPARE_WITH_REFERENCE_QUESTION
    items: list[Item] = []
    for label, image in labelled:
        view = vision_item(image, model.config, model.config.assess_transform, len(labelled))
        items += [user_text(tokenizer, label), view]
    return [*items, user_text(tokenizer, question)]
