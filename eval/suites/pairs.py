"""The folder form: a `pairs.json` with degraded/clean pairs, in the data root or in folders right below it.

`pairs.json` holds a list `pairs` of objects with `type`, `name`, `lq`, `gt` (paths inside the folder) and
`real` (true: both were photographed), and perhaps `psnr_rgb_lq`, what the input scores in dB. Other fields
are ignored. An entry that cannot be used becomes a sentence; the rest stays.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eval.suites.suite import Candidate, Found, Request, lists_named
from uare.errors import InputError

LIST = "pairs.json"
REAL, RENDERED = "photographed", "rendered"  # the tag of each item


def find_pairs(request: Request) -> Found:
    """The pairs of all lists, by type and then in the order of the lists."""
    candidates: list[Candidate] = []
    problems: list[str] = []
    for path in lists_named(LIST, request.data_root):
        try:
            entries = read_list(path)["pairs"]
        except InputError as error:
            problems.append(str(error))
            continue
        for index, entry in enumerate(entries):
            try:
                candidates.append(_read_entry(entry, index, path.parent))
            except InputError as error:
                problems.append(f"{path}: {error}")
    return Found(candidates=tuple(candidates), problems=tuple(problems))


def read_list(path: Path) -> dict[str, Any]:
    """The content of a `pairs.json`; InputError if it is not JSON with a list `pairs`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}); correct the file") from error
    if not isinstance(content, dict) or not isinstance(content.get("pairs"), list):
        raise InputError(f'{path} has no list under "pairs"; expected {{"pairs": [...]}}')
    return content


def _read_entry(entry: object, index: int, folder: Path) -> Candidate:
    if not isinstance(entry, dict):
        raise InputError(
            f"pair {index}: found {entry!r}, expected an object with type, name, lq, gt and real"
        )
    for field in ("type", "name", "lq", "gt"):
        if not isinstance(entry.get(field), str) or not entry[field]:
            raise InputError(
                f'pair {index}: the text field "{field}" is missing or empty; add it to the entry'
            )
    name = entry["name"]
    if not isinstance(entry.get("real"), bool):
        raise InputError(f'pair {name}: "real" is {entry.get("real")!r}, expected true or false; add it')
    stated = entry.get("psnr_rgb_lq")
    if isinstance(stated, bool) or not isinstance(stated, int | float | None):
        raise InputError(
            f'pair {name}: "psnr_rgb_lq" is {stated!r}, expected a number in dB; correct or drop it'
        )
    return Candidate(
        id=name,
        group=entry["type"],
        lq=folder / entry["lq"],
        gt=folder / entry["gt"],
        tags=(REAL if entry["real"] else RENDERED,),
        stated_psnr_db=stated,
    )
