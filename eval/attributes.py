"""What the attributes of an assessment are worth: do they follow what was done to a photo, and that alone?

The suite `synthetic-attributes` says which attribute suffers how much from each harm. An attribute should
follow its own label, and stand still under harms of others.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from data.degradations import TYPES
from data.labels import attribute_scores
from data.records import DegradationRecord
from eval.correlations import srcc
from eval.intervals import MeanInterval, mean_with_interval
from eval.records import Item, SubjectRun, SuiteRun
from eval.report.means import source_of
from eval.suites.synthetic import CLEAN, LEVELS
from uare.ratings import OVERALL
from uare.vocabulary import ATTRIBUTES, HARMED_BY


@dataclass(frozen=True, kw_only=True)
class Rated:
    """One picture: what was done to it, and what the judge says of it."""

    photo: str
    type: str  # CLEAN where nothing was done
    severity: int
    scores: dict[str, float]  # overall and by attribute


@dataclass(frozen=True, kw_only=True)
class AttributeRow:
    """How one attribute's scores answer to harms that bear on it, and to others."""

    attribute: str
    own_harm: MeanInterval  # SRCC of severity and falling score under each type that harms it most
    own_fall: MeanInterval  # score of the clean photo minus that at severity 5, the same types
    other_fall: MeanInterval  # the same under types that do not harm it; 0 is right


def rated_by(suite: SuiteRun, subject: SubjectRun) -> list[Rated]:
    """What a subject said of `synthetic-attributes`: of those photos of which it rated every version."""
    found = []
    for item in suite.items:
        scores = attributes_of(subject, item)
        if scores:
            found.append(
                Rated(
                    photo=source_of(item),
                    type=item.group,
                    severity=next((level for level in LEVELS if f"severity {level}" in item.tags), 0),
                    scores=scores,
                )
            )
    versions = Counter(one.photo for one in found)
    return [one for one in found if versions[one.photo] == 1 + len(TYPES) * len(LEVELS)]


def attributes_of(subject: SubjectRun, item: Item) -> dict[str, float]:
    """Attribute -> score, with the overall one; empty for a judge that says nothing of attributes."""
    prediction = subject.predictions.get(item.id)
    if prediction is None or not prediction.attributes or prediction.score is None:
        return {}
    return {OVERALL: prediction.score, **prediction.attributes}


def attribute_rows(rated: Sequence[Rated], seed: int = 0) -> list[AttributeRow]:
    """A row for each attribute; intervals draw whole photos."""
    return [_row(rated, name, seed) for name in ATTRIBUTES]


def _row(rated: Sequence[Rated], name: str, seed: int) -> AttributeRow:
    own = worst_harms(name)
    others = [kind for kind in TYPES if kind not in HARMED_BY[name]]
    photos = list(dict.fromkeys(one.photo for one in rated))
    ranked = [(photo, -_by_severity(rated, photo, kind, name)) for photo in photos for kind in own]
    return AttributeRow(
        attribute=name,
        own_harm=mean_with_interval([value for _, value in ranked], seed, [photo for photo, _ in ranked]),
        own_fall=_fall(rated, photos, own, name, seed),
        other_fall=_fall(rated, photos, others, name, seed),
    )


def worst_harms(name: str) -> list[str]:
    """The types that take the most from an attribute."""
    cost = {kind: 5.0 - attribute_scores([DegradationRecord(kind, 5)])[name] for kind in TYPES}
    return [kind for kind, lost in cost.items() if lost == max(cost.values())]


def _by_severity(rated: Sequence[Rated], photo: str, kind: str, name: str) -> float:
    """SRCC of severity and score of one series; scores that stand still rank nothing: 0."""
    scores = [one.scores[name] for one in rated if (one.photo, one.type) == (photo, kind)]
    found = srcc(LEVELS, scores)
    return 0.0 if math.isnan(found) else found


def _fall(
    rated: Sequence[Rated], photos: Sequence[str], kinds: Sequence[str], name: str, seed: int
) -> MeanInterval:
    falls = []
    for photo in photos:
        of_photo = [one for one in rated if one.photo == photo]
        clean = next(one.scores[name] for one in of_photo if one.type == CLEAN)
        falls += [
            (photo, clean - one.scores[name])
            for one in of_photo
            if one.type in kinds and one.severity == LEVELS[-1]
        ]
    return mean_with_interval([value for _, value in falls], seed, [photo for photo, _ in falls])


def confusion(rated: Sequence[Rated], seed: int = 0) -> dict[str, dict[str, MeanInterval]]:
    """Name (overall too) -> type -> mean SRCC of severity and falling score over the photos."""
    photos = list(dict.fromkeys(one.photo for one in rated))
    return {
        name: {
            kind: mean_with_interval([-_by_severity(rated, photo, kind, name) for photo in photos], seed)
            for kind in TYPES
        }
        for name in (OVERALL, *ATTRIBUTES)
    }
