"""What Prometheus may ask: how many requests, how long, and how full the line is."""

from __future__ import annotations

import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from uare.service.line import Line

BATCHES = (1, 2, 3, 4, 6, 8, 12, 16)  # requests
BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250)


class Meters:
    """The meters of one service."""

    def __init__(self, line: Line) -> None:
        self._registry = CollectorRegistry()
        kept = self._registry
        self.requests = Counter("uare_requests", "Answers.", ["path", "status"], registry=kept)
        self.request_seconds = Histogram(
            "uare_request_seconds", "From arrival to answer.", ["path"], buckets=BUCKETS_S, registry=kept
        )
        self.work_seconds = Histogram(
            "uare_work_seconds",
            "Of each batch in the thread of the model.",
            ["path"],
            buckets=BUCKETS_S,
            registry=kept,
        )
        self.batch_requests = Histogram(
            "uare_batch_requests", "Requests of each batch.", ["path"], buckets=BATCHES, registry=kept
        )
        Gauge("uare_places", "Requests that are taken at a time.", registry=kept).set(line.places)
        taken = Gauge("uare_places_taken", "Requests being received, waiting, or worked on.", registry=kept)
        taken.set_function(lambda: line.taken)
        waiting = Gauge("uare_places_waiting", "Requests that wait to be worked on.", registry=kept)
        waiting.set_function(lambda: line.waiting)

    def as_text(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self._registry)


class Metered:
    """Counts and times every answer; paths that the service does not have count as one."""

    def __init__(self, app: ASGIApp, meters: Meters, paths: Iterable[str]) -> None:
        self._app = app
        self._meters = meters
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        path = scope["path"] if scope["path"] in self._paths else "other"
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            self._meters.requests.labels(path, str(status)).inc()
            self._meters.request_seconds.labels(path).observe(time.perf_counter() - started)
