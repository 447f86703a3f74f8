"""Photos that a stranger sent: kept in memory, and looked at before they are decoded."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from uare.errors import InputError
from uare.images import Photo, load_photo_bytes, size_of_upload
from uare.screen import printable
from uare.service.refusals import Refused, refusal_of

MAX_NAME = 120  # characters of a file's name that answers repeat


@dataclass(frozen=True, kw_only=True)
class Upload:
    """The content of a file, and its name where the client gave one."""

    content: bytes
    name: str | None = None

    def called(self, role: str) -> str:
        """What answers call it: the last part of its name, never used as a path, or its role."""
        last = (self.name or "").replace("\\", "/").rpartition("/")[2].strip()
        return printable(last)[:MAX_NAME] or role


def upload_of(value: Any) -> Upload:
    """An upload as it is, or base64 text decoded. Raises ValueError for all else."""
    if isinstance(value, Upload):
        return value
    if not isinstance(value, str):
        raise ValueError("expected a file: base64 in JSON, a part with a file name in a form")
    try:
        return Upload(content=base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        raise ValueError(
            "expected base64 (standard alphabet, padded, no line breaks, no data: prefix)"
        ) from None


PhotoFile = Annotated[
    Upload,
    PlainValidator(upload_of),
    WithJsonSchema({"type": "string", "format": "byte", "contentEncoding": "base64"}),
]


def check_upload(upload: Upload, role: str, max_pixels: int) -> tuple[int, int]:
    """(height, width) of a photo by its header. Raises Refused: 415 for no photo, 413 for too many pixels."""
    name = upload.called(role)
    try:
        height, width = size_of_upload(upload.content, name)
    except InputError as error:
        refused = refusal_of(error)
        raise Refused(refused.status if refused.status != 422 else 415, refused.sentence) from error
    check_size(height, width, name, max_pixels)
    return height, width


def check_size(height: int, width: int, name: str, max_pixels: int) -> None:
    """Raises Refused (413) for more pixels than are taken."""
    if height * width > max_pixels:
        raise Refused(
            413,
            f"{name} has {width}x{height} = {height * width:,} pixels and {max_pixels:,} are taken; "
            "make it smaller first",
        )


def read_upload(upload: Upload, role: str) -> Photo:
    """The photo, decoded. Raises InputError for a damaged one."""
    return load_photo_bytes(upload.content, upload.called(role))
