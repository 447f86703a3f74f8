"""Which of two photos is better: a verdict that does not depend on the order in which they are given."""

from typing import Literal

import torch
from torch import Tensor

from uare import prompts
from uare.analysis import VERDICT_PREFIX, VERDICT_WORDS
from uare.assess import user_text, write_answer
from uare.decoding import choice_logits, read
from uare.encoding import vision_item
from uare.model import UAREModel
from uare.packing import Item
from uare.results import Comparison
from uare.tokenizer import TextTokenizer


def compare_photos(
    model: UAREModel,
    tokenizer: TextTokenizer,
    first: Tensor,
    second: Tensor,
    reference: Tensor | None = None,
    *,
    with_text: bool = True,
) -> Comparison:
    """Compares images (3, H, W) in [0, 1]; sizes may differ. Swapping them swaps the verdict exactly.

    Both orders are read and averaged, in an order that depends on the pictures only, so that rounding is the
    same whichever came first. The reasons are written for the order given.
    """
    is_swapped = _key(second) < _key(first)
    a, b = (second, first) if is_swapped else (first, second)
    images = [] if reference is None else [reference]
    orders = [_question(model, tokenizer, [*images, a, b]), _question(model, tokenizer, [*images, b, a])]
    # one by one: in a batch the second would be rounded otherwise than the first
    contexts = [read(model, [order]) for order in orders]
    a_first, b_first = (
        choice_logits(model, tokenizer, context, VERDICT_PREFIX, VERDICT_WORDS)[0].softmax(-1)
        for context in contexts
    )
    a_better, b_better = float(a_first[0] + b_first[1]) / 2, float(a_first[1] + b_first[0]) / 2
    equal = float(a_first[2] + b_first[2]) / 2
    text = write_answer(model, tokenizer, contexts[1 if is_swapped else 0]) if with_text else ""
    probabilities = (b_better, a_better, equal) if is_swapped else (a_better, b_better, equal)
    return Comparison(verdict=verdict_of(probabilities), probabilities=probabilities, text=text)


def verdict_of(probabilities: tuple[float, float, float]) -> Literal["A", "B", "equal"]:
    """The most probable of (A better, B better, equal); a tie between A and B is equal."""
    a_better, b_better, equal = probabilities
    if equal >= max(a_better, b_better) or a_better == b_better:
        return "equal"
    return "A" if a_better > b_better else "B"


def _question(model: UAREModel, tokenizer: TextTokenizer, images: list[Tensor]) -> list[Item]:
    limits = model.config.assess_transform
    views: list[Item] = [vision_item(image, model.config, limits, len(images)) for image in images]
    has_reference = len(images) > 2
    question = prompts.COMPARE_WITH_REFERENCE_QUESTION if has_reference else prompts.COMPARE_QUESTION
    return [*views, user_text(tokenizer, question)]


def _key(image: Tensor) -> tuple[int, bytes]:
    """Something to sort pictures by: their size, then their pixels."""
    return image.numel(), image.detach().cpu().contiguous().to(torch.float32).numpy().tobytes()
