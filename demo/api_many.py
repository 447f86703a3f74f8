"""The page for programs: /compare, /rank and /batch, which take several photos (docs/demo.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from demo.api import FileData
from demo.batch_report import record_of, write_results
from demo.batching import Batch, Workplace
from demo.desk import Desk, Say, Stopped, as_error, called
from demo.inbox import take_in
from demo.ranking import Ranked, rank
from uare.batch.loop import Json
from uare.documents import heading
from uare.errors import InputError, UAREError
from uare.records import comparison_record
from uare.vocabulary import LEVELS


def add_many_api(desk: Desk) -> None:
    """Adds the endpoints to the page that is being built; they wait in the same line as its visitors."""
    calls = ManyCalls(desk)
    gr.api(calls.compare, api_name="compare", **desk.queued)
    gr.api(calls.rank, api_name="rank", **desk.queued)
    gr.api(calls.batch, api_name="batch", **desk.queued)


class ManyCalls:
    """A method for each endpoint. What is wrong with a call is an error with one sentence."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def compare(
        self,
        a: FileData,
        b: FileData,
        request: gr.Request = None,  # type: ignore[assignment]  # gradio gives one
    ) -> dict:  # gradio reads it
        """Says which of two photos is better, and why: the document of `uare compare --json`."""

        def work(say: Say[Json]) -> None:
            paths = dict(zip(("a", "b"), _paths([a, b]), strict=True))
            photos = {role: self.desk.photo(path, request) for role, path in paths.items()}
            names: dict[str, str | None] = {role: called(Path(path)) for role, path in paths.items()}
            compared = self.desk.pipe.compare(photos["a"], photos["b"])
            say(self._document("compare", [comparison_record(compared, photos, names)], ()))

        return next(self._heard(work, request))

    def rank(
        self,
        photos: list[FileData],
        request: gr.Request = None,  # type: ignore[assignment]  # gradio gives one
    ) -> dict:  # gradio reads it
        """Puts photos in order, best first: the document of `uare rank --json`."""

        def work(say: Say[Any]) -> None:
            rank(self.desk, _paths(photos), request, say)

        found = next(one for one in self._heard(work, request) if isinstance(one, Ranked))
        return self._document("rank", list(found.places), found.problems)

    def batch(
        self,
        files: list[FileData],
        below: str = "good",
        request: gr.Request = None,  # type: ignore[assignment]  # gradio gives one
    ) -> tuple[FileData, dict]:  # gradio reads it
        """Restores the photos below a level; answers with a zip of results and what became of each photo."""
        batches: list[Batch] = []

        def work(say: Say[Any]) -> None:
            if below not in LEVELS:
                raise InputError(f"below must be one of {', '.join(LEVELS)}, found {str(below)[:40]!r}")
            place = Workplace(self.desk.folder(request))
            taken = take_in(self.desk, _paths(files), place.photos, request)
            batches.append(Batch(self.desk.pipe, self.desk.facts, place, taken, below))
            batches[0].work(say)

        for _ in self._heard(work, request):
            pass
        (batch,) = batches
        rows = batch.rows()
        file = write_results(batch, rows)
        return {"path": str(file), "meta": {"_type": "gradio.FileData"}}, record_of(batch, rows)

    def _document(self, kind: str, results: list[Json], problems: tuple[str, ...]) -> Json:
        failures = [{"input": None, "error": one} for one in problems]
        more = {"results": results, "failures": failures, "interrupted": False}
        return {**heading(kind, self.desk.facts), **more}

    def _heard(self, work: Callable[[Say[Any]], None], request: gr.Request) -> Iterator[Any]:
        """What the work says; its errors, and that it was stopped, as clients get them."""
        try:
            yield from self.desk.run(work, request)
        except Stopped:
            raise gr.Error("Stopped.", print_exception=False) from None
        except UAREError as error:
            raise as_error(error) from error


def _paths(files: Any) -> list[str]:
    """Paths of what a client sent; an empty one, which is refused by its sentence, where it sent no file."""
    paths = [file.get("path") if isinstance(file, dict) else None for file in files or []]
    return [path if isinstance(path, str) else "" for path in paths]
