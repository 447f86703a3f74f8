"""One photo of a command: read, worked on, written, and described as JSON."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from uare.batch.loop import Json
from uare.batch.pairing import Pair, photos_by_name
from uare.documents import check_replaceable, heading, write_document
from uare.errors import InputError
from uare.folders import FoundImage, find_images, output_paths
from uare.images import load_photo
from uare.options import RestoreOptions
from uare.records import assessment_record, comparison_record, restoration_record
from uare.saving import save_photo
from uare.screen import Meter, Screen

if TYPE_CHECKING:
    from uare.pipeline import UAREPipeline

Problems: TypeAlias = Sequence[InputError]


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where results go."""

    output: Path
    suffix: str = "_restored"
    extension: str | None = None
    overwrite: bool = False
    mask: Path | None = None  # one for all photos, or a folder of them by name


@dataclass(frozen=True, kw_only=True)
class RestoreJob:
    """A photo to restore and the files it becomes."""

    photo: Path
    result: Path
    sidecar: Path  # JSON beside the result
    mask: Path | None
    overwrite: bool

    @property
    def is_done(self) -> bool:
        return self.result.exists() and not self.overwrite


def plan_jobs(sources: Sequence[Path], place: Placement) -> tuple[list[RestoreJob], Problems]:
    """The jobs of all photos that were named, and what could not be used.

    Raises InputError where the output cannot hold the results. Results of an earlier run that lie among the
    photos of a folder are no photos; a result over a photo that was named is a problem.
    """
    if Path(place.suffix).name != place.suffix and place.suffix:
        raise InputError(f"--suffix is {place.suffix!r}; it goes into a file name and cannot hold a path")
    if place.mask is not None and not place.mask.exists():
        raise InputError(f"there is no mask {place.mask}; check the name")
    found = find_images(sources, exclude=place.output)
    images = found.images
    results = output_paths(images, place.output, suffix=place.suffix, extension=place.extension)
    earlier = {
        result.resolve() for image, result in zip(images, results, strict=True) if result != image.path
    }
    images = tuple(image for image in images if image.folder is None or image.path.resolve() not in earlier)
    results = output_paths(images, place.output, suffix=place.suffix, extension=place.extension)
    masks = photos_by_name(place.mask) if place.mask is not None and place.mask.is_dir() else None
    photos = {image.path.resolve() for image in images}
    jobs: list[RestoreJob] = []
    problems = list(found.problems)
    for image, result in zip(images, results, strict=True):
        if result.resolve() in photos:
            problems.append(
                InputError(
                    f"the result of {image.path} would overwrite the photo {result}, which is never done; "
                    "choose another --output or --suffix"
                )
            )
            continue
        mask = place.mask if masks is None else masks.get(_place_in_folder(image))
        if place.mask is not None and mask is None:
            problems.append(InputError(f"{image.path} has no mask of its name in {place.mask}"))
            continue
        stem = result.stem.removesuffix(place.suffix) or result.stem
        jobs.append(
            RestoreJob(
                photo=image.path,
                result=result,
                sidecar=result.with_name(f"{stem}.json"),
                mask=mask,
                overwrite=place.overwrite,
            )
        )
    return jobs, problems


def _place_in_folder(image: FoundImage) -> Path:
    place = Path(image.path.name) if image.folder is None else image.path.relative_to(image.folder)
    return place.with_name(place.stem)


def check_writable(jobs: Sequence[RestoreJob]) -> None:
    """Raises InputError, before the long work, where the first result could not be written."""
    for folder in {job.result.parent for job in jobs[:1]}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise InputError(
                f"{folder} cannot be written to ({error.strerror or error}); choose another --output"
            ) from error


def assess_file(pipe: "UAREPipeline", path: Path, screen: Screen) -> Json:
    """The assessment of one file."""
    photo = load_photo(path)
    _note_all(screen, path, photo.warnings)
    return assessment_record(photo, str(path), pipe.assess(photo))


def compare_files(pipe: "UAREPipeline", pair: Pair, screen: Screen) -> Json:
    """The comparison of two files."""
    named = {"a": pair.a, "b": pair.b, "reference": pair.reference}
    photos = {role: load_photo(path) for role, path in named.items() if path is not None}
    compared = pipe.compare(photos["a"], photos["b"], photos.get("reference"))
    record = comparison_record(compared, photos, {role: str(named[role]) for role in photos})
    for warning in record["warnings"]:
        screen.note(warning)
    for warning in record["comparison"]["warnings"]:
        screen.note(f"{pair.a} and {pair.b}: {warning}")
    return record


def restore_file(
    pipe: "UAREPipeline", job: RestoreJob, options: RestoreOptions, model: Json, screen: Screen, meter: Meter
) -> Json:
    """Restores one file; writes the result and its sidecar, both or neither, and returns the record in it."""
    if job.result.exists() and not job.overwrite:
        raise InputError(f"{job.result} exists already; move it away or choose another --output")
    check_replaceable(job.sidecar)
    photo = load_photo(job.photo)
    settings = asdict(replace(options, mask=job.mask))
    restored = pipe.restore_photo(photo, on_step=meter.step, on_text=meter.text, **settings)
    mask = None if job.mask is None else str(job.mask)
    record: Json = {
        **restoration_record(pipe, restored, options, str(job.photo), mask),
        "output": str(job.result),
        "sidecar": str(job.sidecar),
    }
    lost = save_photo(photo, restored.pixels, job.result, overwrite=job.overwrite)
    record["warnings"] = [*record["warnings"], *lost]
    try:
        write_document(job.sidecar, {**heading("restoration", model), **record})
    except BaseException:  # Ctrl-C too: a result without its sidecar would count as done ever after
        job.result.unlink(missing_ok=True)
        raise
    _note_all(screen, job.photo, record["warnings"])
    return record


def _note_all(screen: Screen, path: Path, warnings: Sequence[str]) -> None:
    for warning in warnings:
        screen.note(f"{path}: {warning}")
