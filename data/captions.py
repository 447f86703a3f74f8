"""A large model's words in training texts: where they come from, and when they may be used.

Any model may write them, now or offline; `StoredCaptions` reads a file of them. A caption is used only if our
own reader gets out of it what the records say: a misty lake in a caption would be taken for haze.
"""

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from data.grammar import Grammar
from data.samples import Picture
from data.texts import SMALL, Records, analysis_of, degradations_of
from uare.analysis import defects_sentence, find_degradations, format_analysis, parse_analysis
from uare.errors import InputError
from uare.results import Analysis, Degradation

# Three words or more, so that "St. Mary's church" is not cut to its first word.
_FIRST_SENTENCE = re.compile(r"\S+ \S+ .*?\S(?:(?<=[.!?])(?= )|$)")


class Captioner(Protocol):
    """Says something about a picture: what a clean one shows, or a four-part text about a harmed one.

    It is asked about whole pictures, so its words suit whole pictures only: a crop may not show the cyclist.
    """

    def __call__(self, source_id: str, picture: Picture) -> str | None:
        """A sentence such as "A cyclist waits at a crossing.", or a text with the four headings that
        `uare.analysis` reads (in this project's words or another model's); None: nothing to say."""
        ...


@dataclass(frozen=True)
class StoredCaptions:
    """Captions made before, by source id; asked for another id it has nothing to say."""

    texts: Mapping[str, str]

    @classmethod
    def from_jsonl(cls, path: Path) -> "StoredCaptions":
        """Reads lines such as {"id": "0001", "text": "A cyclist waits at a crossing."}.

        Raises `InputError` where the file cannot be read, or with the numbers of the lines that have another
        form or an empty text or repeat an id.
        """
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise InputError(
                f"captions {path} cannot be read ({error.strerror or error}); check the path"
            ) from error
        texts: dict[str, str] = {}
        malformed = []
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            row = _row(line)
            if row is None or row[0] in texts:
                malformed.append(number)
            else:
                texts[row[0]] = row[1]
        if malformed:
            shown = ", ".join(map(str, malformed[:10])) + (", ..." if len(malformed) > 10 else "")
            raise InputError(
                f"{path} has {len(malformed)} lines that are no captions or repeat an id: {shown}; expected "
                'objects with the texts "id" and "text", each id once; correct or delete these lines'
            )
        return cls(texts)

    def __call__(self, source_id: str, picture: Picture) -> str | None:
        return self.texts.get(source_id)

    def unusable(self) -> list[str]:
        """The ids whose text is neither a sentence nor a four-part text that `captioned_analysis` can use."""
        return [
            source_id
            for source_id, text in self.texts.items()
            if content_in(text) is None and _four_parts(text) is None
        ]


def captioned_analysis(
    records: Records,
    caption: str | None,
    content: str | None,
    rng: random.Random,
    *,
    grammar: Grammar = SMALL,
    is_measured: bool = True,
) -> Analysis:
    """`analysis_of` with a captioner's words: its four-part text where that agrees with the records, else its
    sentence as the content, else `content`, the sentence that `data.content` makes from the pixels.

    Where severities are not measured, those that the captioner sees stand.
    """
    if caption is not None:
        known = degradations_of(records)
        if not is_measured:
            known = tuple(replace(one, severity=None) for one in known)
        written = analysis_in(caption, known)
        if written is not None:
            return written
        content = content_in(caption) or content
    return analysis_of(records, content, rng, grammar=grammar)


def content_in(caption: str) -> str | None:
    """The first sentence of a caption without headings, or None where it cannot be used as the content.

    It must not name a degradation, and `uare.analysis` must be able to tell it from the quality after it.
    """
    parsed = parse_analysis(caption)
    if parsed.intent or parsed.plan or parsed.result:
        return None
    first = _FIRST_SENTENCE.match(" ".join(caption.split()))
    if first is None:
        return None
    sentence = first[0] if first[0][-1] in ".!?" else f"{first[0]}."
    read_back = parse_analysis(f"{sentence} {defects_sentence(())}")
    return sentence if read_back.content == sentence else None


def analysis_in(caption: str, degradations: Sequence[Degradation]) -> Analysis | None:
    """The four-part text of a caption under our own headings; None where a part is missing or it disagrees.

    It agrees if its quality part names these degradations and no other, of the same severity where both sides
    have one, and no other part names more. A degradation of unknown severity has None there.
    """
    analysis = _four_parts(caption)
    if analysis is None:
        return None
    expected = {one.type: one.severity for one in degradations}
    said = {one.type: one.severity for one in analysis.degradations}
    elsewhere = f"{analysis.intent}\n{analysis.plan}\n{analysis.result}"
    if said.keys() != expected.keys() or {one.type for one in find_degradations(elsewhere)} - said.keys():
        return None
    agree = all(None in (said[name], expected[name]) or said[name] == expected[name] for name in said)
    return analysis if agree else None


def _four_parts(caption: str) -> Analysis | None:
    """A caption written our way, a line a part, and read again; None where a part is missing."""
    parsed = parse_analysis(caption)
    on_lines = Analysis(
        intent=_on_one_line(parsed.intent),
        content=_on_one_line(parsed.content),
        quality=_on_one_line(parsed.quality),
        plan=_on_one_line(parsed.plan),
        result=_on_one_line(parsed.result),
    )
    analysis = parse_analysis(format_analysis(on_lines))
    is_whole = analysis.intent and analysis.quality and analysis.plan and analysis.result
    return analysis if is_whole else None


def _on_one_line(part: str | None) -> str:
    return " ".join((part or "").split())


def _row(line: bytes) -> tuple[str, str] | None:
    """Id and text of a line, or None."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    source_id, text = row.get("id"), row.get("text")
    if not isinstance(source_id, str) or not isinstance(text, str) or not text.strip():
        return None
    return source_id, text
