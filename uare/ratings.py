"""Ratings of several attributes in one written answer: what is asked, what is answered, and reading it.

Two forms. `levels` is the quality answer of `uare.analysis`, a level word for each attribute. `scores` is
that of MG-IQA: reasoning in `<think>`, then numbers from 1 to 5 as JSON in `<answer>`. Reading never raises:
what an answer does not say, or says outside of the scale, is None, and nothing is put in its place.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from uare.analysis import ATTRIBUTE_PREFIXES, QUALITY_PREFIX
from uare.prompts import ASSESS_QUESTION, joined
from uare.vocabulary import ATTRIBUTES, LEVELS

OVERALL = "overall"
LOWEST, HIGHEST = 1.0, 5.0
# What other models call ours, after spelling is made alike (`_plain`).
_OTHER_NAMES: dict[str, str] = {
    "overall quality": OVERALL,
    "overall score": OVERALL,
    "overall rating": OVERALL,
    "quality": OVERALL,
    "rating": OVERALL,
    "colour": "colour fidelity",
    "noise level": "noise",
    "noisiness": "noise",
    "compositional aesthetics": "composition",
}
_NUMBER = r"[-+]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][-+]?\d{1,3})?"
_PAIR = re.compile(
    rf"[\"']?\b([A-Za-z][A-Za-z _\-]{{0,40}}?)\s{{0,4}}[\"']?\s{{0,4}}[:=]\s{{0,4}}({_NUMBER})"
)
_LEVEL = "|".join(LEVELS)
_OPENED, _CLOSED = "<answer>", "</answer>"


@dataclass(frozen=True, kw_only=True)
class RatingForm:
    """How ratings are asked for and answered."""

    kind: Literal["levels", "scores"] = "levels"
    attributes: tuple[str, ...] = ATTRIBUTES  # beside the overall quality, in the order of the answer
    thinks: bool = False  # `scores`: reasoning is written first

    @property
    def names(self) -> tuple[str, ...]:
        """All that is rated, in the order of the answer: overall first in `levels`, last in `scores`."""
        return (OVERALL, *self.attributes) if self.kind == "levels" else (*self.attributes, OVERALL)

    @property
    def question(self) -> str:
        """What the model is asked after it has seen the image."""
        if self.kind == "levels":
            return ASSESS_QUESTION
        named = [name for name in self.names if name != OVERALL] + ["the overall quality"]
        keys = ", ".join(f'"{_key(name)}": 0.00' for name in self.names)
        first = "First reason about what you see, then rate" if self.thinks else "Rate"
        noise = " For noise, 5.00 means that there is none." if "noise" in self.names else ""
        shape = f"<think>...</think>{_OPENED}{{{keys}}}{_CLOSED}" if self.thinks else _of_answer(keys)
        return (
            f"How good is this image? {first} {joined(named)}, each with a number from 1.00 (bad) to 5.00 "
            f"(excellent) with two decimals.{noise} Write: {shape}"
        )


@dataclass(frozen=True, kw_only=True)
class Ratings:
    """What an answer says: a value in [1, 5] of each name asked for, None where it says none."""

    values: dict[str, float | None]
    format_ok: bool  # the answer is of the form asked for, whole, and nothing else
    reasoning: str  # what is said beside the ratings


def _of_answer(keys: str) -> str:
    return f"{_OPENED}{{{keys}}}{_CLOSED}"


def _key(name: str) -> str:
    return name.replace(" ", "_")


def _plain(name: str) -> str:
    """A name as ours are spelled: lower case, spaces, British, without repeats of what all names mean."""
    words = re.sub(r"[\s_\-]+", " ", name).strip().lower()
    words = re.sub(r"\bcolor", "colour", words).replace("artifacts", "artefacts")
    return _OTHER_NAMES.get(words, words)


def format_scores(values: Mapping[str, float], form: RatingForm, reasoning: str = "") -> str:
    """An answer of the form `scores` in full."""
    said = ", ".join(f'"{_key(name)}": {values[name]:.2f}' for name in form.names)
    thought = f"<think>{reasoning}</think>" if form.thinks else ""
    return thought + _of_answer(said)


def parse_ratings(text: str, form: RatingForm) -> Ratings:
    """Reads the ratings out of any text; nothing raises, whatever it holds."""
    return _levels_in(text, form) if form.kind == "levels" else _scores_in(text, form)


def _levels_in(text: str, form: RatingForm) -> Ratings:
    overall = list(
        re.finditer(rf"(?:\bthe )?quality of (?:this|the) image is\W{{0,8}}({_LEVEL})\b", text, re.IGNORECASE)
    )
    values: dict[str, float | None] = dict.fromkeys(form.names)
    if overall:
        values[OVERALL] = float(LEVELS[overall[-1][1].lower()])
    rest = text[overall[-1].end() :] if overall else text
    for name in form.attributes:
        found = re.search(rf"\b{re.escape(name)}\W{{0,4}}[:：]\W{{0,4}}({_LEVEL})\b", rest, re.IGNORECASE)
        if found:
            values[name] = float(LEVELS[found[1].lower()])
    sentences = [f"{QUALITY_PREFIX} ({_LEVEL})\\."]
    sentences += [f"{re.escape(_prefix(name))} ({_LEVEL})\\." for name in form.attributes]
    whole = re.fullmatch(" ".join(sentences), text)
    return Ratings(
        values=values,
        format_ok=whole is not None,
        reasoning="" if whole else (text[: overall[-1].start()] if overall else text).strip(),
    )


def _prefix(name: str) -> str:
    return ATTRIBUTE_PREFIXES.get(name, f"{name.capitalize()}:")


def _scores_in(text: str, form: RatingForm) -> Ratings:
    start, body = _body(text)
    found = _document(body)
    pairs = found if found is not None else [(name, value) for name, value in _PAIR.findall(body)]
    said: dict[str, float | None] = {}
    for name, value in pairs:
        said[_plain(name)] = _rating(value)
    before = text[:start]
    thought = re.fullmatch(r"\s*<think>(.*)</think>\s*", before, re.DOTALL)
    is_framed = text[start:].rstrip() == f"{_OPENED}{body}{_CLOSED}"
    opening_ok = thought is not None if form.thinks else not before.strip()
    format_ok = (
        is_framed
        and opening_ok
        and found is not None
        and tuple(_plain(name) for name, _ in found) == form.names
        and all(said[name] is not None for name in form.names)
    )
    return Ratings(
        values={name: said.get(name) for name in form.names},
        format_ok=format_ok,
        reasoning=(thought[1] if thought else before.replace("<think>", "").replace("</think>", "")).strip(),
    )


def _body(text: str) -> tuple[int, str]:
    """Where the ratings begin, and their text: the last answer, else the last braces, else everything."""
    closed = text.rfind(_CLOSED)
    opened = text.rfind(_OPENED, 0, closed) if closed >= 0 else -1
    if opened >= 0:
        return opened, text[opened + len(_OPENED) : closed]
    end = text.rfind("}")
    start = text.rfind("{", 0, end) if end >= 0 else -1
    return (start, text[start : end + 1]) if start >= 0 else (len(text), text)


def _document(body: str) -> list[tuple[str, object]] | None:
    """Keys and values of a JSON object in their order; None where it is none."""
    pairs: list[tuple[str, object]] = []

    def keep(found: list[tuple[str, object]]) -> dict[str, object]:
        pairs[:] = found  # the outermost object comes last
        return dict(found)

    try:
        document = json.loads(body, object_pairs_hook=keep)
    except (ValueError, RecursionError):
        return None
    return pairs if isinstance(document, dict) else None


def _rating(value: object) -> float | None:
    """A number on the scale, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and LOWEST <= number <= HIGHEST else None
