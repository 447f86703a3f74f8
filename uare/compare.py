"""Which of two photos is better: a verdict that does not depend on the order in which they are given."""

from typing import Literal

from torch import Tensor

from uare import prompts
from uare.analysis import VERDICT_PREFIX, VERDICT_WORDS
from uare.assess import user_text, write_answer
from uare.decoding import choice_logits, read
from uare.model import UAREModel
from uare.packing import Item
from uare.patches import vision_item
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

    Both orders are read and averaged; the reasons are written for the order given.
    """
    # each order alone: in a batch the second would be rounded otherwise than the first
    contexts = [
        read(model, [_question(model, tokenizer, pair, reference)])
        for pair in ((first, second), (second, first))
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
    text = write_answer(model, tokenizer, contexts[0]) if with_text else ""
    return Comparison(verdict=verdict_of(probabilities), probabilities=probabilities, text=text)


def verdict_of(probabilities: tuple[float, float, float]) -> Literal["A", "B", "equal"]:
    """The most probable of (A better, B better, equal); a tie between A and B is equal."""
    a_better, b_better, equal = probabilities
    if equal >= max(a_better, b_better) or a_better == b_better:
        return "equal"
    return "A" if a_better > b_better else "B"


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
