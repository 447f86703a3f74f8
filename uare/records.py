"""What became of one photo, as the documents of the command and of the service hold it (`uare.schema`)."""

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from uare.analysis import level_of
from uare.batch.loop import Json
from uare.images import Photo
from uare.options import RestoreOptions
from uare.results import DECIMALS, Assessment, Comparison

if TYPE_CHECKING:
    from uare.pipeline import Photos, Restored, UAREPipeline


def assessment_record(photo: Photo, name: str, assessment: Assessment, heat_map: str | None = None) -> Json:
    """The assessment of one photo; `heat_map` is the file in which its regions are drawn."""
    return {
        "input": name,
        "size": list(photo.size),
        "assessment": assessment.to_dict(),
        "heat_map": heat_map,
        "warnings": list(photo.warnings),
    }


def comparison_record(comparison: Comparison, photos: dict[str, Photo], names: dict[str, str | None]) -> Json:
    """The comparison of the photos `a` and `b`, both made from `reference` where there is one."""
    return {
        **{role: names.get(role) for role in ("a", "b", "reference")},
        "comparison": comparison.to_dict(),
        "warnings": [
            f"{names[role]}: {warning}" for role, photo in photos.items() for warning in photo.warnings
        ],
    }


def restoration_record(
    pipe: "UAREPipeline", restored: "Restored", options: RestoreOptions, name: str, mask_name: str | None
) -> Json:
    """One restoration, with the scores of the photo and of what became of it."""
    result = restored.result
    is_kept = result.verdict is not None and result.verdict.outcome == "worse" and not options.keep_worse
    return {
        "input": name,
        "status": "kept" if is_kept else "restored",
        "size": list(restored.pixels.shape[-2:]),
        "before": score_of(pipe, restored.photo),
        "after": score_of(pipe, restored.pixels),
        "settings": asdict(replace(options, mask=None)) | {"mask": mask_name},
        **result.to_dict(),
    }


def score_of(pipe: "UAREPipeline", photo: "Photos") -> Json:
    """Score and level of a photo, without words."""
    score = pipe.score(photo)
    return {"score": round(score, DECIMALS), "level": level_of(score)}
