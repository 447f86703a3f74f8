"""Requests that wait are worked on together, and each has the answer, the refusal and the end of its own."""

from __future__ import annotations

import json
import re
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from starlette.testclient import TestClient

from tests.uare.serving import QUICK_FORM, app_of, as_base64, in_process, on_loopback, photo_file, until
from tests.uare.test_service_line import get_json, raw_request, taken
from uare import assess
from uare.pipeline import UAREPipeline

pytestmark = pytest.mark.usefixtures("short_texts")

# of several sizes, in bytes and in pixels
PHOTOS = [photo_file(seed=seed, height=32 + 8 * (seed % 3), width=48) for seed in range(4)]
# its header promises a photo and its pixels do not come
DAMAGED = photo_file(seed=9, height=64, width=64)[:300]


class Held:
    """A pipeline whose first assessment waits at a gate; it counts what is assessed together."""

    def __init__(self, pipe: UAREPipeline) -> None:
        self._pipe = pipe
        self.model, self.tokenizer, self.judge = pipe.model, pipe.tokenizer, pipe.judge
        self.opened = threading.Event()
        self.batches: list[int] = []

    def assess_together(self, photos: Sequence[Any], on_text: Any) -> Any:
        self.batches.append(len(photos))
        assert self.opened.wait(30)
        return self._pipe.assess_together(photos, on_text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipe, name)


@pytest.fixture
def held(restoring_pipeline: UAREPipeline) -> Iterator[Held]:
    held = Held(restoring_pipeline)
    yield held
    held.opened.set()


def post_photo(client: TestClient, photo: bytes, verb: str = "assess") -> Any:
    return client.post(
        f"/v1/{verb}", files={"image": ("a", photo)}, data=QUICK_FORM if verb == "restore" else {}
    )


@contextmanager
def pile(held: Held, client: TestClient, photos: Sequence[bytes]) -> Iterator[list[Future[Any]]]:
    """Answers to come of requests that wait behind one that is held at the gate."""
    with ThreadPoolExecutor() as threads:
        try:
            first = threads.submit(post_photo, client, PHOTOS[0])
            until(lambda: held.batches == [1])
            others = []
            for photo in photos:  # one after the other, so that their order is known
                others.append(threads.submit(post_photo, client, photo))
                until(lambda: waiting(client) == len(others))
            yield others
            held.opened.set()
            assert first.result().status_code == 200
        finally:
            held.opened.set()


def waiting(client: TestClient) -> int:
    """Requests whose photo has been read and that are not worked on."""
    return int(metric(client.get("/metrics").text, "uare_places_waiting"))


def metric(text: str, name: str) -> float:
    """The value of a metric in Prometheus' text format; 0 for one that has none yet."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def result_of(answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["results"][0]["assessment"]


def test_requests_that_wait_are_assessed_together_with_the_answers_of_each_alone(
    held: Held, restoring_pipeline: UAREPipeline
) -> None:
    with in_process(app_of(held, batch=4)) as client:
        with pile(held, client, PHOTOS) as answers:
            pass
        together = [result_of(one.result()) for one in answers]
        assert held.batches == [1, 4]
        alone = [result_of(post_photo(client, photo)) for photo in PHOTOS]
        metrics = client.get("/metrics").text
    assert together == alone  # float32: rounding is too small to move a word
    assert len({json.dumps(one) for one in together}) == len(PHOTOS)
    assert metric(metrics, 'uare_batch_requests_bucket{le="1.0",path="/v1/assess"}') == 5
    assert metric(metrics, 'uare_batch_requests_sum{path="/v1/assess"}') == 9
    assert metric(metrics, 'uare_batch_requests_count{path="/v1/assess"}') == 6


def test_a_batch_has_a_limit_and_one_is_no_batch(held: Held, restoring_pipeline: UAREPipeline) -> None:
    with in_process(app_of(held, batch=3)) as client, pile(held, client, PHOTOS):
        pass
    assert held.batches == [1, 3, 1]
    single = Held(restoring_pipeline)
    with in_process(app_of(single, batch=1)) as client, pile(single, client, PHOTOS[:2]):
        pass
    assert single.batches == [1, 1, 1]


def test_photos_of_a_batch_have_together_no_more_pixels_than_one_may_have(held: Held) -> None:
    with in_process(app_of(held, batch=4, max_pixels=48 * 48 + 1)) as client, pile(held, client, PHOTOS):
        pass
    assert held.batches == [1, 1, 1, 1, 1]


def test_a_bad_photo_in_a_batch_is_refused_and_the_others_are_assessed(held: Held) -> None:
    with in_process(app_of(held, batch=4)) as client:
        with pile(held, client, [PHOTOS[1], DAMAGED, PHOTOS[2]]) as answers:
            pass
        assert [one.result().status_code for one in answers] == [200, 422, 200]
    assert held.batches == [1, 2]


def test_what_fails_together_is_done_one_by_one(
    held: Held, restoring_pipeline: UAREPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where memory suffices for one and not for all."""
    real = restoring_pipeline.assess_together

    def failing(photos: Sequence[Any], on_text: Any = None) -> Any:
        if len(photos) > 1:
            raise MemoryError
        return real(photos, on_text)

    monkeypatch.setattr(restoring_pipeline, "assess_together", failing)
    with in_process(app_of(held, batch=4)) as client:
        with pile(held, client, PHOTOS[1:3]) as answers:
            pass
        assert [one.result().status_code for one in answers] == [200, 200]
    assert held.batches == [1, 2, 1, 1]


def test_requests_of_another_verb_wait_for_their_own_turn(held: Held) -> None:
    with in_process(app_of(held, batch=4)) as client, ThreadPoolExecutor() as threads:
        with pile(held, client, PHOTOS[:1]) as answers:
            restored = threads.submit(post_photo, client, PHOTOS[1], "restore")
            until(lambda: waiting(client) == 2)
            last = threads.submit(post_photo, client, PHOTOS[2])
            until(lambda: waiting(client) == 3)
        assert [one.result().status_code for one in (*answers, restored, last)] == [200, 200, 200]
    assert held.batches == [1, 2]  # the last went along with the first of its kind


def test_a_full_line_refuses_however_many_are_taken_together(held: Held) -> None:
    with in_process(app_of(held, batch=4, waiting=2)) as client, pile(held, client, PHOTOS[:2]):
        assert post_photo(client, PHOTOS[3]).status_code == 429


def test_a_client_that_leaves_ends_only_its_own_share(
    held: Held, restoring_pipeline: UAREPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves while the words of its batch are being written."""
    monkeypatch.setattr(assess, "MAX_ANALYSIS_TOKENS", 6)
    writing, left = threading.Event(), threading.Event()
    heard: list[tuple[int, int]] = []
    real = restoring_pipeline.assess_together

    def slow(photos: Sequence[Any], on_text: Callable[[int, str], bool | None]) -> Any:
        def listens(i: int, text: str) -> bool | None:
            if len(photos) > 1:
                writing.set()
                assert left.wait(30)
                heard.append((i, len(text)))
            return on_text(i, text)

        return real(photos, listens)

    monkeypatch.setattr(restoring_pipeline, "assess_together", slow)
    body = json.dumps({"image": as_base64(PHOTOS[1])}).encode()

    def said(name: str) -> float:
        return metric(urllib.request.urlopen(f"{url}/metrics").read().decode(), name)

    with on_loopback(app_of(held, batch=4)) as url, closing(raw_request(url, "/v1/assess", body)) as first:
        until(lambda: held.batches == [1])
        leaving = raw_request(url, "/v1/assess", body)
        until(lambda: said("uare_places_waiting") == 1)
        with closing(raw_request(url, "/v1/assess", body)) as staying:
            until(lambda: said("uare_places_waiting") == 2)
            held.opened.set()
            assert writing.wait(30)
            leaving.close()
            until(lambda: said('uare_requests_total{path="/v1/assess",status="499"}') == 1)
            left.set()
            assert b" 200 " in first.recv(4096).split(b"\r\n")[0]
            assert b" 200 " in staying.recv(4096).split(b"\r\n")[0]
        until(lambda: get_json(url, "/readyz")["places_taken"] == 0)
    assert held.batches == [1, 2]
    shares = [sum(i == which for i, _ in heard) for which in (0, 1)]
    assert shares[0] == 1 < shares[1]  # the one who left was written no further than to the next word


def test_a_deadline_that_passes_in_the_line_takes_nobody_along(held: Held) -> None:
    with in_process(app_of(held, batch=4, timeout_s=0.5)) as client:
        with ThreadPoolExecutor() as threads:
            both = [threads.submit(post_photo, client, PHOTOS[i]) for i in range(2)]
            assert [one.result().status_code for one in both] == [504, 504]
        held.opened.set()
        until(lambda: taken(client) == 0)
        assert held.batches == [1]  # the second was never begun
        assert post_photo(client, PHOTOS[2]).status_code in (200, 504)  # a slow machine


@contextmanager
def behind(held: Held, client: TestClient, asked: Sequence[Callable[[], Any]]) -> Iterator[list[Future[Any]]]:
    """Answers to come of other verbs that wait behind an assessment which is held at the gate."""
    with ThreadPoolExecutor() as threads, pile(held, client, []):
        answers = [threads.submit(one) for one in asked]
        until(lambda: waiting(client) == len(answers))
        yield answers


def test_restorations_of_a_batch_are_those_of_each_alone(held: Held) -> None:
    wishes = list(zip(PHOTOS, ("enhance this image", "remove the haze", "remove the noise"), strict=False))

    def restore(client: TestClient, photo: bytes, wish: str) -> Any:
        form = {"verify": "false", "steps": "1", "instruction": wish}
        document = client.post("/v1/restore", files={"image": ("a", photo)}, data=form).json()
        return {name: document[name] for name in ("picture", "analysis", "before", "after", "settings")}

    with in_process(app_of(held, batch=4)) as client:
        with behind(held, client, [partial(restore, client, *one) for one in wishes]) as answers:
            pass
        together = [one.result() for one in answers]
        metrics = client.get("/metrics").text
        assert metric(metrics, 'uare_batch_requests_sum{path="/v1/restore"}') == 3
        assert metric(metrics, 'uare_batch_requests_count{path="/v1/restore"}') == 1
        assert together == [restore(client, *one) for one in wishes]
    assert all(one["analysis"]["text"] for one in together)


def test_comparisons_of_a_batch_are_those_of_each_alone(held: Held) -> None:
    pairs = [(PHOTOS[0], PHOTOS[1]), (PHOTOS[1], PHOTOS[0]), (PHOTOS[2], PHOTOS[2])]

    def compare(client: TestClient, a: bytes, b: bytes) -> Any:
        return client.post("/v1/compare", files={"a": ("a", a), "b": ("b", b)}).json()["results"]

    with in_process(app_of(held, batch=4)) as client:
        with behind(held, client, [partial(compare, client, *pair) for pair in pairs]) as answers:
            pass
        assert [one.result() for one in answers] == [compare(client, *pair) for pair in pairs]
        metrics = client.get("/metrics").text
    assert metric(metrics, 'uare_batch_requests_bucket{le="3.0",path="/v1/compare"}') == 4
    assert metric(metrics, 'uare_batch_requests_sum{path="/v1/compare"}') == 6
