"""A study that is really served on loopback, and a person who talks to it over HTTP."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from demo.study_kit.study import Study

PATIENCE_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back."""

    status: int
    body: bytes
    headers: dict[str, str]
    address: str  # after redirections

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    address: str, *, form: dict[str, str] | None = None, send: Any = None, raw: bytes | None = None
) -> Reply:
    """A GET, or a POST of a form, of JSON, or of raw bytes; refusals come back like answers."""
    data = raw
    headers = {}
    if form is not None:
        data = urllib.parse.urlencode(form).encode()
        headers["Accept"] = "text/html"
    elif send is not None:
        data = json.dumps(send).encode()
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(address, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
            return Reply(
                status=reply.status, body=reply.read(), headers=dict(reply.headers), address=reply.geturl()
            )
    except urllib.error.HTTPError as error:
        with error:
            return Reply(status=error.code, body=error.read(), headers=dict(error.headers), address=address)


def join(address: str) -> str:
    """A new person's own address."""
    return ask(f"{address}/join", form={"consent": "yes"}).address


def ballot(step: dict[str, Any], side: str) -> dict[str, Any]:
    """The same answer to every question of a step."""
    return {
        "showing": step["showing"],
        "choices": {question["name"]: side for question in step["questions"]},
        "seconds": 2.0,
    }


@contextmanager
def served(study: Study) -> Iterator[str]:
    """The address of a study while it is served; skips without the extra."""
    uvicorn = pytest.importorskip("uvicorn")
    pytest.importorskip("fastapi")
    from demo.study_kit.pages import create_app

    config = uvicorn.Config(create_app(study), host="127.0.0.1", port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    listener = config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    end = time.monotonic() + PATIENCE_S
    while not server.started and time.monotonic() < end:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
