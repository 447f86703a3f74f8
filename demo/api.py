"""The page for programs: /analyse, /restore and /assess, as `gradio_client` calls them (docs/demo.md)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypedDict

import gradio as gr

from demo.desk import Desk, Say, Stopped, as_error, called
from demo.restoring import (
    FORMATS,
    Finished,
    Message,
    Written,
    analyse,
    own_format,
    record,
    restore,
    write_file,
)
from demo.tabs.restore_controls import MAX_CANDIDATES, MAX_STEPS, MAX_WORDS
from uare.batch.loop import Json
from uare.documents import heading
from uare.errors import InputError, UAREError
from uare.options import RestoreOptions
from uare.records import assessment_record


class FileData(TypedDict, total=False):
    """A file as gradio's clients send and receive it."""

    path: str
    meta: dict[str, str]


def add_api(desk: Desk) -> None:
    """Adds the endpoints to the page that is being built; they wait in the same line as its visitors."""
    calls = Calls(desk)
    gr.api(calls.analyse, api_name="analyse", **desk.queued)
    gr.api(calls.restore, api_name="restore", **desk.queued)
    gr.api(calls.assess, api_name="assess", **desk.queued)


class Calls:
    """A method for each endpoint. What is wrong with a call is an error with one sentence."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def analyse(
        self,
        photo: FileData,
        instruction: str = "",
        upscale: int = 1,
        request: gr.Request = None,  # type: ignore[assignment]  # gradio gives one
    ) -> Iterator[str]:
        """Writes what is wrong with a photo and how to repair it; the text grows with every answer."""

        def work(say: Say[Message]) -> None:
            wish = _text("instruction", instruction) or None
            analyse(self.desk, self._photo(photo, request), wish, int(_number("upscale", upscale)), say)

        for message in self._heard(work, request):
            if isinstance(message, Written):
                yield message.text

    def restore(  # noqa: PLR0913, PLR0917  # each is a parameter of the endpoint
        self,
        photo: FileData,
        analysis: str = "",
        instruction: str = "",
        fidelity: float | None = None,
        upscale: int = 1,
        steps: int | None = None,
        seed: int = 0,
        best_of: int = 1,
        save_as: str = "",
        request: gr.Request = None,  # type: ignore[assignment]  # gradio gives one
    ) -> tuple[FileData, dict]:  # gradio reads it
        """Restores a photo; answers with the file and the document that the command writes beside one.

        An empty `analysis` lets the model write its own; `save_as` is PNG, JPEG or WebP, empty for the
        photo's own format.
        """
        name = called(Path(_path(photo)))

        def work(say: Say[Message]) -> None:
            options = RestoreOptions(
                instruction=_text("instruction", instruction) or None,
                fidelity=None if fidelity is None else _number("fidelity", fidelity),
                upscale=int(_number("upscale", upscale)),
                steps=None if steps is None else int(_number("steps", steps, 1, MAX_STEPS)),
                seed=int(_number("seed", seed, 0, 2**31 - 1)),
                best_of=int(_number("best_of", best_of, 1, MAX_CANDIDATES)),
            )
            guide = _text("analysis", analysis) or None
            restore(self.desk, self._photo(photo, request), guide, options, say)

        try:
            chosen = _format(save_as)
        except InputError as error:
            raise as_error(error) from error
        finished = next(one for one in self._heard(work, request) if isinstance(one, Finished))
        folder = self.desk.folder(request) / f"call-{secrets.token_hex(6)}"
        folder.mkdir()
        restored = finished.best.restored
        file, _ = write_file(restored, chosen or own_format(restored.photo), folder, Path(name).stem)
        answer: FileData = {"path": str(file), "meta": {"_type": "gradio.FileData"}}
        return answer, record(self.desk, finished, file.name, name)

    def assess(
        self,
        photo: FileData,
        request: gr.Request = None,  # type: ignore[assignment]  # gradio gives one
    ) -> dict:  # gradio reads it
        """Says how good a photo is and what is wrong with it: the document of `uare assess --json`."""

        def work(say: Say[Json]) -> None:
            sent = self._photo(photo, request)
            found = self.desk.pipe.assess(sent, on_text=lambda _: say())
            result = assessment_record(sent, called(Path(_path(photo))), found)
            document = {"results": [result], "failures": [], "interrupted": False}
            say({**heading("assess", self.desk.facts), **document})

        return next(self._heard(work, request))

    def _photo(self, photo: FileData, request: gr.Request) -> Any:
        return self.desk.photo(_path(photo), request)

    def _heard(self, work: Callable[[Say[Any]], None], request: gr.Request) -> Iterator[Any]:
        """What the work says; its errors as clients get them."""
        try:
            yield from self.desk.run(work, request)
        except Stopped:
            return
        except UAREError as error:
            raise as_error(error) from error


def _path(photo: Any) -> str:
    path = photo.get("path") if isinstance(photo, dict) else None
    return path if isinstance(path, str) else ""


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > 8 * MAX_WORDS:
        raise InputError(f"{name} must be a text of up to {8 * MAX_WORDS} characters")
    return value.strip()


def _number(name: str, value: Any, low: float = 0, high: float = 4) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InputError(f"{name} must be a number from {low:g} to {high:g}, found {str(value)[:40]!r}")
    return value


def _format(name: Any) -> str | None:
    """The name in FORMATS, None for an empty one."""
    found = {known.lower(): known for known in FORMATS}.get(str(name).lower())
    if name and found is None:
        raise InputError(f"save_as must be one of {', '.join(FORMATS)}, found {str(name)[:40]!r}")
    return found
