"""What the thread of the model does for a request: decode, run the pipeline, describe the outcome."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from uare.batch.loop import Json
from uare.documents import heading
from uare.images import Photo
from uare.pipeline import UAREPipeline
from uare.records import assessment_record, comparison_record, restoration_record
from uare.saving import FORMATS, FileFormat, format_of, photo_bytes
from uare.service.line import StopSign
from uare.service.requests import AssessAsked, CompareAsked, RestoreAsked
from uare.service.uploads import check_size, read_upload

_BY_NAME = {row.name: row for row in FORMATS}
_INSTEAD = {"HEIF": "JPEG"}  # photos come in it and are not written in it; whatever else becomes PNG


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The pipeline, and what its documents say about the model."""

    pipe: UAREPipeline
    facts: Json
    max_pixels: int  # of a result


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


def assess(engine: Engine, asked: AssessAsked, stop: StopSign) -> Json:
    """The document `assess` with one result."""
    photo = read_upload(asked.image, "image")
    stop.check()
    record = assessment_record(photo, asked.image.called("image"), engine.pipe.assess(photo))
    return _document("assess", engine, record)


def compare(engine: Engine, asked: CompareAsked, stop: StopSign) -> Json:
    """The document `compare` with one result."""
    photos = {role: read_upload(upload, role) for role, upload in asked.photos.items()}
    stop.check()
    names: dict[str, str | None] = {role: upload.called(role) for role, upload in asked.photos.items()}
    return _document("compare", engine, comparison_record(engine.pipe, photos, names))


def restore(engine: Engine, asked: RestoreAsked, wanted: FileFormat | None, stop: StopSign) -> Picture:
    """The restored photo as a file of the `wanted` format, or of the photo's own."""
    name = asked.image.called("image")
    options = asked.options()
    photo = read_upload(asked.image, "image")
    check_size(*(side * options.upscale for side in photo.size), f"the result of {name}", engine.max_pixels)
    if asked.mask is not None:
        options = replace(options, mask=_as_tensor(read_upload(asked.mask, "mask")))
    restored = engine.pipe.restore_photo(photo, on_step=stop.check, on_text=stop.check, **vars(options))
    stop.check()
    mask_name = None if asked.mask is None else asked.mask.called("mask")
    record = restoration_record(engine.pipe, restored, options, name, mask_name)
    file_format = wanted or own_format(photo)
    content, lost = photo_bytes(photo, restored.pixels, file_format)
    record["warnings"] = [*record["warnings"], *lost]
    return Picture(
        content=content,
        media_type=media_type_of(file_format),
        document={**heading("restore-answer", engine.facts), **record},
    )


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
