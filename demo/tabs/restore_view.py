"""The right side of the tab Restore: progress, before and after, verdict, candidates, files to take home."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from PIL import Image

from demo.desk import HIDDEN, Desk, as_error
from demo.pictures import shown, write_shown
from demo.restoring import (
    FORMATS,
    Candidate,
    Finished,
    Message,
    Previewed,
    Stepped,
    own_format,
    write_file,
    write_record,
)
from demo.words import notes, reasons_line, status, verdict_line
from uare.errors import UAREError

Updates = dict[Any, Any]
HINT = "Drop a photo to begin. It stays on this machine."
PREVIEW_PX = 768
SIDES = [("both", 50), ("photo", 100), ("result", 0)]  # where the slider stands, % from the left


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What is on the page, for what is asked about it later."""

    finished: Finished
    name: str  # of the photo's file
    folder: Path  # where the files of this outcome lie


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """The fields on the right side."""

    status: gr.HTML
    slider: gr.ImageSlider
    side: gr.Radio
    verdict: gr.HTML
    again: gr.Button
    format: gr.Radio
    download: gr.DownloadButton
    record: gr.DownloadButton
    gallery: gr.Gallery
    notes: gr.HTML
    outcome: gr.State  # Outcome | None

    @property
    def fields(self) -> list[Component]:
        return [getattr(self, field.name) for field in fields(self)]

    def emptied(self, warnings: tuple[str, ...] = (), sentence: str = HINT) -> Updates:
        """The side without a result."""
        return {
            self.status: status(sentence),
            self.slider: gr.ImageSlider(value=None, visible=False),
            **{field: type(field)(visible=False) for field in (self.side, self.again, self.format)},
            **{field: type(field)(visible=False) for field in (self.download, self.record, self.gallery)},
            self.verdict: "",
            self.notes: notes(warnings),
            self.outcome: None,
        }

    def progress(self, message: Message, folder: Path) -> Updates:
        """How far the work is; `Written` and `Finished` are not told here."""
        if isinstance(message, Stepped):
            place = f"{message.candidate + 1} of {message.num_candidates}, "
            which = place if message.num_candidates > 1 else ""
            sentence = f"Restoring: {which}step {message.done} of {message.total}"
            return {self.status: status(sentence, message.done, message.total)}
        if isinstance(message, Previewed):
            (folder / "progress").mkdir(exist_ok=True)
            pictures = (shown(pixels, largest_px=PREVIEW_PX) for pixels in (message.before, message.pixels))
            return {self.slider: gr.ImageSlider(value=_pair(folder / "progress", *pictures), visible=True)}
        return {self.status: gr.skip()}

    def result(self, desk: Desk, finished: Finished, name: str, folder: Path) -> Updates:
        """Everything about the chosen candidate."""
        shutil.rmtree(folder / "result", ignore_errors=True)  # of the restoration before
        place = folder / "result" / secrets.token_hex(6)  # new: browsers keep what they have seen
        place.mkdir(parents=True)
        outcome = Outcome(finished=finished, name=name, folder=place)
        restored = finished.best.restored
        verdict = verdict_line(
            restored.result.verdict, finished.before, finished.best.score, is_kept=finished.is_kept
        )
        candidates = [
            (str(_picture(place, one)), f"{'★ ' if one is finished.best else ''}{one.score:.2f}")
            for one in finished.candidates
        ]
        after = shown(restored.pixels, restored.photo.alpha if finished.options.upscale == 1 else None)
        before = shown(restored.photo.pixels, restored.photo.alpha).resize(after.size)
        return {
            self.status: status(f"Done in {sum(restored.result.timings.values()):.1f} s."),
            self.slider: gr.ImageSlider(value=_pair(place, before, after), visible=True, slider_position=50),
            self.side: gr.Radio(value=50, visible=True),
            self.verdict: verdict + reasons_line(finished.reasons),
            self.again: gr.Button(visible=True),
            self.gallery: gr.Gallery(value=candidates, visible=len(candidates) > 1),
            **self.files(desk, outcome, own_format(restored.photo)),
        }

    def files(self, desk: Desk, outcome: Outcome, format_name: str) -> Updates:
        """The result as a file of that format, and the record beside it."""
        restored = outcome.finished.best.restored
        file, lost = write_file(restored, format_name, outcome.folder, Path(outcome.name).stem)
        record = write_record(desk, outcome.finished, file, outcome.name)
        return {
            self.format: gr.Radio(value=format_name, visible=True),
            self.download: gr.DownloadButton(f"Download {file.name}", value=str(file), visible=True),
            self.record: gr.DownloadButton(value=str(record), visible=True),
            self.notes: notes((*restored.result.warnings, *lost)),
            self.outcome: outcome,
        }

    def connect(self, desk: Desk) -> None:
        """What can be asked about a result that is there."""

        def other_format(format_name: str, outcome: Outcome | None) -> Updates:
            if outcome is None:
                return {self.status: gr.skip()}
            try:
                return self.files(desk, outcome, format_name)
            except UAREError as error:
                raise as_error(error) from error

        def other_candidate(outcome: Outcome | None, event: gr.SelectData, request: gr.Request) -> Updates:
            if outcome is None:
                return {self.status: gr.skip()}
            finished = replace(outcome.finished, chosen=int(event.index))
            return self.result(desk, finished, outcome.name, desk.folder(request))

        self.side.input(
            lambda position: gr.ImageSlider(slider_position=position), self.side, self.slider,
            queue=False, **HIDDEN,
        )  # fmt: skip
        self.format.input(other_format, [self.format, self.outcome], self.fields, **HIDDEN)
        self.gallery.select(other_candidate, self.outcome, self.fields, **desk.queued, **HIDDEN)


def add_view() -> View:
    """Adds the fields to the page."""
    sentence = gr.HTML(status(HINT), elem_id="uare-status")
    slider = gr.ImageSlider(
        label="Before and after; the wheel zooms", type="filepath", interactive=False, visible=False,
        max_height=620, buttons=["fullscreen"], elem_id="uare-result",
    )  # fmt: skip
    side = gr.Radio(SIDES, value=50, label="Show", visible=False, container=False)
    verdict = gr.HTML(elem_id="uare-verdict")
    gallery = gr.Gallery(
        label="Candidates and their scores; choose another", visible=False, columns=4, height=160,
        allow_preview=False, interactive=False, buttons=[], elem_id="uare-candidates",
    )  # fmt: skip
    with gr.Row():
        again = gr.Button("Try another seed", visible=False, min_width=140, size="md")
        download = gr.DownloadButton(
            "Download", visible=False, variant="primary", size="md", elem_id="uare-download"
        )
    with gr.Row():
        format_ = gr.Radio(list(FORMATS), label="Save as", visible=False)
        record = gr.DownloadButton("What was done (JSON)", visible=False, size="sm")
    return View(
        status=sentence, slider=slider, side=side, verdict=verdict, again=again, format=format_,
        download=download, record=record, gallery=gallery, notes=gr.HTML(), outcome=gr.State(),
    )  # fmt: skip


def _pair(folder: Path, before: Image.Image, after: Image.Image) -> tuple[str, str]:
    return write_shown(folder, "before", before), write_shown(folder, "after", after)


def _picture(folder: Path, candidate: Candidate) -> str:
    return write_shown(folder, "candidate", shown(candidate.restored.pixels, largest_px=320))
