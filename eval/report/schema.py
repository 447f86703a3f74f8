"""The JSON schema of `report.json`, read off the types of `eval.report.model` and the words beside them."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

from eval.report.model import Report

Schema = dict[str, Any]
_PLAIN = {str: "string", float: "number", int: "integer", bool: "boolean", type(None): "null"}


def report_schema() -> Schema:
    """The schema of a whole report, with a definition for each part."""
    definitions: dict[str, Schema] = {}
    _define(Report, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Report of an evaluation run",
        "$ref": "#/$defs/Report",
        "$defs": definitions,
    }


def _define(kind: type, definitions: dict[str, Schema]) -> None:
    if kind.__name__ in definitions:
        return
    fields: dict[str, Schema] = {}
    definitions[kind.__name__] = {
        "type": "object",
        "description": (kind.__doc__ or "").strip(),
        "properties": fields,
        "required": [field.name for field in dataclasses.fields(kind)],
        "additionalProperties": False,
    }
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        inner, about = typing.get_args(hint)
        fields[name] = {**_schema(inner, definitions), "description": about}


def _schema(hint: Any, definitions: dict[str, Schema]) -> Schema:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        _define(hint, definitions)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return {"enum": list(inner)}
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [_schema(one, definitions) for one in inner]}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(inner[1], definitions)}
    if origin is tuple and inner[-1] is Ellipsis:
        return {"type": "array", "items": _schema(inner[0], definitions)}
    if origin is tuple:
        return {"type": "array", "prefixItems": [_schema(one, definitions) for one in inner], "items": False}
    raise TypeError(f"no JSON schema for {hint}")
