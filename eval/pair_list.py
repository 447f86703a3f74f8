"""A folder of degraded/clean pairs: its `pairs.json`, read with care.

`pairs.json` holds a list `pairs` of objects with `type`, `name`, `lq`, `gt` (paths inside the folder) and
`real` (true: both were photographed), optionally `psnr_rgb_lq` (dB, what the input scores), and perhaps a
list `clean` of objects with `file`. Other fields are ignored. An entry that cannot be used becomes a sentence
in `problems`; the rest stays.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.metrics import Array, psnr
from eval.pictures import read_picture
from uare.errors import InputError

# Factors by which a reference may be larger than its input (super-resolution); UARE enlarges by no others.
ENLARGEMENTS = (1, 2, 4)
# Stated values are rounded to 3 decimals, and JPEG decoders differ by a little more than that.
STATED_PSNR_TOLERANCE_DB = 0.02


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One entry of the list: where its two pictures lie, and what the list says of them."""

    name: str
    type: str
    real: bool
    lq: Path
    gt: Path
    stated_psnr_db: float | None


@dataclass(frozen=True, kw_only=True)
class PairPictures:
    """The pictures of a pair: the reference has `scale` times the sides of the input."""

    lq: Array  # (H, W, 3) in [0, 1]
    gt: Array  # (scale*H, scale*W, 3)
    scale: int


@dataclass(frozen=True, kw_only=True)
class PairFolder:
    """What a folder offers: usable entries, clean photos, and a sentence for each other entry."""

    pairs: tuple[Pair, ...]
    clean: tuple[Path, ...]
    problems: tuple[str, ...]


def read_pair_folder(folder: Path, limit: int | None = None) -> PairFolder:
    """Reads `folder/pairs.json`; with `limit`, only the first that many pairs of each type and clean photos.

    Raises InputError if the folder holds no `pairs.json`, or that is not JSON with a list `pairs`.
    """
    content = _read_list(folder / "pairs.json")
    pairs: list[Pair] = []
    problems: list[str] = []
    seen: Counter[str] = Counter()
    for index, entry in enumerate(content["pairs"]):
        try:
            pair = _read_entry(entry, index, folder)
        except InputError as error:
            problems.append(str(error))
            continue
        seen[pair.name] += 1
        if seen[pair.name] > 1:
            problems.append(
                f"pair {index}: the name {pair.name!r} is taken already; give each pair its own name"
            )
        else:
            pairs.append(pair)
    clean, clean_problems = _read_clean(content.get("clean", []), folder)
    return PairFolder(
        pairs=tuple(_first_of_each_type(pairs, limit)),
        clean=tuple(clean[:limit]),
        problems=tuple(problems + clean_problems),
    )


def load_pair(pair: Pair) -> PairPictures:
    """Reads both pictures of a pair; InputError if one cannot be read or their sizes do not fit."""
    lq, gt = read_picture(pair.lq), read_picture(pair.gt)
    for scale in ENLARGEMENTS:
        if gt.shape[:2] == (lq.shape[0] * scale, lq.shape[1] * scale):
            return PairPictures(lq=lq, gt=gt, scale=scale)
    raise InputError(
        f"pair {pair.name}: the input is {_size(lq)} px and the reference {_size(gt)} px, expected equal "
        "sizes or a reference exactly 2 or 4 times as large; crop or resize one of them"
    )


def check_stated_psnr(pair: Pair, pictures: PairPictures) -> str | None:
    """A sentence if the input's PSNR is not what the list states (it is another file), else None."""
    if pair.stated_psnr_db is None or pictures.scale != 1:
        return None
    measured = psnr(pictures.lq, pictures.gt)
    if abs(measured - pair.stated_psnr_db) <= STATED_PSNR_TOLERANCE_DB:
        return None
    return (
        f"pair {pair.name}: the list states {pair.stated_psnr_db:.3f} dB for the input, measured "
        f"{measured:.3f} dB; check that these are the listed files"
    )


def _read_list(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"no file {path}; expected a folder with a pairs.json that lists its pairs")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error}); correct the file") from error
    if not isinstance(content, dict) or not isinstance(content.get("pairs"), list):
        raise InputError(f'{path} has no list under "pairs"; expected {{"pairs": [...]}}')
    return content


def _read_entry(entry: object, index: int, folder: Path) -> Pair:
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
    # The name becomes a file name under the output folder and must not lead out of it.
    if name in {".", ".."} or any(mark in name for mark in "/\\\0"):
        raise InputError(f"pair {index}: the name {name!r} is not a plain file name; rename the pair")
    stated = entry.get("psnr_rgb_lq")
    if isinstance(stated, bool) or not isinstance(stated, int | float | None):
        raise InputError(
            f'pair {name}: "psnr_rgb_lq" is {stated!r}, expected a number in dB; correct or drop it'
        )
    return Pair(
        name=name,
        type=entry["type"],
        real=entry["real"],
        lq=folder / entry["lq"],
        gt=folder / entry["gt"],
        stated_psnr_db=stated,
    )


def _read_clean(entries: object, folder: Path) -> tuple[list[Path], list[str]]:
    if not isinstance(entries, list):
        return [], [
            f'"clean" is {type(entries).__name__}, expected a list of objects with "file"; correct it'
        ]
    files: list[Path] = []
    problems: list[str] = []
    for index, entry in enumerate(entries):
        if isinstance(entry, dict) and isinstance(entry.get("file"), str) and entry["file"]:
            files.append(folder / entry["file"])
        else:
            problems.append(f'clean photo {index}: the text field "file" is missing; add it to the entry')
    return files, problems


def _first_of_each_type(pairs: Iterable[Pair], limit: int | None) -> Iterable[Pair]:
    counts: Counter[str] = Counter()
    for pair in pairs:
        counts[pair.type] += 1
        if limit is None or counts[pair.type] <= limit:
            yield pair


def _size(image: Array | np.ndarray) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
