"""The service on the tiny model: in this process for most tests, on a port of loopback where that matters."""

from __future__ import annotations

import base64
import contextlib
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import uvicorn
from fastapi import FastAPI
from PIL import Image
from starlette.testclient import TestClient

from tests.uare.pictures import random_array
from uare.documents import model_facts
from uare.pipeline import UAREPipeline
from uare.service.app import create_app
from uare.service.limits import Limits
from uare.service.server import allowed_hosts, bound_socket

QUICK = {"analyse": False, "verify": False, "steps": 1}  # for requests that are not about the result
QUICK_FORM = {"analyse": "false", "verify": "false", "steps": "1"}


def photo_file(seed: int = 0, height: int = 32, width: int = 48, format_: str = "PNG", **more: Any) -> bytes:
    """The content of a file with noise in it."""
    stream = BytesIO()
    Image.fromarray(random_array(height, width, seed=seed)).save(stream, format_, **more)
    return stream.getvalue()


def as_base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def app_of(pipe: Any, api_key: str | None = None, **limits: Any) -> FastAPI:
    """The service over a pipeline, with limits by name."""
    facts = model_facts("tiny", pipe)
    return create_app(pipe, facts, Limits(**limits), api_key=api_key, hosts=frozenset({"127.0.0.1"}))


@contextlib.contextmanager
def in_process(app: FastAPI) -> Iterator[TestClient]:
    """A client of the app; an error that the app lets through fails the test."""
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


@contextlib.contextmanager
def on_loopback(app: FastAPI) -> Iterator[str]:
    """The address of the app behind a real server in a thread of this process."""
    listener = bound_socket("127.0.0.1", 0)
    assert allowed_hosts(listener) is not None
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
    thread.start()
    try:
        until(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


def until(is_so: Any, seconds: float = 30.0) -> None:
    """Waits for something to become true; fails the test where it does not."""
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.01)


def the_sentence(answer: Any, status: int) -> str:
    """The sentence of a refusal, which must be a document `error` with this status."""
    document = answer.json()
    assert (answer.status_code, document["document"], document["status"]) == (status, "error", status), (
        document
    )
    assert "Traceback" not in answer.text
    return str(document["error"])


class Gate:
    """A pipeline whose restorations wait until the gate is opened; most heed a sign to stop."""

    def __init__(self, pipe: UAREPipeline) -> None:
        self._pipe = pipe
        self.heeds = True
        self.model, self.tokenizer, self.judge = pipe.model, pipe.tokenizer, pipe.judge
        self.opened = threading.Event()
        self.begun = 0
        self.stopped = 0

    def restore_photo(self, *arguments: Any, **choices: Any) -> Any:
        self.begun += 1
        while not self.opened.wait(0.01):
            if self.heeds:
                self._heed(choices["on_step"])
        return self._pipe.restore_photo(*arguments, **choices)

    def _heed(self, on_step: Any) -> None:
        try:
            on_step(0, 1)
        except Exception:
            self.stopped += 1
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipe, name)
