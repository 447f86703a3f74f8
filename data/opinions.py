"""Questions and answers from people's opinions: scores, descriptions and choices between two pictures.

The answers begin as those made from records do, so that the network reads levels and verdicts at the same
place; what people did not say, such as levels of attributes or reasons, is neither asked for nor answered.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from data.grammar import Grammar
from data.labels import opinion_weights, preference_weights
from data.samples import ChoiceSource, QuestionSource, ScoreSource
from data.texts import SMALL, compare_question
from uare.analysis import QUALITY_PREFIX, VERDICT_PREFIX


@dataclass(frozen=True)
class Exchange:
    """A question about pictures and the answer that gets the loss."""

    question: str
    answer: str


def score_exchange(
    source: ScoreSource, rng: random.Random, *, by_mass: bool = False, grammar: Grammar = SMALL
) -> Exchange:
    """The overall level, drawn by the soft label of the opinion; `by_mass` as in `opinion_weights`."""
    level = _drawn(opinion_weights(source.mos, source.mos_std, by_mass=by_mass), rng)
    return Exchange(grammar.expand("score_question", rng), f"{QUALITY_PREFIX} {level}.")


def question_exchange(source: QuestionSource) -> Exchange:
    """The question and answer of the set, as they come."""
    return Exchange(source.question.strip(), source.answer.strip())


def choice_exchange(source: ChoiceSource, rng: random.Random, *, grammar: Grammar = SMALL) -> Exchange:
    """The verdict, drawn by `preference_weights`; image A is `source.first`.

    Asked as the pipeline asks, although there are no reasons to give: people's verdict is wanted there.
    """
    verdict = _drawn(preference_weights(source.preference), rng)
    question = compare_question(rng, with_reference=source.reference is not None, grammar=grammar)
    return Exchange(question, f"{VERDICT_PREFIX} {verdict}.")


def _drawn(weights: Mapping[str, float], rng: random.Random) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]
