"""All sources of a set, with their kind checked."""

from __future__ import annotations

from typing import TypeVar

from data.samples import Source, Sources

Kind = TypeVar("Kind", bound=Source)


def all_of(sources: Sources, kind: type[Kind]) -> list[Kind]:
    """The sources in order; fails if one is of another kind."""
    found: list[Kind] = []
    for index in range(len(sources)):
        source = sources[index]
        assert isinstance(source, kind)
        found.append(source)
    return found
