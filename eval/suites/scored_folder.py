"""The folder form of scored pictures: a `scores.json`, in the data root or in folders right below it.

`scores.json` holds a list `images` of objects with `file`; those with a `score` are used, higher is better.
`scale` is a text that holds the range of scores as `0..100`; scores are brought to 1..5 by it, and without it
they have to lie there. `dataset` names the group, `reference` may name a clean picture.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from data.readers.scales import Scale
from eval.suites.suite import Candidate, Found, Request, lists_named
from uare.errors import InputError

LIST = "scores.json"
RANGE = re.compile(r"(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)")
OWN_SCALE = Scale(1, 5)


def find_scored_folder(request: Request) -> Found:
    """The scored pictures of all lists."""
    candidates: list[Candidate] = []
    problems: list[str] = []
    for path in lists_named(LIST, request.data_root):
        for index, entry in enumerate(_read(path)):
            try:
                candidate = _candidate(entry, path.parent)
            except InputError as error:
                problems.append(f"{path}, picture {index}: {error}")
                continue
            if candidate is not None:
                candidates.append(candidate)
    return Found(candidates=tuple(candidates), problems=tuple(problems))


def _read(path: Path) -> list[object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}); correct the file") from error
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise InputError(f'{path} has no list under "images"; expected {{"images": [...]}}')
    return list(content["images"])


def _candidate(entry: object, folder: Path) -> Candidate | None:
    """The candidate of an entry; None for one without a score, such as a reference."""
    if not isinstance(entry, dict) or not isinstance(entry.get("file"), str):
        raise InputError(f'found {entry!r}, expected an object with the text "file"')
    score = entry.get("score")
    if score is None:
        return None
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise InputError(f'"score" of {entry["file"]} is {score!r}, expected a number')
    path = folder / entry["file"]
    scale = _scale(entry.get("scale"))
    reference = entry.get("reference")
    return Candidate(
        id=path.stem,
        group=str(entry.get("dataset") or "all"),
        lq=path,
        gt=folder / reference if isinstance(reference, str) else None,
        mos=scale.mos(float(score), entry["file"]),
    )


def _scale(text: object) -> Scale:
    """The range that a text holds, such as `MOS, 0..100`; 1..5 where there is none."""
    found = RANGE.search(text) if isinstance(text, str) else None
    return Scale(float(found[1]), float(found[2])) if found else OWN_SCALE
