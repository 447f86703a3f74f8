"""Numbers behind the answers: how good an image is, overall and by attribute, and soft labels of opinions.

There are no human opinions about images that we harm ourselves. The formulas over their records order them as
people would, and everything else (level words, comparisons) follows. Where people were asked, their mean
opinion and its spread give the label.
"""

from collections.abc import Sequence
from statistics import NormalDist

from data.records import DegradationRecord
from uare.analysis import VERDICT_WORDS
from uare.errors import InputError
from uare.vocabulary import ATTRIBUTES, LEVELS

PER_SEVERITY = 0.8  # score lost per severity: severity 5 alone takes 5.0 to 1.0
FURTHER = 0.25  # weight of every harm after the worst; people judge mostly by the worst
TIE = 0.3  # scores closer than this are about equal: less than half of a severity
MIN_SPREAD = 0.2  # a narrower normal curve says nothing about levels between which it stands
MAX_ERROR = 0.1  # of a soft label's mean

# How much of its severity each degradation takes from each attribute; unlisted pairs take nothing.
HARM: dict[str, dict[str, float]] = {
    "blur": {"sharpness": 1.0},
    "noise": {"noise": 1.0},
    "jpeg": {"artefacts": 1.0},
    "haze": {"colour fidelity": 0.8, "exposure": 0.5, "sharpness": 0.3},
    "rain": {"artefacts": 0.8, "sharpness": 0.3},
    "lowlight": {"exposure": 1.0, "colour fidelity": 0.5, "noise": 0.4},
    "lowres": {"sharpness": 1.0},
}


def _score(harms: Sequence[float]) -> float:
    """5 - PER_SEVERITY * (worst + FURTHER * sum of the others), within [1, 5]."""
    if not harms:
        return 5.0
    worst = max(harms)
    return max(1.0, 5.0 - PER_SEVERITY * (worst + FURTHER * (sum(harms) - worst)))


def quality_score(records: Sequence[DegradationRecord]) -> float:
    """The overall score in [1, 5]: 5 when clean, 5 - 0.8 s with one harm of severity s, less with more."""
    return _score([float(record.severity) for record in records])


def attribute_scores(records: Sequence[DegradationRecord]) -> dict[str, float]:
    """The score of each attribute in [1, 5], by the same formula over what harms it (`HARM`)."""
    return {
        name: _score([HARM[record.type].get(name, 0.0) * record.severity for record in records])
        for name in ATTRIBUTES
    }


def level_weights(score: float) -> dict[str, float]:
    """The soft label of a score: shares of the two neighbouring levels whose expectation is the score.

    As DeQA-Score falls back to for certain opinions. Raises `InputError` outside [1, 5].
    """
    if not 1 <= score <= 5:
        raise InputError(f"found the score {score}, expected a number from 1 to 5")
    return {level: max(0.0, 1.0 - abs(score - centre)) for level, centre in LEVELS.items()}


def opinion_weights(mos: float, spread: float | None, *, by_mass: bool = False) -> dict[str, float]:
    """The soft label of people's mean opinion in [1, 5] and their standard deviation in the same units.

    The normal curve at each level, or its mass half a level around it, scaled and shifted so that the shares
    sum to 1 and their mean is the opinion, then cut off at 0. `level_weights` instead without a spread, or
    where it is too small or the cut moves the mean too far. DeQA-Score, gen_soft_label.py: density for
    KonIQ-10k and KADID-10k, mass for SPAQ. Other than there, shares sum to 1 after the cut too, and the mean
    is checked after that. Raises `InputError` for numbers off the scale.
    """
    neighbours = level_weights(mos)
    if spread is None:
        return neighbours
    if not 0 <= spread <= 4:
        raise InputError(
            f"found the spread {spread} of opinions, expected a standard deviation of 0 to 4 levels; "
            "scale it as the opinions were scaled"
        )
    if spread < MIN_SPREAD:
        return neighbours
    # At 3 exactly the scale is 0/0 (DeQA-Score's label is flat there); a hair beside it is as good.
    mean = mos if abs(mos - 3) > 1e-6 else 3 + 1e-6
    curve = NormalDist(mean, spread)
    shares = [
        curve.cdf(centre + 0.5) - curve.cdf(centre - 0.5) if by_mass else curve.pdf(centre)
        for centre in LEVELS.values()
    ]
    lean = sum(share * (centre - 3) for share, centre in zip(shares, LEVELS.values(), strict=True))
    scale = (mean - 3) / lean
    shift = (1 - scale * sum(shares)) / len(shares)
    shares = [max(0.0, scale * share + shift) for share in shares]
    weights = {level: share / sum(shares) for level, share in zip(LEVELS, shares, strict=True)}
    reached = sum(LEVELS[level] * share for level, share in weights.items())
    return weights if abs(reached - mos) <= MAX_ERROR else neighbours


def preference_weights(preference: float) -> dict[str, float]:
    """Shares of the verdicts A, B and neither whose expectation is the preference for A in [0, 1].

    Neither counts half, so that 0.5 is certainly neither; as `level_weights` does for scores. Raises
    `InputError` outside [0, 1].
    """
    if not 0 <= preference <= 1:
        raise InputError(f"found the preference {preference}, expected a number from 0 to 1")
    a, b, neither = VERDICT_WORDS
    lead = 2 * preference - 1
    return {a: max(0.0, lead), b: max(0.0, -lead), neither: 1 - abs(lead)}
