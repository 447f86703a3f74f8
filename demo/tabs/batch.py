"""The tab Batch: many photos or a zip; those below a level are restored, and the results come as a zip."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from demo.batch_report import batch_table, write_results
from demo.batching import Batch, Workplace, summary
from demo.desk import HIDDEN, Desk, Stopped, as_error
from demo.inbox import take_in
from demo.words import status
from demo.zoom import address_of
from uare.errors import UAREError
from uare.vocabulary import LEVELS

LEVEL = "good"  # as `uare triage` has it
LEVEL_NAMES = [level for level in LEVELS if level != "bad"]  # nothing is below bad
STOPPED = "Stopped; Start goes on from here."
Shown = tuple[Any, Any, Any]  # status, table, results


def add_batch_tab(desk: Desk) -> None:
    """Adds the tab to the page that is being built."""
    with gr.Tab("Batch", id="batch"):
        with gr.Row(equal_height=False):
            files = gr.File(
                label=f"Up to {desk.limits.max_files} photos, or a zip of them",
                file_count="multiple", height=180, scale=5, min_width=300, elem_id="uare-batch-files",
            )  # fmt: skip
            with gr.Column(scale=5, min_width=300):
                below = gr.Radio(
                    LEVEL_NAMES, value=LEVEL, label="Restore what is below", info="The others are left alone."
                )
                with gr.Row():
                    start = gr.Button("Start", variant="primary", min_width=100, elem_id="uare-batch")
                    stop = gr.Button("Stop", min_width=80, elem_id="uare-batch-stop")
        said = gr.HTML(elem_id="uare-batch-status")
        results = gr.DownloadButton("Download results", visible=False, elem_id="uare-batch-results")
        table = gr.HTML(elem_id="uare-batch-table")
    start.click(BatchTab(desk).batch, [files, below], [said, table, results], **desk.queued, **HIDDEN)
    stop.click(desk.stop, queue=False, **HIDDEN)


class BatchTab:
    """What the buttons of the tab do."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def batch(self, files: list[str] | None, below: str, request: gr.Request) -> Iterator[Shown]:
        """Shows how far the batch is, what became of each photo so far, and in the end the results."""
        try:
            yield status("Reading what was sent ..."), "", gr.DownloadButton(visible=False)
            place = Workplace(self.desk.folder(request))
            taken = take_in(self.desk, files, place.photos, request)
        except UAREError as error:
            yield "", "", gr.skip()
            raise as_error(error) from error
        batch = Batch(self.desk.pipe, self.desk.facts, place, taken, below)
        try:
            yield from self._working(batch, request)
            yield _finished(batch, "")
        except Stopped:
            if place.photos.exists():  # else the visitor left
                yield _finished(batch, STOPPED)
        except FileNotFoundError:
            if place.photos.exists():  # else the visitor left, and the small pictures went
                raise
        except UAREError as error:
            yield "", gr.skip(), gr.skip()
            raise as_error(error) from error

    def _working(self, batch: Batch, request: gr.Request) -> Iterator[Shown]:
        """How far it is; the table once more after each photo."""
        said, done = "", -1
        for progress in self.desk.run(batch.work, request):
            if progress.sentence == said:
                continue
            table = gr.skip() if progress.done == done else _table(batch)
            said, done = progress.sentence, progress.done
            yield status(said, done, progress.total), table, gr.skip()


def _finished(batch: Batch, first: str) -> Shown:
    """The end, also that of a batch that was stopped: with what is done."""
    rows = batch.rows()
    button = gr.DownloadButton(value=str(write_results(batch, rows)), visible=True)
    return status(f"{first} {summary(rows)}".strip()), _table(batch), button


def _table(batch: Batch) -> str:
    return batch_table(batch.rows(), lambda path: address_of(str(path)))
