"""Settings as a form: a YAML file read into typed, checked fields, with errors that a writer of it can use.

Unknown keys and wrong values are refused with their dotted path; a change `a.b=c` replaces one field.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from uare.errors import ConfigError


class Form(BaseModel):
    """A section: nothing but its fields, and never changed after it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


AnyForm = TypeVar("AnyForm", bound=Form)


def read_form(form: type[AnyForm], path: Path, changes: Sequence[str] = ()) -> AnyForm:
    """A form filled in by a YAML file, with `a.b=value` changes.

    Raises ConfigError with the dotted path of what is wrong.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read the settings {path} ({error}); correct its path or text") from None
    if not isinstance(document, dict):
        raise ConfigError(
            f"{path} holds no settings; expected fields such as `{next(iter(form.model_fields))}: …`"
        )
    for change in changes:
        _set(document, change)
    try:
        return form.model_validate(document)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_explained(error, form)}") from None


def _set(document: dict[str, Any], change: str) -> None:
    place, sign, value = change.partition("=")
    if not sign:
        raise ConfigError(f"found --set {change}, expected key.key=value; add the value")
    *parents, name = place.split(".")
    section = document
    for parent in parents:
        section = section.setdefault(parent, {})
        if not isinstance(section, dict):
            raise ConfigError(f"--set {change}: {parent} is no section; correct the dotted path")
    try:
        section[name] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigError(f"--set {change}: the value is no YAML; quote it") from None


def _explained(error: ValidationError, form: type[Form]) -> str:
    """The first problem in one sentence, with the nearest known key for an unknown one."""
    problems = error.errors()
    # a mistyped key is also missing under its right name: the first says more
    problem = next((one for one in problems if one["type"] == "extra_forbidden"), problems[0])
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    if problem["type"] == "missing":
        return f"{place} is missing; add it"
    if problem["type"] != "extra_forbidden":
        return f"{place}: {problem['msg']}, found {problem['input']!r:.80}"
    known = sorted(_fields_at(problem["loc"][:-1], form))
    near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1, cutoff=0.0)
    return f"{place} is not a known key; the nearest known one is {near[0]}"


def _fields_at(place: tuple[int | str, ...], form: type[Form]) -> set[str]:
    """Names of the fields of the section at a place of the form."""
    section: Any = form
    for part in place:
        if isinstance(section, type) and issubclass(section, Form):
            section = section.model_fields[str(part)].annotation
            if isinstance(section, UnionType):  # `Form | None`
                section = _inner_form(section)
        else:  # a name in a mapping or a place in a list
            section = _inner_form(section)
    return set(section.model_fields)


def _inner_form(annotation: Any) -> type[Form]:
    """The form among the arguments of `dict[str, Form]`, `tuple[Form, ...]` or `Form | None`."""
    return next(a for a in annotation.__args__ if isinstance(a, type) and issubclass(a, Form))
