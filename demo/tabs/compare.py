"""The tab Compare: which of two photos is better and why, and several photos in order, best first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gradio as gr

from demo.desk import Desk, Say, Stopped, as_error, called
from demo.inbox import passing_folder, take_in
from demo.page_screen import PageScreen, Progress
from demo.photo_drop import photo_drop
from demo.pictures import shown, write_shown
from demo.verdicts import ranking_table, verdict_card
from demo.words import notes, status
from demo.zoom import pair_of, zoom_together
from uare.batch.loop import Json, Outcome
from uare.batch.ranking import rank_files
from uare.errors import InputError, UAREError
from uare.images import Photo
from uare.results import Comparison

COMPARED_PX = 4096  # longest side of the pictures that are looked at closely
STOPPED = "Stopped."


def add_compare_tab(desk: Desk) -> None:
    """Adds the tab to the page that is being built."""
    tab = CompareTab(desk)
    with gr.Tab("Compare", id="compare"):
        with gr.Row(equal_height=True):
            first = photo_drop("A", height=220, elem_id="compare-a")
            second = photo_drop("B", height=220, elem_id="compare-b")
        with gr.Row():
            start = gr.Button("Compare", variant="primary", elem_id="compare-start")
            stop = gr.Button("Stop", elem_id="compare-stop")
        said = gr.HTML(elem_id="compare-said")
        pair = zoom_together("compare-pair")
        with gr.Accordion("As JSON", open=False):
            record = gr.JSON(label="Comparison")
        start.click(tab.compare, [first, second], [said, pair, record], api_name="compare", **desk.queued)
        stop.click(desk.stop, queue=False, api_visibility="private")
        gr.Markdown("## Several photos in order")
        files = gr.File(label="Photos", file_count="multiple", elem_id="rank-files", height=160)
        with gr.Row():
            start_rank = gr.Button("Rank", variant="primary", elem_id="rank-start")
            stop_rank = gr.Button("Stop", elem_id="rank-stop")
        table = gr.HTML(elem_id="rank-said")
        with gr.Accordion("As JSON", open=False):
            places = gr.JSON(label="Ranking")
        start_rank.click(tab.rank, files, [table, places], api_name="rank", **desk.queued)
        stop_rank.click(desk.stop, queue=False, api_visibility="private")


class CompareTab:
    """What the buttons of the tab do."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def compare(
        self, a: str | None, b: str | None, request: gr.Request
    ) -> Iterator[tuple[str, object, object]]:
        """Says which of two photos is better, how surely, and why."""
        try:
            if not a or not b:
                raise InputError("two photos are needed; drop one on A and one on B")
            photos = self.desk.photo(a, request), self.desk.photo(b, request)
            names = called(self.desk.upload(a, request)), called(self.desk.upload(b, request))
            folder = self.desk.folder(request)
            pictures = [_write_shown(folder, photo) for photo in photos]
            captions = f"A: {names[0]}", f"B: {names[1]}"
            yield status("Looking at both"), pair_of((pictures[0], pictures[1]), captions), None

            def work(say: Say[Comparison]) -> None:
                say(self.desk.pipe.compare(*photos))

            for comparison in self.desk.run(work, request):
                found: Json = {"a": names[0], "b": names[1], **comparison.to_dict()}
                warnings = [
                    *(warning for photo in photos for warning in photo.warnings),
                    *comparison.warnings,
                ]
                yield verdict_card(comparison, warnings), gr.skip(), found
        except Stopped:
            yield status(STOPPED), gr.skip(), None
        except UAREError as error:
            raise as_error(error) from error

    def rank(self, files: list[str] | None, request: gr.Request) -> Iterator[tuple[str, object]]:
        """Puts photos in order, best first, with strengths and intervals."""
        try:
            with passing_folder(self.desk.folder(request)) as folder:
                taken = take_in(self.desk, files, folder, request)
                if len(taken.photos) < 2:
                    raise InputError(
                        f"{len(taken.photos)} photos can be read and two or more are needed for an order; "
                        + (taken.problems[0] if taken.problems else "drop some more")
                    )
                ranked: list[tuple[Outcome, list[str]]] = []

                def work(say: Say[Progress]) -> None:
                    screen = PageScreen(say, taken.named)
                    paths = [photo.path for photo in taken.photos]
                    ranked.append((rank_files(self.desk.pipe, paths, screen, []), screen.notes))
                    say()

                for progress in self.desk.run(work, request):
                    yield status(progress.sentence, progress.done, progress.total), None
                ((outcome, said),) = ranked
                places = [place | {"input": taken.named(place["input"])} for place in outcome.results]
                failed = [one["error"] for one in outcome.failures]
                problems = (*taken.problems, *map(taken.named, failed), *said)
                yield ranking_table(places) + notes(problems), {"places": places, "problems": problems}
        except Stopped:
            yield status(STOPPED), None
        except UAREError as error:
            raise as_error(error) from error


def _write_shown(folder: Path, photo: Photo) -> str:
    return write_shown(folder, "compared", shown(photo.pixels, photo.alpha, COMPARED_PX))
