"""What the thread of the model does for each verb: decode, run the pipeline, describe the outcome."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from uare.assess import OnText
from uare.batch.loop import Json
from uare.documents import heading
from uare.images import Photo
from uare.options import RestoreOptions
from uare.records import assessment_record, comparison_record, restoration_record
from uare.results import Assessment, Comparison
from uare.saving import FORMATS, FileFormat, format_of, photo_bytes
from uare.service.line import StopSign
from uare.service.requests import AssessAsked, CompareAsked, RestoreAsked
from uare.service.together import Engine, Verb
from uare.service.uploads import check_size, read_upload

_BY_NAME = {row.name: row for row in FORMATS}
_INSTEAD = {"HEIF": "JPEG"}  # photos come in it and are not written in it; whatever else becomes PNG


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A restored photo as a file, and its document but for the file."""

    content: bytes
    media_type: str
    document: Json

    def with_base64(self) -> Json:
        """The document with the file in it."""
        text = base64.b64encode(self.content).decode("ascii")
        return {**self.document, "picture": {"media_type": self.media_type, "base64": text}}


def media_type_of(file_format: FileFormat) -> str:
    """`image/png` and the like."""
    return f"image/{file_format.name.lower()}"


# --- assess ---


def _photo_to_assess(_: Engine, asked: AssessAsked) -> Photo:
    return read_upload(asked.image, "image")


def _assess(engine: Engine, photos: Sequence[Photo], on_text: OnText) -> list[Assessment]:
    return engine.pipe.assess_together(photos, on_text)


def _assess_answer(engine: Engine, asked: AssessAsked, photo: Photo, found: Assessment, _: StopSign) -> Json:
    """The document `assess` with one result."""
    return _document("assess", engine, assessment_record(photo, asked.image.called("image"), found))


ASSESS = Verb(prepare=_photo_to_assess, share=_assess, finish=_assess_answer)


# --- compare ---


def _photos_to_compare(_: Engine, asked: CompareAsked) -> dict[str, Photo]:
    return {role: read_upload(upload, role) for role, upload in asked.photos.items()}


def _compare(engine: Engine, asked: Sequence[dict[str, Photo]], on_text: OnText) -> list[Comparison]:
    pairs = [(photos["a"], photos["b"], photos.get("reference")) for photos in asked]
    return engine.pipe.compare_together(pairs, on_text)


def _compare_answer(
    engine: Engine, asked: CompareAsked, photos: dict[str, Photo], found: Comparison, _: StopSign
) -> Json:
    """The document `compare` with one result."""
    names: dict[str, str | None] = {role: upload.called(role) for role, upload in asked.photos.items()}
    return _document("compare", engine, comparison_record(found, photos, names))


COMPARE = Verb(prepare=_photos_to_compare, share=_compare, finish=_compare_answer)


# --- restore ---


@dataclass(frozen=True, kw_only=True)
class ToRestore:
    """A decoded photo and how to restore it."""

    photo: Photo
    options: RestoreOptions


def _photo_to_restore(engine: Engine, asked: RestoreAsked) -> ToRestore:
    options = asked.options()
    photo = read_upload(asked.image, "image")
    height, width = photo.size
    scale = options.upscale
    name = asked.image.called("image")
    check_size(height * scale, width * scale, f"the result of {name}", engine.max_pixels)
    if asked.mask is not None:
        options = replace(options, mask=_as_tensor(read_upload(asked.mask, "mask")))
    return ToRestore(photo=photo, options=options)


def _analyse(engine: Engine, asked: Sequence[ToRestore], on_text: OnText) -> list[str | None]:
    """The analysis that guides each restoration; None where it needs none, or writes its own as it goes."""
    places = [i for i, one in enumerate(asked) if one.options.analyse and one.options.best_of == 1]
    words: list[str | None] = [None] * len(asked)
    if len(places) < 2:
        return words
    analyses = engine.pipe.analyse_together(
        [asked[place].photo for place in places],
        instructions=[asked[place].options.instruction for place in places],
        upscales=[asked[place].options.upscale for place in places],
        on_text=lambda i, text: on_text(places[i], text),
    )
    for place, analysis in zip(places, analyses, strict=True):
        words[place] = analysis.text
    return words


def _restore_answer(
    engine: Engine, asked: RestoreAsked, given: ToRestore, words: str | None, stop: StopSign
) -> Picture:
    """The restored photo as a file of the format asked for, or of the photo's own."""
    photo, options = given.photo, given.options
    restored = engine.pipe.restore_photo(
        photo, on_step=stop.check, on_text=stop.check, analysis=words, **vars(options)
    )
    stop.check()
    mask_name = None if asked.mask is None else asked.mask.called("mask")
    record = restoration_record(engine.pipe, restored, options, asked.image.called("image"), mask_name)
    file_format = own_format(photo) if asked.format is None else format_named(asked.format)
    content, lost = photo_bytes(photo, restored.pixels, file_format)
    record["warnings"] = [*record["warnings"], *lost]
    return Picture(
        content=content,
        media_type=media_type_of(file_format),
        document={**heading("restore-answer", engine.facts), **record},
    )


RESTORE = Verb(prepare=_photo_to_restore, share=_analyse, finish=_restore_answer)


def own_format(photo: Photo) -> FileFormat:
    """The photo's format where photos are written in it, else one that holds them."""
    name = photo.format or "PNG"
    return _BY_NAME.get(_INSTEAD.get(name, name), _BY_NAME["PNG"])


def format_named(word: str) -> FileFormat:
    """The format of an extension without its dot."""
    return format_of(Path(f"any.{word}"))


def _document(kind: str, engine: Engine, record: Json) -> Json:
    return {**heading(kind, engine.facts), "results": [record], "failures": [], "interrupted": False}


def _as_tensor(photo: Photo) -> torch.Tensor:
    """(3 or 4, H, W): what the pipeline takes for a mask that is no file."""
    return photo.pixels if photo.alpha is None else torch.cat([photo.pixels, photo.alpha])
