"""The tab Compare: which of two photos is better and why, and several photos in order, best first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from demo.desk import HIDDEN, Desk, Say, Stopped, as_error, called
from demo.fields import photo_drop
from demo.page_screen import Progress
from demo.pictures import shown, write_shown
from demo.ranking import Ranked, rank
from demo.verdicts import ranking_table, verdict_card
from demo.words import notes, status
from demo.zoom import pair_of, zoom_together
from uare.errors import InputError, UAREError
from uare.results import Comparison

COMPARED_PX = 4096  # longest side of the pictures that are looked at closely
STOPPED = status("Stopped.")


def add_compare_tab(desk: Desk) -> None:
    """Adds the tab to the page that is being built."""
    tab = CompareTab(desk)
    with gr.Tab("Compare", id="compare"):
        with gr.Row(equal_height=True):
            first = photo_drop("A", height=220, elem_id="uare-a")
            second = photo_drop("B", height=220, elem_id="uare-b")
        with gr.Row():
            start = gr.Button("Compare", variant="primary", elem_id="uare-compare")
            stop = gr.Button("Stop", elem_id="uare-compare-stop")
        said = gr.HTML(elem_id="uare-compared")
        pair = zoom_together("uare-pair")
        gr.Markdown("## Several photos in order")
        files = gr.File(
            label="Photos, or a zip of them", file_count="multiple", height=160, elem_id="uare-many"
        )
        with gr.Row():
            start_rank = gr.Button("Rank", variant="primary", elem_id="uare-rank")
            stop_rank = gr.Button("Stop", elem_id="uare-rank-stop")
        table = gr.HTML(elem_id="uare-ranked")
    start.click(tab.compare, [first, second], [said, pair], **desk.queued, **HIDDEN)
    start_rank.click(tab.rank, files, table, **desk.queued, **HIDDEN)
    for button in (stop, stop_rank):
        button.click(desk.stop, queue=False, **HIDDEN)


class CompareTab:
    """What the buttons of the tab do."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def compare(self, a: str | None, b: str | None, request: gr.Request) -> Iterator[tuple[Any, Any]]:
        """Shows both photos at once, and the verdict when there is one."""
        try:
            if not a or not b:
                raise InputError("two photos are needed; drop one on A and one on B")
            photos = self.desk.photo(a, request), self.desk.photo(b, request)
            folder = self.desk.folder(request)
            pictures = [
                write_shown(folder, "compared", shown(photo.pixels, photo.alpha, COMPARED_PX))
                for photo in photos
            ]
            captions = f"A: {called(Path(a))}", f"B: {called(Path(b))}"
            yield status("Comparing ..."), pair_of((pictures[0], pictures[1]), captions)

            def work(say: Say[Comparison]) -> None:
                say(self.desk.pipe.compare(*photos))

            for comparison in self.desk.run(work, request):
                of_files = [warning for photo in photos for warning in photo.warnings]
                yield verdict_card(comparison, [*of_files, *comparison.warnings]), gr.skip()
        except Stopped:
            yield STOPPED, gr.skip()
        except UAREError as error:
            yield "", gr.skip()
            raise as_error(error) from error

    def rank(self, files: list[str] | None, request: gr.Request) -> Iterator[str]:
        """Says how far the comparisons are, and then the order."""

        def work(say: Say[Progress | Ranked]) -> None:
            rank(self.desk, files or [], request, say)

        try:
            for message in self.desk.run(work, request):
                if isinstance(message, Progress):
                    yield status(message.sentence, message.done, message.total)
                else:
                    yield ranking_table(message.places) + notes((*message.problems, *message.notes))
        except Stopped:
            yield STOPPED
        except UAREError as error:
            yield ""
            raise as_error(error) from error
