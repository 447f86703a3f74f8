"""Numbers from records: how good an image is, overall and by attribute, and the soft level label of a score.

There are no human opinions about our training images. These formulas order them as people would, and
everything else (level words, comparisons) follows from them.
"""

from collections.abc import Sequence

from data.records import DegradationRecord
from uare.errors import InputError
from uare.vocabulary import ATTRIBUTES, LEVELS

PER_SEVERITY = 0.8  # score lost per severity: severity 5 alone takes 5.0 to 1.0
FURTHER = 0.25  # weight of every harm after the worst; people judge mostly by the worst
TIE = 0.3  # scores closer than this are about equal: less than half of a severity

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
