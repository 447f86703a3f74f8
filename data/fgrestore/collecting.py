"""Results in the folder of a set: every file at its place there, with its size and digest."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from data.fgrestore.results import Gathered, Result
from data.samples import Picture, Pixels
from uare.errors import InputError

KEPT_PICTURES = 64  # in memory: pairs of one content come one after the other


@dataclass(frozen=True, kw_only=True)
class Collected:
    """A result as it lies in the set; paths are relative to it."""

    result: Result
    image: str
    reference: str
    degraded: str
    sha256: str
    size: tuple[int, int]  # height, width


def collect(gathered: Gathered, output: Path) -> tuple[dict[str, Collected], list[str]]:
    """Image -> its row, all files in the folder of the set; a sentence for each unreadable picture."""
    rows: dict[str, Collected] = {}
    problems: list[str] = []
    for one in gathered.results:
        below = Path(one.origin) / one.task / one.content
        try:
            image = _in_set(one.path, output, Path("images") / below / f"{one.restorer}{one.path.suffix}")
            pixels = read_pixels(output / image)
            rows[image] = Collected(
                result=one,
                image=image,
                reference=_beside(one.reference, output, Path("references") / below),
                degraded=_beside(one.degraded, output, Path("inputs") / below),
                sha256=hashlib.sha256((output / image).read_bytes()).hexdigest(),
                size=(pixels.shape[0], pixels.shape[1]),
            )
        except (InputError, OSError) as error:
            problems.append(f"{one.path} cannot be used: {error}")
    return rows, problems


def _beside(path: Path | None, output: Path, place: Path) -> str:
    return "" if path is None else _in_set(path, output, place.with_name(place.name + path.suffix))


def _in_set(path: Path, output: Path, place: Path) -> str:
    """Copies a file to its place in the set, unless it is there with the same bytes; gives that place."""
    target = output / place
    if path.resolve() != target.resolve() and not (
        target.is_file() and target.read_bytes() == path.read_bytes()
    ):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return place.as_posix()


@lru_cache(maxsize=KEPT_PICTURES)
def read_pixels(path: Path) -> Pixels:
    """RGB pixels (H, W, 3) of a picture; InputError where it cannot be read."""
    return Picture(name=str(path), path=path).pixels()
