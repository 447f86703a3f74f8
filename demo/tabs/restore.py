"""The tab Restore: a photo in, its analysis to read and change, the restored photo beside it.

`restore_controls.py` has what is set, `restore_view.py` how messages of the work look on the page.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from demo.desk import Desk, Say, Stopped, as_error, called
from demo.fields import mask_editor, photo_drop
from demo.pictures import PAINTED_PX, painted_mask, shown, write_photo, write_shown
from demo.restoring import Finished, Message, Written, analyse, restore
from demo.tabs.restore_controls import (
    Controls,
    add_advanced_controls,
    add_first_controls,
    add_keeps,
    chosen_options,
    preset_values,
)
from demo.tabs.restore_view import View, add_view
from demo.words import status
from uare.errors import UAREError

Updates = dict[Any, Any]
DROP = "Drop a photo here\n- or -\nclick to choose one"
IN_BROWSERS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP")  # formats that a browser shows
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
AT_ONCE: dict[str, Any] = {"queue": False, **QUIET}
READ_IT = "Read the analysis, change it if you like, then press Restore."
TO_RESULT = "() => { if (innerWidth < 768) document.querySelector('#uare-status').scrollIntoView(); }"


def add_restore_tab(desk: Desk) -> None:
    """Adds the tab to the page that is being built."""
    tab = RestoreTab(desk)
    with gr.Tab("Restore", id="restore"), gr.Row(equal_height=False):
        with gr.Column(scale=4, min_width=320):
            tab.add_inputs()
        with gr.Column(scale=6, min_width=320):
            tab.view = add_view()
    tab.connect()


class RestoreTab:
    """The fields of the tab, and what happens when they are used."""

    view: View
    controls: Controls

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def add_inputs(self) -> None:
        """The left column: photo, analysis, buttons, settings."""
        self.drop = photo_drop("Photo", height=280, elem_id="uare-photo", placeholder=DROP)
        self.file = gr.State()  # path of the photo as it was sent; the field may show another copy
        self.analysis = gr.Textbox(
            label="Analysis",
            info="What the model sees. Change it where you disagree: the restoration follows it.",
            lines=4, max_lines=12, interactive=True, elem_id="uare-analysis",
        )  # fmt: skip
        with gr.Row():
            self.go = gr.Button(
                "Restore", variant="primary", min_width=100, size="md", elem_id="uare-restore"
            )
            self.rewrite = gr.Button("Analyse again", min_width=100, size="md")
            self.stop = gr.Button("Stop", variant="stop", interactive=False, min_width=80, size="md")
        fields = add_first_controls()
        with gr.Accordion("Keep faces or text as they are", open=False) as self.painting:
            self.editor = mask_editor(
                "Paint over a part of the photo", height=360, elem_id="uare-mask",
                brush=gr.Brush(default_size=24, colors=["#ff00aa"], color_mode="fixed"),
            )  # fmt: skip
            fields |= add_keeps()
        with gr.Accordion("Advanced", open=False):
            fields |= add_advanced_controls(self.desk.pipe.model.config)
        self.controls = Controls(**fields)
        self.saved = gr.BrowserState({}, storage_key="uare-restore", secret="kept on this browser only")

    def connect(self) -> None:
        """Says what each field does."""
        desk, view = self.desk, self.view
        names = self.controls.by_name
        results = [*view.fields, self.analysis, self.go, self.stop]
        analysing: dict[str, Any] = {
            "fn": self.analyse,
            "inputs": [self.file, self.controls.wish, self.controls.upscale],
            "outputs": results,
            **desk.queued,
            **QUIET,
        }
        restoring: dict[str, Any] = {
            "fn": self.restore,
            "inputs": {self.file, self.analysis, self.editor, *names.values()},
            "outputs": results,
            **desk.queued,
            **QUIET,
        }
        idle: dict[str, Any] = {"fn": self.idle, "outputs": [self.go, self.stop], **AT_ONCE}
        line = [view.status, self.go, self.stop]
        waiting: dict[str, Any] = {"fn": self.waiting, "outputs": line, **AT_ONCE}

        taken = self.drop.upload(
            self.take, self.drop, [self.drop, self.file, self.editor, self.analysis, *view.fields], **QUIET
        )
        self.drop.clear(self.forget, None, [self.file, self.editor, self.analysis, *view.fields], **AT_ONCE)
        preset, wish, upscale = self.controls.preset, self.controls.wish, self.controls.upscale
        chosen = preset.input(preset_values, preset, [wish, upscale], **AT_ONCE)
        seeded = view.again.click(lambda: random.randrange(2**31), None, self.controls.seed, **AT_ONCE)
        works = [
            taken.success(**waiting).then(**analysing),
            self.rewrite.click(**waiting).then(**analysing),
            chosen.then(**(analysing | {"fn": self.analyse_if_any})),
            self.go.click(js=TO_RESULT, **waiting).then(**restoring),
            seeded.then(**waiting).then(**restoring),
        ]
        for work in works:
            work.then(**idle)
        # cancelled too, because work that still waits in line has not come to the desk yet
        self.stop.click(self.stopped, None, line, cancels=works, **AT_ONCE)
        view.connect(desk)
        self._connect_saving()

    def _connect_saving(self) -> None:
        """Settings and the last analysis outlive a reload, in the visitor's own browser."""
        names = {**self.controls.by_name, "analysis": self.analysis}

        def save(*values: Any) -> dict[str, Any]:
            return dict(zip(names, values, strict=True))

        def load(saved: dict[str, Any] | None) -> list[Any]:
            return [(saved or {}).get(name, gr.skip()) for name in names]

        changed = [field.change for name, field in names.items()]  # type: ignore[attr-defined]
        gr.on(
            changed, save, list(names.values()), self.saved,
            trigger_mode="always_last", **AT_ONCE,
        )  # fmt: skip
        page = gr.context.Context.root_block
        assert page is not None, "tabs are added inside gr.Blocks"
        page.load(load, self.saved, list(names.values()), **AT_ONCE)

    # What the buttons do

    def take(self, file: str | None, request: gr.Request) -> Updates:
        """Looks at a new photo before anything else happens with it."""
        try:
            photo = self.desk.photo(file, request)
        except UAREError as error:
            raise as_error(error) from error
        background = shown(photo.pixels, photo.alpha, PAINTED_PX)
        folder = self.desk.folder(request)
        is_shown = photo.format in IN_BROWSERS
        return {
            self.drop: gr.skip() if is_shown else write_photo(folder, "photo", photo),
            self.file: file,
            self.editor: {
                "background": write_shown(folder, "paint", background),
                "layers": [],
                "composite": None,
            },
            self.analysis: "",
            **self.view.emptied(photo.warnings),
        }

    def forget(self) -> Updates:
        return {self.file: None, self.editor: None, self.analysis: "", **self.view.emptied()}

    def waiting(self) -> tuple[str, gr.Button, gr.Button]:
        return status("Waiting for its turn ..."), gr.Button(interactive=False), gr.Button(interactive=True)

    def stopped(self, request: gr.Request) -> tuple[str, gr.Button, gr.Button]:
        self.desk.stop(request)
        return (status("Stopped."), *self.idle())

    def idle(self) -> tuple[gr.Button, gr.Button]:
        return gr.Button(interactive=True), gr.Button(interactive=False)

    def analyse_if_any(
        self, file: str | None, wish: str, upscale: int, request: gr.Request
    ) -> Iterator[Updates]:
        """A preset chosen before there is a photo is no mistake."""
        if file:
            yield from self.analyse(file, wish, upscale, request)
        else:
            yield {self.view.status: gr.skip()}

    def analyse(self, file: str | None, wish: str, upscale: int, request: gr.Request) -> Iterator[Updates]:
        """Writes the analysis into its field, word by word."""

        def work(say: Say[Message]) -> None:
            photo = self.desk.photo(file, request)
            analyse(self.desk, photo, (wish or "").strip() or None, upscale, say)

        yield from self._shown(work, request, begun="Analysing ...", ended=READ_IT)

    def restore(self, values: dict[Any, Any], request: gr.Request) -> Iterator[Updates]:
        """Restores the photo as the fields say."""
        file = values[self.file]
        named = {name: values[field] for name, field in self.controls.by_name.items()}
        layers = (values[self.editor] or {}).get("layers") or []
        text = (values[self.analysis] or "").strip() or None

        def work(say: Say[Message]) -> None:
            photo = self.desk.photo(file, request)
            mask = painted_mask(layers, photo.size, keeps=named["keeps"])
            restore(self.desk, photo, text, chosen_options(named, mask), say)

        name = called(Path(file)) if file else "photo"
        yield from self._shown(work, request, name, begun="Restoring ...")

    def _shown(
        self,
        work: Callable[[Say[Message]], None],
        request: gr.Request,
        name: str = "photo",
        *,
        begun: str,
        ended: str | None = None,
    ) -> Iterator[Updates]:
        """What the work says, as changes of the page."""
        view, folder = self.view, self.desk.folder(request)
        shutil.rmtree(folder / "progress", ignore_errors=True)  # of the work before
        yield {
            view.status: status(begun),
            self.go: gr.Button(interactive=False),
            self.stop: gr.Button(interactive=True),
        }
        try:
            for message in self.desk.run(work, request):
                if isinstance(message, Written):
                    yield {self.analysis: message.text}
                elif isinstance(message, Finished):
                    yield view.result(self.desk, message, name, folder)
                else:
                    yield view.progress(message, folder)
            if ended is not None:
                yield {view.status: status(ended)}
        except Stopped:
            yield {view.status: status("Stopped.")}
        except UAREError as error:
            yield {view.status: status("")}
            raise as_error(error) from error
