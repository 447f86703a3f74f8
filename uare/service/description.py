"""The service's OpenAPI description: requests from their models, answers from `uare.schema`."""

from __future__ import annotations

import copy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from uare.saving import FORMATS
from uare.schema import DEFINITIONS, DOCUMENTS
from uare.service.requests import FORM, JSON, PHOTO_ROLES, TEXTS, Asked
from uare.service.work import media_type_of

Schema = dict[str, Any]
SERVED = ("assess", "compare", "restore-answer", "error")
IMAGE_TYPES = tuple(media_type_of(row) for row in FORMATS)

_REASONS = {
    400: "The body cannot be read.",
    401: "The key is missing or wrong.",
    403: "The request names another host.",
    406: "No answer has the type that was asked for.",
    408: "The body did not arrive in time.",
    413: "Too many bytes or pixels.",
    415: "The body, or a file in it, is of another type.",
    422: "A field is missing, unknown or out of range, or a photo is damaged.",
    429: "The line is full.",
    500: "Something that was not foreseen.",
    503: "Memory does not suffice, or the service is shutting down.",
    504: "There was no result in time.",
}
_PROBE: Schema = {
    "type": "object",
    "properties": {
        "status": {"type": "string"},
        "places": {"type": "integer"},
        "places_taken": {"type": "integer"},
    },
    "required": ["status", "places", "places_taken"],
}


def request_body(form: type[Asked]) -> Schema:
    """Both ways to send a request of this form."""
    as_json = form.model_json_schema()
    as_form = copy.deepcopy(as_json)
    for role in PHOTO_ROLES:
        if role in as_form["properties"]:
            about = as_form["properties"][role]["description"]
            as_form["properties"][role] = {"type": "string", "format": "binary", "description": about}
    for name in TEXTS:
        if name in as_form["properties"]:  # a form's text is never null: leaving it out says the same
            either = as_form["properties"][name].pop("anyOf")
            as_form["properties"][name] |= either[0]
            as_form["properties"][name].pop("default", None)
    content = {FORM: {"schema": as_form}, JSON: {"schema": as_json}}
    return {"requestBody": {"required": True, "content": content}}


def responses(kind: str, *, with_images: bool = False) -> dict[int | str, Schema]:
    """The answers of a verb: a document of this kind, pictures where it has them, and the refusals."""
    content: Schema = {JSON: {"schema": _use(kind)}}
    if with_images:
        content |= {name: {"schema": {"type": "string", "format": "binary"}} for name in IMAGE_TYPES}
    return {200: {"description": "Done.", "content": content}} | refusals(*_REASONS)


def refusals(*statuses: int) -> dict[int | str, Schema]:
    """The answers with these statuses."""
    error = {JSON: {"schema": _use("error")}}
    return {status: {"description": _REASONS[status], "content": error} for status in statuses}


def probe_responses(*statuses: int) -> dict[int | str, Schema]:
    """The answers of a health check."""
    content = {JSON: {"schema": _PROBE}}
    return {
        **{
            status: {"description": "Yes." if status == 200 else "No.", "content": content}
            for status in statuses
        },
        **refusals(403),
    }


def describe(app: FastAPI, *, has_key: bool) -> Schema:
    """The whole description."""
    schema = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        description=app.description,
        routes=app.routes,
    )
    parts: Schema = {"schemas": _in_components(DEFINITIONS | {kind: DOCUMENTS[kind] for kind in SERVED})}
    if has_key:
        parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for path, methods in schema["paths"].items():
            if path.startswith("/v1/"):
                for method in methods.values():
                    method["security"] = [{"key": []}]
    return schema | {"components": parts}


def _use(kind: str) -> Schema:
    return {"$ref": f"#/components/schemas/{kind}"}


def _in_components(schema: Any) -> Any:
    """The same with references to where OpenAPI keeps definitions."""
    if isinstance(schema, list):
        return [_in_components(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {name: _in_components(part) for name, part in schema.items()}
    if isinstance(moved.get("$ref"), str):
        moved["$ref"] = moved["$ref"].replace("#/$defs/", "#/components/schemas/")
    return moved
