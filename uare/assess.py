"""How good a photo is and what is wrong with it: levels from logits, the written analysis from generation.

Several photos are each looked at by themselves, so that a number never depends on the others; only their
analyses are written at the same time, which takes hardly longer than writing one.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from uare import prompts
from uare.analysis import ATTRIBUTE_PREFIXES, QUALITY_PREFIX, level_of, parse_analysis, reason_for
from uare.cache import ContextCache, joined
from uare.decoding import choice_logits, generate, read
from uare.experts.iqa import expected_score, level_distribution
from uare.model import UAREModel
from uare.packing import Item, Text
from uare.patches import vision_item
from uare.results import Assessment
from uare.tokenizer import TextTokenizer
from uare.vocabulary import ATTRIBUTES, LEVELS

MAX_ANALYSIS_TOKENS = 256
OnText: TypeAlias = Callable[[int, str], bool | None]  # hears of answer i the text so far; True ends it


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
    return assess_photos(model, tokenizer, [pixels], on_text and _alone(on_text))[0]


def assess_photos(
    model: UAREModel, tokenizer: TextTokenizer, images: Iterable[Tensor], on_text: OnText | None = None
) -> list[Assessment]:
    """Assesses images (3, H, W) as `assess_photo` does each; `on_text(i, text)` hears of the i-th."""
    looks = [_look(model, tokenizer, pixels) for pixels in images]
    texts = write_answers(model, tokenizer, [look.question for look in looks], on_text)
    return [_assessment(look, text) for look, text in zip(looks, texts, strict=True)]


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What is known of a photo before its analysis is written."""

    distribution: Tensor  # (5,) over `LEVELS`
    attributes: dict[str, Tensor]  # the same of each
    question: ContextCache  # the photo, and the question what is wrong with it


def _look(model: UAREModel, tokenizer: TextTokenizer, pixels: Tensor) -> _Look:
    view: list[Item] = [vision_item(pixels, model.config, model.config.assess_transform)]
    seen = read(model, [view])
    asked = read(model, [[user_text(tokenizer, prompts.ASSESS_QUESTION)]], seen)
    distribution, attributes = level_distributions(model, tokenizer, asked)
    question = read(model, [[user_text(tokenizer, prompts.ANALYSE_QUESTION)]], seen)
    return _Look(distribution=distribution, attributes=attributes, question=question)


def _assessment(look: _Look, text: str) -> Assessment:
    analysis = parse_analysis(text)
    score = float(expected_score(look.distribution))
    attributes = {name: float(expected_score(one)) for name, one in look.attributes.items()}
    return Assessment(
        score=score,
        level=level_of(score),
        distribution=_named(look.distribution),
        attributes=attributes,
        attribute_distributions={name: _named(one) for name, one in look.attributes.items()},
        reasons={
            name: reason_for(name, level_of(one), analysis.degradations) for name, one in attributes.items()
        },
        degradations=analysis.degradations,
        text=analysis.text,
    )


def _named(distribution: Tensor) -> dict[str, float]:
    """Level -> probability, of a distribution (5,)."""
    return dict(zip(LEVELS, distribution.tolist(), strict=True))


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


def level_distributions(
    model: UAREModel, tokenizer: TextTokenizer, asked: ContextCache
) -> tuple[Tensor, dict[str, Tensor]]:
    """The overall distribution (5,) over `LEVELS`, and each attribute's, read after the levels before it.

    `asked` is the context of one image and the question about it.
    """
    words = list(LEVELS)
    overall = level_distribution(choice_logits(model, tokenizer, asked, QUALITY_PREFIX, words)[0])
    said = f"{QUALITY_PREFIX} {words[int(overall.argmax())]}."
    attributes: dict[str, Tensor] = {}
    for name in ATTRIBUTES:
        prefix = f"{said} {ATTRIBUTE_PREFIXES[name]}"
        attributes[name] = level_distribution(choice_logits(model, tokenizer, asked, prefix, words)[0])
        said = f"{prefix} {words[int(attributes[name].argmax())]}."
    return overall, attributes


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
    return write_answers(model, tokenizer, [context], on_text and _alone(on_text), [said])[0]


def write_answers(
    model: UAREModel,
    tokenizer: TextTokenizer,
    contexts: Sequence[ContextCache],
    on_text: OnText | None = None,
    said: Sequence[str] | None = None,
) -> list[str]:
    """The greedy answers to contexts of one sample each, written at the same time; `said` begins each.

    An answer is the one that its context gets alone, but for rounding, which decides where two words are
    almost equally likely.
    """
    if not contexts:
        return []
    begun = [tokenizer.encode(words) for words in said or [""] * len(contexts)]
    ids = [list(one) for one in begun]

    def stream(i: int, token: int) -> bool | None:
        ids[i].append(token)
        return None if on_text is None else on_text(i, tokenizer.decode(ids[i]))

    answers = generate(model, joined(contexts), MAX_ANALYSIS_TOKENS, on_token=stream, said=begun)
    return [tokenizer.decode(start + answer) for start, answer in zip(begun, answers, strict=True)]


def _alone(on_text: Callable[[str], None]) -> OnText:
    """The listener of one answer as that of several; what it returns means nothing."""

    def heard(_: int, text: str) -> None:
        on_text(text)

    return heard
