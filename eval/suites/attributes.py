"""Photos harmed by one type each, with what that should cost every attribute: `synthetic-attributes`.

Labels follow from the records of the harms (`data.labels`), by the formula from which the default model
learned; people were not asked. The photos are others than the four of `eval.suites.synthetic`, and more.
"""

from __future__ import annotations

import numpy as np

from data.degradations import TYPES
from data.labels import attribute_scores, quality_score
from data.records import DegradationRecord
from eval.metrics import Array
from eval.pictures import write_picture
from eval.suites.suite import Candidate, Found, Request
from eval.suites.synthetic import CLEAN, LEVELS, harm
from uare.ratings import OVERALL

SIDE_PX = 256
PHOTOS = ("astronaut", "chelsea", "coffee", "rocket", "retina", "immunohistochemistry", "stereo_motorcycle")


def photo_of(name: str) -> Array:
    """The centre of a photo of scikit-image, (SIDE_PX, SIDE_PX, 3) in [0, 1]."""
    import skimage.data

    found = getattr(skimage.data, name)()
    pixels = np.asarray(found[0] if isinstance(found, tuple) else found)
    top, left = ((side - SIDE_PX) // 2 for side in pixels.shape[:2])
    return pixels[top : top + SIDE_PX, left : left + SIDE_PX].astype(np.float64) / 255


def labels_of(kind: str, severity: int) -> dict[str, float]:
    """What a judge should say, overall and of each attribute, of a photo with this harm."""
    records = [] if kind == CLEAN else [DegradationRecord(kind, severity)]
    return {OVERALL: quality_score(records), **attribute_scores(records)}


def find_synthetic_attributes(request: Request) -> Found:
    """Every photo clean, and by every type at every severity; the same pictures at every call."""
    candidates = []
    for number, photo in enumerate(PHOTOS):
        clean = photo_of(photo)
        original = request.made_dir / f"{photo}.png"
        write_picture(clean, original)
        candidates.append(
            Candidate(
                id=f"{photo}-{CLEAN}", group=CLEAN, lq=original, gt=original, labels=labels_of(CLEAN, 0)
            )
        )
        for place, kind in enumerate(TYPES):
            for severity, version in zip(LEVELS, harm(clean, kind, 1000 * number + place), strict=True):
                path = request.made_dir / f"{photo}-{kind}-{severity}.png"
                write_picture(version, path)
                candidates.append(
                    Candidate(
                        id=path.stem,
                        group=kind,
                        lq=path,
                        gt=original,
                        labels=labels_of(kind, severity),
                        tags=(f"severity {severity}",),
                    )
                )
    return Found(
        candidates=tuple(candidates),
        notes=(
            "Labels of attributes follow from what was done, by the formula from which the default model "
            "learned; people were not asked.",
            "Two of the photos are of medicine, unlike anything in training.",
        ),
    )
