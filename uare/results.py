"""What the pipeline hands back: frozen values that a program can keep, compare and write as JSON.

`to_dict()` gives plain JSON types and rounds scores and probabilities to four decimals; the fields
themselves are never rounded. Pictures are never part of a dictionary.
"""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal

from uare.vocabulary import DEGRADATIONS, SEVERITIES

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image
    from torch import Tensor

Json = dict[str, object]
DECIMALS = 4  # of scores and probabilities in `to_dict`: below it two machines need not agree


def rounded(values: dict[str, float]) -> dict[str, float]:
    """The same dictionary with every value rounded to `DECIMALS` places."""
    return {key: round(float(value), DECIMALS) for key, value in values.items()}


@dataclass(frozen=True, kw_only=True)
class Degradation:
    """One harm: an id of `uare.vocabulary.DEGRADATIONS`, its severity 1..5 or None where none was named."""

    type: str
    severity: int | None

    @property
    def words(self) -> str:
        """The harm as running text has it, such as "obvious noise"."""
        name = DEGRADATIONS[self.type]
        return name if self.severity is None else f"{SEVERITIES[self.severity]} {name}"

    def to_dict(self) -> Json:
        return {"type": self.type, "severity": self.severity}


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """A written analysis in parts; a part that the text does not have is None."""

    intent: str | None = None
    content: str | None = None  # what the photo looks like, apart from its defects
    quality: str | None = None  # the defects, in words
    plan: str | None = None
    result: str | None = None
    degradations: tuple[Degradation, ...] = ()  # in the order in which the text names them
    text: str = ""  # everything, as the model wrote it

    def to_dict(self) -> Json:
        return asdict(self) | {"degradations": [one.to_dict() for one in self.degradations]}


@dataclass(frozen=True, kw_only=True, eq=False)
class Region:
    """A part of a photo and how good it is by itself. Scores lie in [1, 5], 5 is best."""

    mask: "np.ndarray"  # (H, W) bool at the photo's size, True inside
    box: tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels around the mask, end exclusive
    area: float  # share of the photo's pixels
    overall: float
    levels: dict[str, float]  # score of each of `uare.vocabulary.DIMENSIONS`
    content: str | None = None  # what it shows, in words, by a model that was trained to say

    @property
    def worst(self) -> str:
        """The dimension with the lowest score; the first of equal ones."""
        return min(self.levels, key=lambda name: self.levels[name])

    def to_dict(self) -> Json:
        return {
            "box": list(self.box),
            "area": round(self.area, DECIMALS),
            "overall": round(self.overall, DECIMALS),
            "levels": rounded(self.levels),
            "content": self.content,
        }


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """How good one photo is. Scores lie in [1, 5], 5 is best."""

    score: float  # expectation over `distribution`
    level: str  # the level nearest to `score`
    distribution: dict[str, float]  # level -> probability, sums to 1
    attributes: dict[str, float]  # attribute -> score
    degradations: tuple[Degradation, ...]
    text: str
    regions: tuple[Region, ...] | None = None  # they cover the photo once, largest first; None: not asked for
    attribute_distributions: dict[str, dict[str, float]] = field(default_factory=dict)  # as `distribution`
    reasons: dict[str, str] = field(default_factory=dict)  # attribute -> a sentence (`analysis.reason_for`)

    def to_dict(self) -> Json:
        regions = self.regions
        return {
            "score": round(self.score, DECIMALS),
            "level": self.level,
            "distribution": rounded(self.distribution),
            "attributes": rounded(self.attributes),
            "attribute_distributions": {k: rounded(v) for k, v in self.attribute_distributions.items()},
            "reasons": dict(self.reasons),
            "degradations": [one.to_dict() for one in self.degradations],
            "text": self.text,
            "regions": None if regions is None else [one.to_dict() for one in regions],
        }


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Which of two photos is better; `probabilities` are those of (A better, B better, equal)."""

    verdict: Literal["A", "B", "equal"]
    probabilities: tuple[float, float, float]
    text: str
    warnings: tuple[str, ...] = ()  # reasons to doubt it: other sizes, other contents

    def to_dict(self) -> Json:
        names = ("A", "B", "equal")
        return {
            "verdict": self.verdict,
            "probabilities": rounded(dict(zip(names, self.probabilities, strict=True))),
            "text": self.text,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A restoration against its input; `probabilities` are those of (better, worse, about equal)."""

    outcome: Literal["better", "about equal", "worse"]
    probabilities: tuple[float, float, float]

    def to_dict(self) -> Json:
        names = ("better", "worse", "about equal")
        return {
            "outcome": self.outcome,
            "probabilities": rounded(dict(zip(names, self.probabilities, strict=True))),
        }


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One of several restorations of a photo, and where it came in among them."""

    rank: int  # 1 was chosen; equal points share a rank
    seed: int
    fidelity: float | None  # None: the model's own
    instruction: str | None
    analyse: bool
    points: float  # with a judge the mean over the others of P(better) + P(equal) / 2, else the score

    def to_dict(self) -> Json:
        return asdict(self) | {"points": round(self.points, DECIMALS)}


@dataclass(frozen=True, kw_only=True)
class Restoration:
    """A restored photo, of the type, mode and bit depth of the caller's image, and how it came about."""

    image: "Image.Image | np.ndarray | Tensor"
    analysis: Analysis | None
    verdict: Verdict | None
    seed: int
    steps: int
    timings: dict[str, float]  # stage -> seconds
    warnings: tuple[str, ...] = field(default=())
    candidates: tuple[Candidate, ...] = ()  # of `best_of`, the chosen one first; empty for a single one

    def to_dict(self) -> Json:
        return {
            "analysis": None if self.analysis is None else self.analysis.to_dict(),
            "verdict": None if self.verdict is None else self.verdict.to_dict(),
            "seed": self.seed,
            "steps": self.steps,
            "timings": rounded(self.timings),
            "warnings": list(self.warnings),
            "candidates": [one.to_dict() for one in self.candidates],
        }
