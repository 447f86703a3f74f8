"""How good a photo is and what is wrong with it: levels from logits, the written analysis from generation."""

from collections.abc import Callable, Sequence

from torch import Tensor

from uare import prompts
from uare.analysis import ATTRIBUTE_PREFIXES, QUALITY_PREFIX, level_of, parse_analysis
from uare.cache import ContextCache
from uare.decoding import choice_logits, generate, read
from uare.experts.iqa import expected_score, level_distribution
from uare.model import UAREModel
from uare.packing import Item, Text
from uare.patches import vision_item
from uare.results import Assessment
from uare.tokenizer import TextTokenizer
from uare.vocabulary import ATTRIBUTES, LEVELS

MAX_ANALYSIS_TOKENS = 256


def user_text(tokenizer: TextTokenizer, words: str) -> Text:
    """A user's words as an item; control strings in them are plain text."""
    return Text(ids=tuple(tokenizer.encode(words)))


def assess_photo(
    model: UAREModel,
    tokenizer: TextTokenizer,
    pixels: Tensor,
    on_text: Callable[[str], None] | None = None,
) -> Assessment:
    """Assesses an image (3, H, W) in [0, 1]: one forward pass a score, and a generated analysis.

    `on_text` gets the analysis so far at each token.
    """
    view: list[Item] = [vision_item(pixels, model.config, model.config.assess_transform)]
    seen = read(model, [view])
    asked = read(model, [[user_text(tokenizer, prompts.ASSESS_QUESTION)]], seen)
    distribution, attributes = _levels(model, tokenizer, asked)
    question = [[user_text(tokenizer, prompts.ANALYSE_QUESTION)]]
    analysis = parse_analysis(write_answer(model, tokenizer, read(model, question, seen), on_text))
    score = float(expected_score(distribution))
    return Assessment(
        score=score,
        level=level_of(score),
        distribution=dict(zip(LEVELS, distribution.tolist(), strict=True)),
        attributes=attributes,
        degradations=analysis.degradations,
        text=analysis.text,
    )


def score_photos(model: UAREModel, tokenizer: TextTokenizer, images: Sequence[Tensor]) -> list[float]:
    """Only the scores in [1, 5] of images (3, H, W), each read by itself."""
    scores = []
    for pixels in images:
        view = vision_item(pixels, model.config, model.config.assess_transform)
        # in two passes as in `assess_photo`: one pass would be rounded otherwise
        seen = read(model, [[view]])
        asked = read(model, [[user_text(tokenizer, prompts.ASSESS_QUESTION)]], seen)
        logits = choice_logits(model, tokenizer, asked, QUALITY_PREFIX, list(LEVELS))
        scores.append(float(expected_score(level_distribution(logits[0]))))
    return scores


def _levels(
    model: UAREModel, tokenizer: TextTokenizer, asked: ContextCache
) -> tuple[Tensor, dict[str, float]]:
    """The overall distribution (5,), and each attribute's score, read after the levels said before it."""
    words = list(LEVELS)
    distribution = level_distribution(choice_logits(model, tokenizer, asked, QUALITY_PREFIX, words)[0])
    said = f"{QUALITY_PREFIX} {words[int(distribution.argmax())]}."
    attributes: dict[str, float] = {}
    for name in ATTRIBUTES:
        prefix = f"{said} {ATTRIBUTE_PREFIXES[name]}"
        levels = level_distribution(choice_logits(model, tokenizer, asked, prefix, words)[0])
        attributes[name] = float(expected_score(levels))
        said = f"{prefix} {words[int(levels.argmax())]}."
    return distribution, attributes


def write_answer(
    model: UAREModel,
    tokenizer: TextTokenizer,
    context: ContextCache,
    on_text: Callable[[str], None] | None = None,
    said: str = "",
) -> str:
    """The model's greedy answer to a context of one sample; `on_text` gets the text so far at each token.

    With `said` the answer begins with these words, and the model goes on from them.
    """
    ids: list[int] = tokenizer.encode(said)

    def stream(_: int, token: int) -> None:
        ids.append(token)
        if on_text is not None:
            on_text(tokenizer.decode(ids))

    begun = list(ids)
    (answer,) = generate(model, context, MAX_ANALYSIS_TOKENS, on_token=stream, said=begun)
    return tokenizer.decode(begun + answer)
