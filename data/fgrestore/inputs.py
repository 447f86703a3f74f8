"""Degraded pictures to restore: photographed or rendered pairs of a list, or clean photos harmed here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from data.fgrestore.results import Gathered, Result, check_names
from data.photos import clear_names, random_crop
from data.samples import Picture, Pixels
from uare.errors import InputError
from uare.folders import IMAGE_SUFFIXES
from uare.vocabulary import DEGRADATIONS

LIST = "pairs.json"
MADE = "made"  # origin of what is restored here
MANIFEST = "photos.json"  # of training photos: only those that it marks as clear are used
LEAST_CROP_PX = 64
LEAST_SCALE = 0.5  # a crop is reduced by this to 1, so that the marks of a photo's own compression vanish


@dataclass(frozen=True, kw_only=True)
class Harm:
    """How clean photos are harmed; drawn by the seed and the photo's number."""

    tasks: tuple[str, ...]  # ids of degradations
    per_photo: int | None = None  # so many of the tasks, drawn; None: all of them
    severities: tuple[float, float] = (3.0, 3.0)  # drawn between these: plain to see, not beyond repair
    crop_px: int | None = None  # side of the square that is cut out; None: the whole photo
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = [task for task in self.tasks if task not in DEGRADATIONS]
        if unknown or not self.tasks:
            named = ", ".join(self.tasks) or "none"
            raise InputError(f"found the tasks {named}, expected some of {', '.join(DEGRADATIONS)}")
        low, high = self.severities
        if not 1 <= low <= high <= 5:
            raise InputError(f"found the severities {low:g} to {high:g}, expected two numbers from 1 to 5")
        if self.per_photo is not None and not 1 <= self.per_photo <= len(self.tasks):
            raise InputError(f"found {self.per_photo} tasks a photo, expected 1 to {len(self.tasks)}")
        if self.crop_px is not None and self.crop_px < LEAST_CROP_PX:
            raise InputError(f"found crops of {self.crop_px} px, expected at least {LEAST_CROP_PX}")


@dataclass(frozen=True, kw_only=True)
class Degraded:
    """A picture that restorers get, (H, W, 3), and what it was, where that is known."""

    task: str
    content: str
    pixels: Pixels
    reference: Pixels | None


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The pictures to restore, written as PNG so that all restorers get the same pixels."""

    folder: Path
    paths: dict[tuple[str, str], Path]  # (task, content) -> below `folder`
    references: dict[tuple[str, str], Path]
    problems: tuple[str, ...]

    def result(self, task: str, content: str, restorer: str, path: Path, made_by: str) -> Result:
        """What a restorer made of the picture of this task and content."""
        return Result(
            task=task,
            content=content,
            restorer=restorer,
            path=path,
            origin=MADE,
            reference=self.references.get((task, content)),
            degraded=self.paths[task, content],
            made_by=made_by,
        )


def listed_pairs(folder: Path, crop_px: int | None = None) -> tuple[list[Degraded], list[str]]:
    """The pairs that `folder/pairs.json` lists, its `type` as the task; a sentence for each unusable one.

    crop_px: side of the square that is cut out of the middle of both; None: all of them.
    Raises InputError if there is no such list.
    """
    path = folder / LIST
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["pairs"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f'{path} is no list of pairs ({error!r}); expected {{"pairs": [{{"type", "name", "lq", "gt"}}]}}'
        ) from error
    found, problems = [], []
    for number, entry in enumerate(entries):
        try:
            task, content, lq, gt = (str(entry[name]) for name in ("type", "name", "lq", "gt"))
            found.append(
                Degraded(
                    task=task,
                    content=content,
                    pixels=middle(_pixels(folder / lq), crop_px),
                    reference=middle(_pixels(folder / gt), crop_px),
                )
            )
        except (KeyError, TypeError) as error:
            problems.append(f"{path}, pair {number}: {error!r} is missing; expected type, name, lq and gt")
        except InputError as error:
            problems.append(f"{path}, pair {number}: {error}")
    return found, problems


def harmed_photos(folder: Path, harm: Harm, limit: int | None) -> tuple[list[Degraded], list[str]]:
    """Photos of the folder, each harmed by its tasks; a sentence for each that cannot be used.

    limit: the first so many photos by name. A folder with a `photos.json` gives those that are marked clear.
    """
    photos = _clean_photos(folder)
    problems = [] if photos else [f"{folder} holds no photos; name another folder"]
    found = []
    for number, path in enumerate(photos[:limit]):
        rng = np.random.default_rng((harm.seed, number))
        try:
            clean = _cut(_pixels(path), harm, rng, path)
        except InputError as error:
            problems.append(str(error))
            continue
        tasks = harm.tasks
        if harm.per_photo is not None:
            tasks = tuple(harm.tasks[place] for place in rng.permutation(len(tasks))[: harm.per_photo])
        for task in tasks:
            severity = float(rng.uniform(*harm.severities))
            pixels = _harmed(clean, task, severity, harm.seed + 1000 * number + harm.tasks.index(task))
            found.append(Degraded(task=task, content=path.stem, pixels=pixels, reference=clean))
    return found, problems


def _clean_photos(folder: Path) -> list[Path]:
    if (folder / MANIFEST).is_file():
        return sorted(folder / name for name in clear_names(folder))
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in IMAGE_SUFFIXES)


def _cut(pixels: Pixels, harm: Harm, rng: np.random.Generator, path: Path) -> Pixels:
    if harm.crop_px is None:
        return pixels
    if min(pixels.shape[:2]) < harm.crop_px:
        raise InputError(f"{path} is smaller than the crops of {harm.crop_px} px; take it out")
    return random_crop(pixels, harm.crop_px, LEAST_SCALE, rng)


def _harmed(clean: Pixels, task: str, severity: float, seed: int) -> Pixels:
    import torch

    from data.degradations import degrade_with

    image = torch.from_numpy(clean.copy()).permute(2, 0, 1)[None].float() / 255  # (1, 3, H, W)
    harmed, _ = degrade_with(image, [[task]], [[severity]], torch.Generator().manual_seed(seed))
    return np.asarray((harmed[0].permute(1, 2, 0) * 255).round().byte().numpy())


def write_inputs(found: Sequence[Degraded], problems: Sequence[str], output: Path) -> Inputs:
    """Writes `inputs/made/task/content.png` and `references/made/...`; what is there stays as it is."""
    paths: dict[tuple[str, str], Path] = {}
    references: dict[tuple[str, str], Path] = {}
    told = list(problems)
    for one in found:
        key, name = (one.task, one.content), f"{one.task}/{one.content}.png"
        try:
            check_names(f"a picture for {one.task}", *key)
        except InputError as error:
            told.append(str(error))
            continue
        if key in paths:
            told.append(f"{one.task}, {one.content} is given twice; the first is used")
            continue
        paths[key] = _written(one.pixels, output / "inputs" / MADE / name)
        if one.reference is not None:
            references[key] = _written(one.reference, output / "references" / MADE / name)
    return Inputs(folder=output / "inputs" / MADE, paths=paths, references=references, problems=tuple(told))


def merged(parts: Sequence[Gathered]) -> Gathered:
    """Several gatherings as one."""
    return Gathered(
        results=tuple(one for part in parts for one in part.results),
        problems=tuple(one for part in parts for one in part.problems),
    )


def middle(pixels: Pixels, crop_px: int | None) -> Pixels:
    """The middle of a picture (H, W, 3), where it is larger than `crop_px`."""
    if crop_px is None:
        return pixels
    top, left = (max(0, side - crop_px) // 2 for side in pixels.shape[:2])
    return pixels[top : top + crop_px, left : left + crop_px]


def _pixels(path: Path) -> Pixels:
    return Picture(name=str(path), path=path).pixels()


def _written(pixels: Pixels, path: Path) -> Path:
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.part")
        Image.fromarray(np.ascontiguousarray(pixels)).save(partial, format="PNG")
        partial.replace(path)
    return path
