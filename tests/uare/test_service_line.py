"""The line is bounded, work that nobody waits for stops, and every request gives its place back."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from starlette.testclient import TestClient

from tests.uare.serving import (
    QUICK_FORM,
    Gate,
    app_of,
    as_base64,
    in_process,
    on_loopback,
    photo_file,
    the_sentence,
    until,
)
from uare.errors import ConfigError
from uare.pipeline import UAREPipeline
from uare.service.limits import Limits
from uare.service.line import Job, Line, Stopped, StopSign
from uare.service.refusals import Refused

pytestmark = pytest.mark.usefixtures("short_texts")

PHOTO = photo_file(seed=1)


@pytest.fixture
def gate(restoring_pipeline: UAREPipeline) -> Iterator[Gate]:
    gate = Gate(restoring_pipeline)
    yield gate
    gate.opened.set()


def restore(client: TestClient) -> Any:
    return client.post("/v1/restore", files={"image": ("a", PHOTO)}, data=QUICK_FORM)


def taken(client: TestClient) -> int:
    return client.get("/readyz").json()["places_taken"]


def raw_request(url: str, path: str, body: bytes, *, missing: int = 0) -> socket.socket:
    """A connection over which a JSON request was sent, less the last `missing` bytes that it promised."""
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname, address.port), timeout=30)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body) + missing}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection


def get_json(url: str, path: str) -> dict[str, int]:
    address = urlsplit(url)
    with closing(http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)) as connection:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())


def test_a_full_line_is_told_429_before_its_photo_is_read(gate: Gate) -> None:
    with in_process(app_of(gate, waiting=1)) as client, ThreadPoolExecutor() as threads:
        inside = [threads.submit(restore, client) for _ in range(2)]
        until(lambda: taken(client) == 2 and gate.begun == 1)
        refused = client.post("/v1/assess", content=b"no photo, and no form")
        assert "2 requests are being worked on or wait" in the_sentence(refused, 429)
        assert int(refused.headers["retry-after"]) > 0
        assert client.get("/healthz").status_code == 200  # while the model is at work
        gate.opened.set()
        assert [one.result().status_code for one in inside] == [200, 200]
        until(lambda: taken(client) == 0)


def test_a_request_that_takes_too_long_is_told_504_and_its_work_stops(gate: Gate) -> None:
    with in_process(app_of(gate, timeout_s=0.3)) as client:
        assert "no result within 0.3 s" in the_sentence(restore(client), 504)
        until(lambda: gate.stopped == 1 and taken(client) == 0)


def test_work_that_waited_too_long_is_never_begun_and_holds_its_place_till_then(gate: Gate) -> None:
    gate.heeds = False
    with in_process(app_of(gate, timeout_s=0.4)) as client, ThreadPoolExecutor() as threads:
        both = [threads.submit(restore, client) for _ in range(2)]
        assert [one.result().status_code for one in both] == [504, 504]
        assert taken(client) == 1  # of the work that goes on although nobody waits for it
        gate.opened.set()
        until(lambda: taken(client) == 0)
    assert gate.begun == 1


def test_work_whose_client_left_stops(gate: Gate) -> None:
    body = json.dumps({"image": as_base64(PHOTO), "verify": False, "analyse": False}).encode()
    with on_loopback(app_of(gate)) as url:
        with closing(raw_request(url, "/v1/restore", body)):
            until(lambda: gate.begun == 1)
        until(lambda: gate.stopped == 1)
        until(lambda: get_json(url, "/readyz")["places_taken"] == 0)


def test_a_body_that_does_not_arrive_is_told_408_and_gives_its_place_back(
    restoring_pipeline: UAREPipeline,
) -> None:
    with on_loopback(app_of(restoring_pipeline, upload_s=0.3)) as url:
        with closing(raw_request(url, "/v1/assess", b'{"image": "', missing=100)) as connection:
            assert b" 408 " in connection.recv(4096).split(b"\r\n")[0]
        assert get_json(url, "/readyz")["places_taken"] == 0


def test_a_client_that_leaves_while_sending_gives_its_place_back(restoring_pipeline: UAREPipeline) -> None:
    with on_loopback(app_of(restoring_pipeline)) as url:
        with closing(raw_request(url, "/v1/assess", b'{"image": "', missing=100)):
            until(lambda: get_json(url, "/readyz")["places_taken"] == 1)
        until(lambda: get_json(url, "/readyz")["places_taken"] == 0)


def test_many_at_once_get_the_answers_that_each_gets_alone(restoring_pipeline: UAREPipeline) -> None:
    photos = [photo_file(seed=seed) for seed in range(6)]

    def assess(client: TestClient, photo: bytes) -> Any:
        return client.post("/v1/assess", files={"image": ("a", photo)}).json()

    with in_process(app_of(restoring_pipeline, waiting=5)) as client:
        alone = [assess(client, photo) for photo in photos]
        with ThreadPoolExecutor(len(photos)) as threads:
            together = list(threads.map(lambda photo: assess(client, photo), photos))
    assert together == alone


# --- the end ---


def test_a_line_that_closes_stops_its_work_and_drops_what_waits() -> None:
    stopped = threading.Event()
    begun = threading.Event()

    def work(jobs: Sequence[Job[None]]) -> None:
        begun.set()
        try:
            while True:
                jobs[0].stop.check()
                time.sleep(0.01)
        finally:
            stopped.set()

    def job() -> Job[None]:
        return Job(kind="any", work=work, asked=None, pixels=1, stop=StopSign(60))

    async def scene() -> None:
        line = Line(Limits(waiting=1))
        line.enter()
        line.enter()
        line.start(job())
        waiting = job()
        line.start(waiting)
        await asyncio.to_thread(begun.wait)
        await line.close()
        assert stopped.is_set() and waiting.future.done()
        with pytest.raises((CancelledError, Stopped)):
            waiting.future.result()
        assert line.taken == 0
        line.enter()
        with pytest.raises(Refused, match="shutting down"):
            line.start(job())

    asyncio.run(scene())


# --- limits ---


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_bytes", 0),
        ("max_pixels", 0),
        ("max_pixels", 10**12),
        ("waiting", -1),
        ("batch", 0),
        ("timeout_s", 0),
    ],
)
def test_limits_that_could_never_answer_are_refused(field: str, value: int) -> None:
    with pytest.raises(ConfigError):
        Limits(**{field: value})
