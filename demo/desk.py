"""What all tabs share: the pipeline, limits on what is sent in, a folder a visitor, work that can be stopped.

A visitor is one opened page. A tab takes photos in with `Desk.photo`, works inside `Desk.run` and writes
files for its visitor into `Desk.folder`; everything of a visitor is deleted when the page closes.
"""

from __future__ import annotations

import html
import logging
import queue
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import gradio as gr

from uare.batch.loop import Json
from uare.errors import InputError, UAREError
from uare.images import Photo, load_photo_bytes, size_of_upload
from uare.pipeline import UAREPipeline, is_out_of_memory
from uare.screen import printable

M = TypeVar("M")
MEBIBYTE = 2**20
# Arguments of events of the page that draw no progress of their own and are no endpoint for programs.
HIDDEN: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
FORGOTTEN_S = 12 * 3600
MAX_NAME = 80  # characters of a file's name that the page repeats

_log = logging.getLogger("demo")


class Stopped(Exception):
    """Raised inside work, and out of `Desk.run`, when the visitor pressed Stop or left."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one visitor may ask for."""

    max_bytes: int = 32 * MEBIBYTE  # of a file
    max_pixels: int = 30_000_000  # of a photo, and of a result
    max_files: int = 50  # of one call
    waiting: int = 16  # calls in line, of all visitors


class Say(Generic[M]):
    """Hands messages of the work to the page. Each call is also where the work stops if it is not wanted."""

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[M | _End] = queue.SimpleQueue()
        self._is_stopped = threading.Event()

    def __call__(self, message: M | None = None) -> None:
        """Passes a message on, None for no message. Raises Stopped if nobody wants more."""
        if self._is_stopped.is_set():
            raise Stopped
        if message is not None:
            self._messages.put(message)

    def stop(self) -> None:
        self._is_stopped.set()

    def end(self, error: BaseException | None) -> None:
        self._messages.put(_End(error))

    def __iter__(self) -> Iterator[M]:
        """The messages until the work has ended; raises what ended it."""
        while not isinstance(message := self._messages.get(), _End):
            yield message
        if message.error is not None:
            raise message.error


@dataclass(frozen=True)
class _End:
    error: BaseException | None


class Desk:
    """Takes what visitors send, runs their work one after the other, and keeps what they get apart."""

    def __init__(self, pipe: UAREPipeline, facts: Json, limits: Limits | None = None) -> None:
        """`facts` are what documents say of the model (`uare.documents.model_facts`)."""
        self.pipe = pipe
        self.facts = facts
        self.limits = limits or Limits()
        # 0700, as `mkdtemp` makes it; gradio keeps uploads here too (`demo.app` sets GRADIO_TEMP_DIR)
        self.root = Path(tempfile.mkdtemp(prefix="uare-demo-")).resolve()
        self._visitors = self.root / "visitors"
        self._folders: dict[str, Path] = {}
        self._running: dict[str, set[Say]] = {}
        self._lock = threading.Lock()
        self._model = threading.Lock()

    @property
    def queued(self) -> dict[str, Any]:
        """Arguments for every event that runs the model: one such event at a time, the rest wait in line."""
        return {"concurrency_id": "model", "concurrency_limit": 1}

    # What comes in

    def photo(self, file: str | None, request: gr.Request) -> Photo:
        """The photo that a visitor uploaded, decoded; its header is looked at first.

        Raises InputError for no file, one that is not the visitor's, too many bytes or pixels, and whatever
        is no photo by its content.
        """
        path = self.upload(file, request)
        content = path.read_bytes()
        self.check_photo(content, called(path))
        return load_photo_bytes(content, called(path))

    def upload(self, file: str | None, request: gr.Request) -> Path:
        """The path of a file that this visitor sent or got. InputError for any other, and too many bytes."""
        path = self._own(file, request)
        name = called(path)
        num_bytes = path.stat().st_size
        if num_bytes > self.limits.max_bytes:
            raise InputError(
                f"{name} has {num_bytes / MEBIBYTE:.0f} MiB and {self.limits.max_bytes / MEBIBYTE:.0f} are "
                "taken; save it smaller first"
            )
        return path

    def check_photo(self, content: bytes, name: str) -> None:
        """Raises InputError for what is no photo by its header, and for too many pixels."""
        self.check_size(*size_of_upload(content, name), name)

    def check_size(self, height: int, width: int, name: str) -> None:
        """Raises InputError for more pixels than are taken; for results larger than their photo as well."""
        if height * width > self.limits.max_pixels:
            raise InputError(
                f"{name} has {width}x{height} = {height * width / 1e6:.1f} megapixels and "
                f"{self.limits.max_pixels / 1e6:g} are taken; make it smaller first"
            )

    def _own(self, file: str | None, request: gr.Request) -> Path:
        """The path of an upload or a result of this visitor. Raises InputError for any other."""
        if not file:
            raise InputError("there is no photo yet; drop one first")
        path = Path(file).resolve()
        is_upload = path.is_relative_to(self.root) and not path.is_relative_to(self._visitors)
        if not (is_upload or path.is_relative_to(self.folder(request))) or not path.is_file():
            raise InputError("that file is not here any more; drop the photo again")
        return path

    # What goes out

    def folder(self, request: gr.Request) -> Path:
        """The visitor's own folder; nobody can guess its name, and it is deleted when the page closes."""
        visitor = _visitor(request)
        with self._lock:
            if visitor not in self._folders:
                self._drop_forgotten()
                self._folders[visitor] = self._visitors / secrets.token_urlsafe(24)
                self._folders[visitor].mkdir(parents=True)
            return self._folders[visitor]

    def _drop_forgotten(self) -> None:
        """Deletes what is left of programs that never said goodbye, as a page does when it is closed."""
        for visitor, folder in list(self._folders.items()):
            if not self._running.get(visitor) and time.time() - folder.stat().st_mtime > FORGOTTEN_S:
                shutil.rmtree(folder, ignore_errors=True)
                del self._folders[visitor]

    # Work

    def run(self, work: Callable[[Say[M]], None], request: gr.Request) -> Iterator[M]:
        """Runs `work(say)` on a thread of its own and yields what it says as it says it.

        Raises Stopped if the visitor stopped it, UAREError with a sentence for all that fails. Work that
        wants to be stoppable calls `say` often: with a message, or without.
        """
        say: Say[M] = Say()
        visitor = _visitor(request)
        with self._lock:
            self._running.setdefault(visitor, set()).add(say)
        threading.Thread(target=self._work, args=(work, say), daemon=True).start()
        try:
            yield from say
        finally:
            say.stop()  # the page was closed, or the client cancelled: nobody reads on
            with self._lock:
                self._running.get(visitor, set()).discard(say)

    def _work(self, work: Callable[[Say[M]], None], say: Say[M]) -> None:
        error: BaseException | None = None
        try:
            with self._model:  # also for work whose visitor left, which ends at its next step
                say()
                work(say)
        except (Stopped, UAREError) as expected:
            error = expected
        except Exception as unexpected:
            error = _as_sentence(unexpected)
        say.end(error)

    def stop(self, request: gr.Request) -> None:
        """Stops what runs or waits for this visitor, at its next step or token."""
        with self._lock:
            running = list(self._running.get(_visitor(request), ()))
        for say in running:
            say.stop()

    # The end

    def leave(self, request: gr.Request) -> None:
        """Stops the visitor's work and deletes the visitor's files."""
        self.stop(request)
        with self._lock:
            folder = self._folders.pop(_visitor(request), None)
            self._running.pop(_visitor(request), None)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Stops all work and deletes all files."""
        with self._lock:
            running = [say for says in self._running.values() for say in says]
        for say in running:
            say.stop()
        shutil.rmtree(self.root, ignore_errors=True)


def called(path: Path) -> str:
    """What the page calls a file: the last part of its name, without control characters."""
    return printable(path.name)[:MAX_NAME] or "the photo"


def as_error(error: UAREError) -> gr.Error:
    """What a tab raises for an error of the pipeline: its sentence as a message that stays until closed."""
    sentence = str(error)
    # gradio renders the message as HTML, and the sentence may hold the name of a stranger's file
    return gr.Error(
        html.escape(sentence[:1].upper() + sentence[1:]),
        duration=None,
        title="That did not work",
        print_exception=False,
    )


def _visitor(request: gr.Request) -> str:
    return request.session_hash or "no page"


def _as_sentence(error: Exception) -> UAREError:
    if is_out_of_memory(error):
        return UAREError("memory does not suffice for this photo now; send a smaller one, or try later")
    _log.error("work failed for a reason that was not foreseen", exc_info=error)
    return UAREError("the program failed for a reason that was not foreseen; its log has it")
