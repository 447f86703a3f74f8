"""The work behind the tab Restore: analyse, restore in one or more ways, choose, say why. No page here."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from demo.desk import Desk, Say
from uare.batch.loop import Json
from uare.candidates import candidates
from uare.documents import heading, write_document
from uare.images import Photo
from uare.options import RestoreOptions
from uare.pipeline import Restored
from uare.records import restoration_record
from uare.saving import FileFormat, format_of, photo_bytes

PREVIEW_EVERY_S = 0.3
FORMATS: dict[str, FileFormat] = {
    "PNG": format_of(Path("any.png")),
    "JPEG": format_of(Path("any.jpg")),
    "WebP": format_of(Path("any.webp")),
}


@dataclass(frozen=True, kw_only=True)
class Written:
    """The analysis so far."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Stepped:
    """Steps done of this candidate, and which candidate of how many it is."""

    done: int
    total: int
    candidate: int
    num_candidates: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Previewed:
    """The photo (3, H, W) so far, and as it was (3, h, w), which may be smaller."""

    pixels: Tensor
    before: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """One restoration and its score in [1, 5]."""

    restored: Restored
    score: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Finished:
    """All candidates; the chosen one is the judge's choice."""

    before: float  # the photo's score
    candidates: tuple[Candidate, ...]
    chosen: int
    reasons: str | None  # why it and not the next best, in the judge's words; None for a single one
    options: RestoreOptions

    @property
    def best(self) -> Candidate:
        return self.candidates[self.chosen]

    @property
    def is_kept(self) -> bool:
        """Whether the photo itself is the result, because its restoration was judged worse."""
        verdict = self.best.restored.result.verdict
        return verdict is not None and verdict.outcome == "worse" and not self.options.keep_worse


Message = Written | Stepped | Previewed | Finished


def analyse(desk: Desk, photo: Photo, instruction: str | None, upscale: int, say: Say[Message]) -> None:
    """Writes the analysis of a photo, word by word."""
    desk.pipe.analyse(
        photo, instruction=instruction, upscale=upscale, on_text=lambda text: say(Written(text=text))
    )


def restore(
    desk: Desk, photo: Photo, analysis: str | None, options: RestoreOptions, say: Say[Message]
) -> None:
    """Restores a photo in `options.best_of` ways, guided by `analysis` where it is given."""
    height, width = photo.size
    desk.check_size(height * options.upscale, width * options.upscale, "the result")
    before = desk.pipe.score(photo)
    made: list[Candidate] = []
    for place, way in enumerate(candidates(options)):
        one = replace(way, best_of=1)
        hooks = _hooks(say, photo, place, options.best_of)
        given: dict[str, Any] = {"analysis": analysis} if one.analyse else {}
        restored = desk.pipe.restore_photo(photo, **hooks, **given, **vars(one))
        if analysis is None and restored.result.analysis is not None:
            analysis = restored.result.analysis.text  # written once, for all candidates
        say()
        made.append(Candidate(restored=restored, score=desk.pipe.score(restored.pixels)))
        say()
    chosen, reasons = 0, None
    if len(made) > 1:
        points = desk.pipe.points([one.restored.pixels for one in made])
        chosen, second = sorted(range(len(made)), key=lambda place: -points[place])[:2]
        reasons = desk.pipe.compare(made[chosen].restored.pixels, made[second].restored.pixels).text
    say(Finished(before=before, candidates=tuple(made), chosen=chosen, reasons=reasons, options=options))


def _hooks(say: Say[Message], photo: Photo, place: int, num_candidates: int) -> dict[str, Any]:
    """What the pipeline reports to while it makes a candidate: arguments of `restore_photo`."""
    shown_at = 0.0

    def step(done: int, total: int) -> None:
        say(Stepped(done=done, total=total, candidate=place, num_candidates=num_candidates))

    def preview(pixels: Tensor) -> None:
        nonlocal shown_at
        if time.monotonic() - shown_at >= PREVIEW_EVERY_S:
            shown_at = time.monotonic()
            say(Previewed(pixels=pixels.clone(), before=photo.pixels))

    return {"on_text": lambda text: say(Written(text=text)), "on_step": step, "on_preview": preview}


def own_format(photo: Photo) -> str:
    """The name in FORMATS of the photo's own format, PNG for any other."""
    return {"JPEG": "JPEG", "WEBP": "WebP", "HEIF": "JPEG"}.get(photo.format or "", "PNG")


def write_file(restored: Restored, name: str, folder: Path, stem: str) -> tuple[Path, tuple[str, ...]]:
    """Writes the restored photo in a format of FORMATS; returns the file and what was lost in words."""
    file_format = FORMATS[name]
    content, lost = photo_bytes(restored.photo, restored.pixels, file_format)
    path = folder / f"{stem}_restored{file_format.suffixes[0]}"
    path.write_bytes(content)
    return path, lost


def record(desk: Desk, finished: Finished, file_name: str, photo_name: str) -> Json:
    """The document that the command writes beside a result."""
    restored = finished.best.restored
    options = replace(finished.options, seed=restored.result.seed)
    mask_name = None if options.mask is None else "painted"
    return {
        **heading("restoration", desk.facts),
        **restoration_record(desk.pipe, restored, options, photo_name, mask_name),
        "output": file_name,
        "sidecar": f"{Path(file_name).stem}.json",
    }


def write_record(desk: Desk, finished: Finished, file: Path, photo_name: str) -> Path:
    """Writes that document beside the file of the result."""
    sidecar = file.with_suffix(".json")
    write_document(sidecar, record(desk, finished, file.name, photo_name))
    return sidecar
