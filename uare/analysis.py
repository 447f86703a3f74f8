"""Written answers and their structure: analyses of four lines, quality answers, and reading them back.

Writing follows one template, so that a small model can learn it. Reading takes anything: another model's
headings, markdown, a text cut off in the middle. What cannot be read becomes None; nothing raises.
"""

import re
from collections.abc import Mapping, Sequence

from uare.prompts import joined
from uare.results import Analysis, Degradation
from uare.vocabulary import ATTRIBUTES, HARMED_BY, LEVELS, SEVERITIES

# Logits are read right after these; `data/texts.py` trains answers that contain them word for word.
QUALITY_PREFIX = "The quality of this image is"
ATTRIBUTE_PREFIXES: dict[str, str] = {name: f"{name.capitalize()}:" for name in ATTRIBUTES}
VERDICT_PREFIX = "The better image is"
VERDICT_WORDS: tuple[str, str, str] = ("A", "B", "neither")  # A better, B better, equal

NO_DEFECTS = "no visible defects"
MILD = 2  # largest severity that a good attribute may have

# Other models' headings -> the four parts.
HEADINGS: dict[str, str] = {
    "intent": "intent",
    "user intent": "intent",
    "quality": "quality",
    "current quality": "quality",
    "quality analysis": "quality",
    "current quality analysis": "quality",
    "image quality analysis": "quality",
    "plan": "plan",
    "enhancement plan": "plan",
    "restoration plan": "plan",
    "result": "result",
    "expected result": "result",
    "expected results": "result",
    "expected outcome": "result",
}
_NAMES = "|".join(re.escape(name) for name in sorted(HEADINGS, key=len, reverse=True))
# A heading begins a line; "1.", "(1)", "##", "-" or bold marks may stand before it; a colon, bold marks or
# the end of the line close it. Counts are bounded: a line of thousands of stars must not cost seconds.
_HEADING = re.compile(
    rf"^[ \t>#*\-]{{0,12}}(?:\(?\d{{1,2}}[.):]\)?)?[ \t*_]{{0,8}}({_NAMES})[ \t]{{0,8}}"
    r"(?:[*_]{0,4}[ \t]{0,8}[:：][ \t*_]{0,8}|[*_]{1,4}[ \t]{0,8}|$)",
    re.IGNORECASE | re.MULTILINE,
)

# Words by which a degradation is known; ours first. Bare "dark" is missing: night photos are dark on purpose.
_TYPE_WORDS: dict[str, str] = {
    "blur": r"blur(?:red|ry|riness|ring)?|defocus|out of focus|camera shake",
    "noise": r"nois[ey]|grain(?:y|iness)?",
    "jpeg": r"jpeg(?: compression)?(?: artifacts?| artefacts?)?|compression(?: artifacts?| artefacts?)?"
    r"|block(?:ing|y|iness)(?: artifacts?| artefacts?)?",
    "haze": r"haz[ey]|haziness|fog(?:gy)?|mist(?:y)?",
    "rain": r"rain(?:y|drops?| streaks?| drops?)?",
    "lowlight": r"low[- ]light(?:ing)?|under-?exposed|under-?exposure|too dark"
    r"|insufficient (?:light|brightness)",
    "lowres": r"low[- ]resolution|pixelat(?:ed|ion)",
}
_SEVERITY_WORDS: dict[str, int] = {word: severity for severity, word in SEVERITIES.items()} | {
    "slightly": 1, "mild": 1, "mildly": 1, "minor": 1, "light": 1, "faint": 1, "weak": 1,
    "moderately": 2, "medium": 2,
    "obviously": 3, "noticeable": 3, "noticeably": 3, "visible": 3, "clear": 3, "significant": 3,
    "seriously": 4, "severe": 4, "severely": 4, "strong": 4, "strongly": 4, "heavy": 4, "heavily": 4,
    "catastrophically": 5, "extreme": 5, "extremely": 5,
}  # fmt: skip
_NEGATION = r"no|not|without|free (?:of|from)|lacks|any"
_DEFECT = re.compile(
    rf"(?:\b(?P<no>{_NEGATION})\s+)?"
    rf"(?:\b(?P<severity>{'|'.join(sorted(_SEVERITY_WORDS, key=len, reverse=True))})\s+(?:\w+\s+){{0,2}}?)?"
    rf"\b(?:{'|'.join(f'(?P<{name}>{words})' for name, words in _TYPE_WORDS.items())})\b",
    re.IGNORECASE,
)
_CONTENT = re.compile(r"^(?P<content>[^.!?\n]+[.!?])\s+(?P<quality>\S.*)$", re.DOTALL)
_LEVEL = "|".join(LEVELS)


def defects_sentence(degradations: tuple[Degradation, ...]) -> str:
    """The sentence of all defects, such as "It shows obvious noise and slight blur."."""
    words = [one.words for one in degradations]
    return f"It shows {joined(words) if words else NO_DEFECTS}."


def format_analysis(analysis: Analysis) -> str:
    """The four lines of an analysis; parts that are None are left out. `analysis.text` is not looked at."""
    described = " ".join(part for part in (analysis.content, analysis.quality) if part)
    parts = {
        "Intent": analysis.intent,
        "Quality": described,
        "Plan": analysis.plan,
        "Result": analysis.result,
    }
    return "\n".join(f"{heading}: {part}" for heading, part in parts.items() if part)


def find_degradations(text: str) -> tuple[Degradation, ...]:
    """Reads the degradations that a text asserts, in its order, each once.

    "no noise" names none. A degradation that comes without a severity word has severity None; where it
    comes again with one, that one counts.
    """
    found: dict[str, Degradation] = {}
    for match in _DEFECT.finditer(text):
        if match["no"]:
            continue
        kind = next(name for name in _TYPE_WORDS if match[name])
        severity = _SEVERITY_WORDS[match["severity"].lower()] if match["severity"] else None
        if kind not in found or (found[kind].severity is None and severity is not None):
            found[kind] = Degradation(type=kind, severity=severity)
    return tuple(found.values())


def _split_parts(text: str) -> dict[str, str]:
    """Part name -> its text, for each heading found; the first of two equal headings wins."""
    matches = list(_HEADING.finditer(text))
    borders = [match.start() for match in matches] + [len(text)]
    parts: dict[str, str] = {}
    for match, end in zip(matches, borders[1:], strict=True):
        body = text[match.end() : end].strip(" \t\r\n*_")
        if body:
            parts.setdefault(HEADINGS[match[1].lower()], body)
    return parts


def parse_analysis(text: str) -> Analysis:
    """Reads an analysis out of any text: what is there is filled in, the rest is None, and nothing raises.

    The first sentence of the quality part is the content where it names no degradation and more follows. A
    text without a quality heading but also without any other is taken as a quality part as a whole.
    """
    parts = _split_parts(text)
    quality = parts.get("quality") if parts else (text.strip() or None)
    content = None
    if quality is not None:
        match = _CONTENT.match(quality)
        if match and not find_degradations(match["content"]) and NO_DEFECTS not in match["content"]:
            content, quality = match["content"].strip(), match["quality"]
    return Analysis(
        intent=parts.get("intent"),
        content=content,
        quality=quality,
        plan=parts.get("plan"),
        result=parts.get("result"),
        degradations=find_degradations(quality or ""),
        text=text,
    )


def format_assessment(level: str, attributes: Mapping[str, str]) -> str:
    """The quality answer: the overall level, then each attribute's, in the order of the vocabulary."""
    rest = " ".join(f"{ATTRIBUTE_PREFIXES[name]} {attributes[name]}." for name in ATTRIBUTES)
    return f"{QUALITY_PREFIX} {level}. {rest}"


def parse_assessment(text: str) -> tuple[str | None, dict[str, str]]:
    """The overall level (None where missing) and those attribute levels that a quality answer states."""
    overall = re.search(rf"quality of (?:this|the) image is\W+({_LEVEL})\b", text, re.IGNORECASE)
    attributes: dict[str, str] = {}
    for name in ATTRIBUTES:
        match = re.search(rf"\b{name}\W*[:：]\W*({_LEVEL})\b", text, re.IGNORECASE)
        if match:
            attributes[name] = match[1].lower()
    return (overall[1].lower() if overall else None), attributes


def reason_for(attribute: str, level: str, degradations: Sequence[Degradation]) -> str:
    """One sentence on an attribute: its level, and those of the named degradations that bear on it.

    Level and degradations are read apart, so they may disagree; the sentence then says that they do.
    """
    named = [one for one in degradations if one.type in HARMED_BY[attribute]]
    stated = f"{attribute.capitalize()} is {level}"
    is_fine = LEVELS[level] >= LEVELS["good"]
    if not named:
        return f"{stated}." if is_fine else f"{stated}, without a named defect that explains it."
    words = joined([one.words for one in named])
    is_mild = all(one.severity is not None and one.severity <= MILD for one in named)
    return f"{stated}, although {words} is named." if is_fine and not is_mild else f"{stated}: {words}."


def level_of(score: float) -> str:
    """The level nearest to a score; scores outside [1, 5] have the outer levels."""
    return min(LEVELS, key=lambda level: abs(LEVELS[level] - score))
