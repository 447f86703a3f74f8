"""Degraded pictures to restore: photographed or rendered pairs of a list, or clean photos harmed here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from data.fgrestore.results import Gathered, Result, check_names
from data.samples import Picture, Pixels
from uare.errors import InputError
from uare.folders import IMAGE_SUFFIXES
from uare.vocabulary import DEGRADATIONS

LIST = "pairs.json"
MADE = "made"  # origin of what is restored here
SEVERITY = 3.0  # of harms that are made here: plain to see, and not beyond repair


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


def listed_pairs(folder: Path) -> tuple[list[Degraded], list[str]]:
    """The pairs that `folder/pairs.json` lists, its `type` as the task; a sentence for each unusable one.

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
                    task=task, content=content, pixels=_pixels(folder / lq), reference=_pixels(folder / gt)
                )
            )
        except (KeyError, TypeError) as error:
            problems.append(f"{path}, pair {number}: {error!r} is missing; expected type, name, lq and gt")
        except InputError as error:
            problems.append(f"{path}, pair {number}: {error}")
    return found, problems


def harmed_photos(
    folder: Path, tasks: Sequence[str], limit: int | None, seed: int
) -> tuple[list[Degraded], list[str]]:
    """Each photo of the folder harmed by each task's degradation, at `SEVERITY`; drawn by seed and names.

    tasks: ids of degradations. limit: the first so many photos by name. InputError for an unknown task.
    """
    import torch

    from data.degradations import degrade_with

    unknown = [task for task in tasks if task not in DEGRADATIONS]
    if unknown or not tasks:
        raise InputError(
            f"found the tasks {', '.join(tasks) or 'none'}, expected some of {', '.join(DEGRADATIONS)}"
        )
    photos = sorted(path for path in folder.glob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    found, problems = [], [] if photos else [f"{folder} holds no photos; name another folder"]
    for number, path in enumerate(photos[:limit]):
        try:
            clean = _pixels(path)
        except InputError as error:
            problems.append(str(error))
            continue
        image = torch.from_numpy(clean.copy()).permute(2, 0, 1)[None].float() / 255  # (1, 3, H, W)
        for place, task in enumerate(tasks):
            generator = torch.Generator().manual_seed(seed + 1000 * number + place)
            harmed, _ = degrade_with(image, [[task]], [[SEVERITY]], generator)
            pixels = (harmed[0].permute(1, 2, 0) * 255).round().byte().numpy()
            found.append(Degraded(task=task, content=path.stem, pixels=pixels, reference=clean))
    return found, problems


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


def _pixels(path: Path) -> Pixels:
    return Picture(name=str(path), path=path).pixels()


def _written(pixels: Pixels, path: Path) -> Path:
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.part")
        Image.fromarray(np.ascontiguousarray(pixels)).save(partial, format="PNG")
        partial.replace(path)
    return path
