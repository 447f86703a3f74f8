"""The work behind the order of several photos: taken in, compared, put in places. No page here."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from demo.desk import Desk, Say
from demo.inbox import passing_folder, take_in
from demo.page_screen import PageScreen, Progress
from uare.batch.loop import Json
from uare.batch.ranking import rank_files
from uare.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """Photos in order."""

    places: tuple[Json, ...]  # as `uare.batch.ranking.Place.to_dict` has them, names as they were sent
    notes: tuple[str, ...]
    problems: tuple[str, ...]  # a sentence for each file that is not in the order


def rank(desk: Desk, files: list[str], request: gr.Request, say: Say[Progress | Ranked]) -> None:
    """Ranks the photos that can be read. Raises InputError for fewer than two."""
    with passing_folder(desk.folder(request)) as folder:
        taken = take_in(desk, files, folder, request)
        if len(taken.photos) < 2:
            raise InputError(
                f"two photos or more are needed for an order and {len(taken.photos)} can be read; "
                + (taken.problems[0] if taken.problems else "drop some more")
            )
        screen = PageScreen(say, taken.named)
        outcome = rank_files(desk.pipe, [photo.path for photo in taken.photos], screen, [])
        say()  # raises here if it was stopped, when there is no order
        failures = [taken.named(one["error"]) for one in outcome.failures]
        say(
            Ranked(
                places=tuple(place | {"input": taken.named(place["input"])} for place in outcome.results),
                notes=tuple(screen.notes),
                problems=(*taken.problems, *failures),
            )
        )
