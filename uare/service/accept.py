"""What a client wants back, from its Accept header: JSON, or a picture."""

from __future__ import annotations

from uare.saving import FORMATS, FileFormat
from uare.service.refusals import Refused
from uare.service.requests import JSON
from uare.service.work import media_type_of

ANY_IMAGE = "image/*"
_BY_TYPE = {media_type_of(row): row for row in FORMATS}


def wants_picture(accept: str | None) -> bool | FileFormat:
    """False for JSON, True for a picture of any format, or the format of the picture.

    Of several types the one with the highest q counts, and of those the first; `*/*` and no header mean JSON.
    Raises Refused (406) if none is served.
    """
    for media_type in _preferred(accept or JSON):
        if media_type in ("*/*", "application/*", JSON):
            return False
        if media_type == ANY_IMAGE:
            return True
        if media_type in _BY_TYPE:
            return _BY_TYPE[media_type]
    raise Refused(
        406,
        f"Accept names no type that is served; ask for {JSON}, {ANY_IMAGE} or one of {', '.join(_BY_TYPE)}",
    )


def _preferred(accept: str) -> list[str]:
    """The media types of an Accept header, best first."""
    weighed = []
    for one in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in one.split(";"))
        weight = next((_number(part[2:]) for part in parameters if part.startswith("q=")), 1.0)
        if weight > 0:
            weighed.append((weight, media_type))
    return [media_type for _, media_type in sorted(weighed, key=lambda pair: -pair[0])]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
