"""A visitor's batch: `uare.batch.triaging` on what was sent, what became of each photo, and the results.

Results and the ledger of the triage stay in the visitor's folder, so that a batch that was stopped, or sent
again with more photos, goes on where it was.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from demo.desk import Say
from demo.inbox import Sent, Taken
from demo.page_screen import PageScreen, Progress
from demo.pictures import shown
from uare.batch.jobs import Placement
from uare.batch.ledger import Ledger
from uare.batch.loop import Json
from uare.batch.triaging import LEDGER, Criteria, in_this_process, triage_all
from uare.images import load_photo
from uare.options import RestoreOptions
from uare.pipeline import UAREPipeline
from uare.vocabulary import LEVELS

THUMBNAIL_PX = 200
RESTORED, KEPT, LEFT, FAILED, WAITING = "restored", "kept", "left", "failed", "waiting"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What became of one photo."""

    name: str  # as it was sent; empty for a file that was refused, which `problem` names
    action: str  # RESTORED, KEPT (the restoration was judged worse), LEFT (good enough), FAILED or WAITING
    score: float | None = None
    level: str = ""
    after: float | None = None  # score of the restored photo
    result: Path | None = None
    before_shown: Path | None = None  # small pictures
    after_shown: Path | None = None
    problem: str = ""

    def to_dict(self) -> Json:
        """For programs; pictures are left out."""
        return {
            "name": self.name,
            "action": self.action,
            "score": self.score,
            "level": self.level or None,
            "after": self.after,
            "problem": self.problem or None,
        }


class Workplace:
    """The folder of one visitor's batches."""

    def __init__(self, visitor: Path) -> None:
        self.visitor = visitor
        self.root = visitor / "batch"
        self.photos, self.results, self.small = (self.root / name for name in ("photos", "results", "small"))
        for folder in (self.photos, self.results, self.small):
            folder.mkdir(parents=True, exist_ok=True)


class Batch:
    """One call: these photos, restored where they are below a level."""

    def __init__(self, pipe: UAREPipeline, facts: Json, place: Workplace, taken: Taken, below: str) -> None:
        self.pipe, self.facts, self.place, self.taken, self.below = pipe, facts, place, taken, below

    def work(self, say: Say[Progress]) -> None:
        """Does what is not done yet; stops at the next step or token where nobody wants more."""
        sources = [photo.path for photo in self.taken.photos]
        try:
            triage_all(
                sources,
                Placement(output=self.place.results),
                Criteria(below=self.below, options=RestoreOptions()),
                in_this_process(lambda: (self.pipe, self.facts)),
                PageScreen(say, self.taken.named),
            )
            say()
        finally:
            if not self.place.photos.exists():  # the visitor left: what was written since goes too
                shutil.rmtree(self.place.visitor, ignore_errors=True)

    def rows(self) -> list[Row]:
        """All photos in the order in which they were sent, then the files that were refused."""
        ledger = Ledger(self.place.results / LEDGER)
        rows = [self._row(photo, ledger.about(photo.path)) for photo in self.taken.photos]
        return [*rows, *(Row(name="", action=FAILED, problem=one) for one in self.taken.problems)]

    def _row(self, photo: Sent, record: Json | None) -> Row:
        if record is None or not self._is_of_this_call(record):
            return Row(name=photo.name, action=WAITING)
        if record["action"] == FAILED:
            return Row(name=photo.name, action=FAILED, problem=self.taken.named(record["error"]))
        result = None if record["output"] is None else Path(record["output"])
        restored = record["action"] == RESTORED
        return Row(
            name=photo.name,
            action=record["action"],
            score=record["score"],
            level=record["level"],
            after=_score_after(photo.path, self.place.results) if restored else None,
            result=result if restored else None,
            before_shown=self._small(photo.path, "before"),
            after_shown=self._small(result, "after") if restored and result else None,
        )

    def _is_of_this_call(self, record: Json) -> bool:
        """Whether a photo that an earlier call left alone is left alone at this level too."""
        return record["action"] != LEFT or LEVELS[record["level"]] >= LEVELS[self.below]

    def _small(self, path: Path, name: str) -> Path:
        """A small picture of a photo; made once."""
        small = self.place.small / f"{path.stem}-{name}.jpg"
        if not small.exists():
            photo = load_photo(path)
            picture = shown(photo.pixels, photo.alpha, THUMBNAIL_PX)
            on_grey = Image.new("RGB", picture.size, "#808080")
            on_grey.paste(picture, mask=picture.getchannel("A") if picture.mode == "RGBA" else None)
            on_grey.save(small, quality=85)
        return small


def _score_after(photo: Path, results: Path) -> float | None:
    """What the record beside a result says of it."""
    record = json.loads((results / f"{photo.stem}.json").read_text(encoding="utf-8"))
    return float(record["after"]["score"])


def summary(rows: Sequence[Row]) -> str:
    """How many photos became what, in words."""
    words = {
        RESTORED: "restored",
        LEFT: "good enough and left alone",
        KEPT: "kept as they were, because the restoration was judged worse",
        FAILED: "failed",
        WAITING: "not done yet",
    }
    counts = {action: sum(row.action == action for row in rows) for action in words}
    return ", ".join(f"{counts[action]} {text}" for action, text in words.items() if counts[action]) + "."
