"""What the attributes of an assessment are worth: do they follow what was done to a photo, and that alone?

Photos of scikit-image are harmed by every type at every severity; the records say which attribute suffers how
much (`data.labels`). An attribute should follow its own label, and stand still under harms of others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from data.degradations import TYPES
from data.labels import attribute_scores
from data.records import DegradationRecord
from eval.correlations import Correlation, agreement, srcc
from eval.intervals import MeanInterval, mean_with_interval
from eval.metrics import Array
from eval.suites.synthetic import LEVELS, harm
from uare.ratings import OVERALL
from uare.vocabulary import ATTRIBUTES, HARMED_BY

SIDE_PX = 256
PHOTOS = ("astronaut", "chelsea", "coffee", "rocket", "retina", "immunohistochemistry", "stereo_motorcycle")
CLEAN = "clean"
Rate = Callable[[Array], dict[str, float]]  # (H, W, 3) in [0, 1] -> name -> score in [1, 5]


@dataclass(frozen=True, kw_only=True)
class Rated:
    """One picture: what was done to it, what that should cost each attribute, and what the model says."""

    photo: str
    type: str  # CLEAN where nothing was done
    severity: int
    labels: dict[str, float]
    scores: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class AttributeRow:
    """How one attribute's scores agree with its labels."""

    attribute: str
    followed: Correlation  # SRCC with the labels over all pictures
    own_harm: MeanInterval  # SRCC of severity and falling score under each type that harms it most
    own_fall: MeanInterval  # score of the clean photo minus that at severity 5, the same types
    other_fall: MeanInterval  # the same under types that do not harm it; 0 is right


def photo_of(name: str) -> Array:
    """The centre of a photo of scikit-image, (SIDE_PX, SIDE_PX, 3) in [0, 1]."""
    import skimage.data

    found = getattr(skimage.data, name)()
    pixels = np.asarray(found[0] if isinstance(found, tuple) else found)
    top, left = ((side - SIDE_PX) // 2 for side in pixels.shape[:2])
    return pixels[top : top + SIDE_PX, left : left + SIDE_PX].astype(np.float64) / 255


def rate_all(rate: Rate, photos: Sequence[str] = PHOTOS) -> list[Rated]:
    """Every photo clean, and by every type at every severity; the same pictures at every call."""
    found = []
    for number, photo in enumerate(photos):
        clean = photo_of(photo)
        found.append(_rated(rate, clean, photo, CLEAN, 0))
        for place, kind in enumerate(TYPES):
            for severity, version in zip(LEVELS, harm(clean, kind, 1000 * number + place), strict=True):
                found.append(_rated(rate, version, photo, kind, severity))
    return found


def _rated(rate: Rate, picture: Array, photo: str, kind: str, severity: int) -> Rated:
    records = [DegradationRecord(kind, severity)] if severity else []
    labels = attribute_scores(records)
    return Rated(photo=photo, type=kind, severity=severity, labels=labels, scores=rate(picture))


def attribute_rows(rated: Sequence[Rated], seed: int = 0) -> list[AttributeRow]:
    """A row for each attribute; intervals draw whole photos."""
    return [_row(rated, name, seed) for name in ATTRIBUTES]


def _row(rated: Sequence[Rated], name: str, seed: int) -> AttributeRow:
    own = worst_harms(name)
    others = [kind for kind in TYPES if kind not in HARMED_BY[name]]
    photos = list(dict.fromkeys(one.photo for one in rated))
    ranked = [(photo, -_by_severity(rated, photo, kind, name)) for photo in photos for kind in own]
    followed = agreement(
        [one.scores[name] for one in rated],
        [one.labels[name] for one in rated],
        seed,
        [one.photo for one in rated],
    )
    return AttributeRow(
        attribute=name,
        followed=followed.srcc,
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


def model_rater(source: str) -> Rate:
    """The scores of a model's levels, as `uare assess` reads them, without the words."""
    from uare import prompts
    from uare.assess import level_distributions, user_text
    from uare.decoding import read
    from uare.experts.iqa import expected_score
    from uare.patches import vision_item
    from uare.pipeline import UAREPipeline

    pipeline = UAREPipeline.from_pretrained(source)
    model, tokenizer = pipeline.model, pipeline.tokenizer

    def rate(picture: Array) -> dict[str, float]:
        pixels = torch.from_numpy(picture).float().permute(2, 0, 1)  # (H, W, 3) to (3, H, W)
        view = vision_item(pixels, model.config, model.config.assess_transform)
        question = user_text(tokenizer, prompts.ASSESS_QUESTION)
        overall, attributes = level_distributions(
            model, tokenizer, read(model, [[question]], read(model, [[view]]))
        )
        return {name: float(expected_score(one)) for name, one in {OVERALL: overall, **attributes}.items()}

    return rate
