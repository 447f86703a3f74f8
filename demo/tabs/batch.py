"""The tab Batch: many photos or a zip; those below a level are restored, and the results come as a zip."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import gradio as gr

from demo.batch_report import batch_table, write_results
from demo.batching import Batch, Workplace, summary
from demo.desk import Desk, Stopped, as_error
from demo.inbox import take_in
from demo.words import status
from demo.zoom import address_of
from uare.errors import UAREError
from uare.vocabulary import LEVELS

LEVEL = "good"  # as `uare triage` has it
LEVEL_NAMES = [level for level in LEVELS if level != "bad"]  # nothing is below bad
STOPPED = "Stopped. Press Start again to go on: what is done stays done."


def add_batch_tab(desk: Desk) -> None:
    """Adds the tab to the page that is being built."""
    with gr.Tab("Batch", id="batch"):
        gr.Markdown(
            f"Drop up to {desk.limits.max_files} photos, or a zip of them. Each gets a score; those below "
            "the level are restored, the others are left alone."
        )
        files = gr.File(label="Photos or a zip", file_count="multiple", elem_id="batch-files", height=180)
        below = gr.Radio(LEVEL_NAMES, value=LEVEL, label="Restore what is below", elem_id="batch-below")
        with gr.Row():
            start = gr.Button("Start", variant="primary", elem_id="batch-start")
            stop = gr.Button("Stop", elem_id="batch-stop")
        said = gr.HTML(elem_id="batch-said")
        results = gr.File(label="Results: photos and report", visible=False, elem_id="batch-results")
        table = gr.HTML(elem_id="batch-table")
        with gr.Accordion("As JSON", open=False):
            record = gr.JSON(label="Batch")
        start.click(
            BatchTab(desk).batch,
            [files, below],
            [said, table, results, record],
            api_name="batch",
            **desk.queued,
        )
        stop.click(desk.stop, queue=False, api_visibility="private")


class BatchTab:
    """What the buttons of the tab do."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def batch(self, files: list[str] | None, below: str, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Scores photos and restores those below a level; gives the report, and a zip of results."""
        try:
            yield status("Unpacking"), "", gr.update(visible=False), None
            place = Workplace(self.desk.folder(request))
            batch = Batch(
                self.desk.pipe,
                self.desk.facts,
                place,
                take_in(self.desk, files, place.photos, request),
                below,
            )
            yield from _working(self.desk, batch, request)
            yield _finished(batch, "")
        except Stopped:
            if place.photos.exists():  # else the visitor left
                yield _finished(batch, STOPPED)
        except UAREError as error:
            raise as_error(error) from error


def _working(desk: Desk, batch: Batch, request: gr.Request) -> Iterator[tuple[Any, ...]]:
    """How far it is; the table after each photo."""
    said, done = "", -1
    for progress in desk.run(batch.work, request):
        if progress.sentence == said:
            continue
        shown = gr.skip() if progress.done == done else _table(batch)
        said, done = progress.sentence, progress.done
        yield status(said, done, progress.total), shown, gr.skip(), gr.skip()


def _finished(batch: Batch, first: str) -> tuple[Any, ...]:
    """The end, also that of a batch that was stopped: with what is done."""
    rows = batch.rows()
    folder = batch.place.root / secrets.token_hex(6)
    folder.mkdir()
    file = write_results(rows, batch.facts, batch.below, folder / "uare-results.zip")
    record = {"below": batch.below, "photos": [row.to_dict() for row in rows]}
    sentence = f"{first} {summary(rows)}".strip()
    return status(sentence), _table(batch), gr.update(value=str(file), visible=True), record


def _table(batch: Batch) -> str:
    return batch_table(batch.rows(), lambda path: address_of(str(path)))
