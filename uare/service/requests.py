"""What clients may ask: three forms, read from JSON or from multipart form data, checked alike.

In a form, photos are parts with a file name, texts stand as they are, and everything else is a JSON value
(3, 0.5, true, null). Nothing is written to disk.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from uare.options import MIN_TILE_PX, RestoreOptions
from uare.service.limits import Limits
from uare.service.refusals import Refused
from uare.service.uploads import PhotoFile, Upload

JSON, FORM = "application/json", "multipart/form-data"
MAX_FIELDS = 32  # parts of a form: more than any request has
MAX_WORDS = 4000  # characters of an instruction
PHOTO_ROLES = ("image", "a", "b", "reference", "mask")
TEXTS = ("instruction", "format")

Form = TypeVar("Form", bound="Asked")


def _whole(value: Any) -> Any:
    """3 for 3.0, which JSON Schema calls an integer too; anything else as it is, but true is not 1."""
    if isinstance(value, bool):
        raise ValueError("expected a whole number")
    return int(value) if isinstance(value, float) and value.is_integer() else value


# The limits stand before the validator: behind it the description would not have them.
Steps = Annotated[int, Field(ge=1, le=100), BeforeValidator(_whole)]
Upscale = Annotated[Literal[1, 2, 4], BeforeValidator(_whole)]
Tile = Annotated[int, Field(ge=MIN_TILE_PX, le=8192), BeforeValidator(_whole)]
Seed = Annotated[int, Field(ge=0, le=2**53 - 1), BeforeValidator(_whole)]  # what every JSON reader holds
BestOf = Annotated[int, Field(ge=1, le=8), BeforeValidator(_whole)]


class Asked(BaseModel):
    """What all requests have in common: no field that is not known, no type that is not meant."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    @property
    def photos(self) -> dict[str, Upload]:
        """The files of the request by their role."""
        given = {role: getattr(self, role, None) for role in PHOTO_ROLES}
        return {role: upload for role, upload in given.items() if upload is not None}


class AssessAsked(Asked):
    """A photo to assess."""

    image: PhotoFile = Field(description="The photo.")


class CompareAsked(Asked):
    """Two photos to compare."""

    a: PhotoFile = Field(description="A photo.")
    b: PhotoFile = Field(description="The other one.")
    reference: PhotoFile | None = Field(None, description="What both were made from.")


class RestoreAsked(Asked):
    """A photo to restore, and how; null leaves a choice to the model."""

    image: PhotoFile = Field(description="The photo.")
    mask: PhotoFile | None = Field(None, description="Picture of the photo's size: white is restored.")
    format: Literal["jpg", "png", "tif", "webp", "avif"] | None = Field(
        None, description="Of the result; null takes that of the photo."
    )
    instruction: str | None = Field(None, max_length=MAX_WORDS, description="What to do, in words.")
    analyse: bool = Field(True, description="Whether the model writes an analysis first.")
    steps: Steps | None = Field(None, description="Steps of the sampler.")
    fidelity: float | None = Field(None, ge=0, le=1, description="0 invents, 1 stays with the photo.")
    upscale: Upscale = Field(1, description="Enlarges by this.")
    guidance_text: float | None = Field(None, ge=0, le=20, description="How strongly the words count.")
    guidance_image: float | None = Field(None, ge=0, le=20, description="How strongly the photo counts.")
    tile: Tile | None = Field(None, description="Largest side (px) in one piece.")
    seed: Seed = Field(0, description="Of the first restoration.")
    verify: bool = Field(True, description="Whether the result is compared with the photo.")
    keep_worse: bool = Field(False, description="Answers with a result that was judged worse than the photo.")
    best_of: BestOf = Field(1, description="Restores in so many ways and answers with the best.")
    adaptive: bool = Field(False, description="Gives each region the strength that it asks for.")

    def options(self) -> RestoreOptions:
        """The choices as the pipeline takes them, without the mask. InputError where they contradict."""
        chosen = self.model_dump(exclude={"image", "mask", "format"})
        return RestoreOptions(**chosen)


async def read_request(request: Request, form: type[Form], limits: Limits) -> Form:
    """Receives and checks a request. Raises Refused with the status that fits."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in (JSON, FORM):
        raise Refused(415, f"the body is {media_type or 'of no stated type'}; send {FORM} or {JSON}")
    try:
        async with asyncio.timeout(limits.upload_s):
            if media_type == FORM:
                return await _read_form(request, form, limits.max_bytes)
            body = b"".join([chunk async for chunk in _received(request, limits.max_bytes)])
    except TimeoutError:
        raise Refused(408, f"the body did not arrive within {limits.upload_s:g} s; send it faster") from None
    # not in the event loop: 32 MB of base64 take a noticeable moment
    return await asyncio.to_thread(_checked, form, body)


async def _received(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """The body in pieces. Raises Refused (413) as soon as it is known to be too long."""
    stated = request.headers.get("content-length", "")
    num_bytes = int(stated) if stated.isdecimal() else 0
    if num_bytes <= max_bytes:
        num_bytes = 0
        async for chunk in request.stream():
            num_bytes += len(chunk)
            if num_bytes > max_bytes:
                break
            yield chunk
    if num_bytes > max_bytes:
        raise Refused(413, f"the body has more than the {max_bytes:,} bytes that are taken; send less")


class _InMemory(MultiPartParser):
    """Starlette's parser, whose files never reach the disk: the body is bounded before it gets here."""

    spool_max_size = 2**62


async def _read_form(request: Request, form: type[Form], max_bytes: int) -> Form:
    parser = _InMemory(
        request.headers, _received(request, max_bytes), max_files=len(PHOTO_ROLES), max_fields=MAX_FIELDS
    )
    try:
        parts = await parser.parse()
    except (MultiPartException, ValueError) as error:
        words = getattr(error, "message", None) or str(error)
        raise Refused(
            400, f"the form cannot be read ({words}); send {FORM} as browsers and curl do"
        ) from error
    values: dict[str, Any] = {}
    for name, part in parts.multi_items():
        if name in values:
            raise Refused(422, f"{name[:40]!r} was sent twice; send it once")
        if isinstance(part, UploadFile):
            values[name] = Upload(content=await part.read(), name=part.filename)
        else:
            values[name] = _value_of_text(name, part)
    await parts.close()
    return _checked(form, values)


def _value_of_text(name: str, text: str) -> Any:
    """The value of a form's field."""
    if name in PHOTO_ROLES:
        raise Refused(
            422, f"{name} is a text where a photo is expected; send it as a file: -F {name}=@photo.jpg"
        )
    if name in TEXTS:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(
            422, f"{name[:40]!r} holds what is no JSON value; write numbers plainly, and true, false or null"
        ) from None


def _checked(form: type[Form], given: bytes | dict[str, Any]) -> Form:
    """The request of JSON text or of values. Raises Refused: 400 for no JSON, 422 for another content."""
    try:
        return form.model_validate(given) if isinstance(given, dict) else form.model_validate_json(given)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)[0]
        if found["type"] == "json_invalid":
            raise Refused(400, f"the body is no JSON ({found['msg']}); send one object") from None
        place = str(found["loc"][0])[:40] if found["loc"] else "the body"
        raise Refused(422, f"{place}: {found['msg']}; see /docs for the fields") from None
