"""The waiting line: a bounded number of requests on the thread of the model, those of one kind together."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from uare.service.limits import Limits
from uare.service.refusals import RETRY_AFTER_S, Refused, closing

T = TypeVar("T")


class Stopped(Exception):
    """Raised inside work whose answer nobody waits for any more."""


class StopSign:
    """Tells the thread of the model that it may stop: nobody waits, or the time is up."""

    def __init__(self, timeout_s: float) -> None:
        self._ends = time.monotonic() + timeout_s
        self._is_set = threading.Event()

    @property
    def left_s(self) -> float:
        return max(0.0, self._ends - time.monotonic())

    @property
    def is_up(self) -> bool:
        """Whether the work is to stop."""
        return self._is_set.is_set() or self.left_s == 0

    def set(self) -> None:
        self._is_set.set()

    def check(self, *_: object) -> None:
        """Raises Stopped if the work is to stop; takes whatever a progress report brings."""
        if self.is_up:
            raise Stopped


@dataclass(frozen=True, kw_only=True, eq=False)
class Job(Generic[T]):
    """What one request asks for; its result comes in `future`."""

    kind: object  # jobs of equal kind may be worked on together
    work: Callable[[Sequence[Job[Any]]], None]  # gives every one of them its result or its error
    asked: Any
    pixels: int  # of its photos
    stop: StopSign
    future: Future[T] = field(default_factory=Future)


class Line:
    """At most `1 + waiting` requests at a time, from the moment they arrive until their work has ended.

    When the thread of the model is free it takes the first that waits, and with it others of its kind, up to
    `batch` requests whose photos have no more pixels than one request's may have. Nobody waits for others to
    come.
    """

    def __init__(self, limits: Limits) -> None:
        self.places = 1 + limits.waiting
        self._batch = limits.batch
        self._max_pixels = limits.max_pixels
        self._taken = 0
        self._lock = threading.Lock()
        self._model = ThreadPoolExecutor(1, "uare-model")
        self._waiting: list[Job[Any]] = []
        self._stops: set[StopSign] = set()
        self.is_open = True

    @property
    def taken(self) -> int:
        """Requests that are being received, wait, or are worked on."""
        return self._taken

    @property
    def waiting(self) -> int:
        """Those of them whose photos have arrived and that are not worked on."""
        return len(self._waiting)

    def enter(self) -> None:
        """Takes a place. Raises Refused (429) where there is none, before a byte of the photo is read."""
        with self._lock:
            if self._taken >= self.places:
                raise Refused(
                    429,
                    f"{self.places} requests are being worked on or wait, which is all this service takes; "
                    "try again later",
                    {"Retry-After": str(RETRY_AFTER_S)},
                )
            self._taken += 1

    def leave(self) -> None:
        """Gives back the place of a request that started no work."""
        with self._lock:
            self._taken -= 1

    def start(self, job: Job[Any]) -> None:
        """Puts work into the line; its place is given back when it has ended, whoever still waits for it."""

        def ended(_: Future[Any]) -> None:
            with self._lock:
                self._stops.discard(job.stop)
                with contextlib.suppress(ValueError):  # one that was cancelled before its turn still waits
                    self._waiting.remove(job)
            self.leave()

        if not self.is_open:
            raise closing()
        with self._lock:
            self._stops.add(job.stop)
            self._waiting.append(job)
        job.future.add_done_callback(ended)
        self._model.submit(self._work)  # finds nothing to do where an earlier turn took this job along

    def _work(self) -> None:
        """One turn of the thread of the model."""
        # a job that was cancelled in the meantime says no
        jobs = [job for job in self._next() if job.future.set_running_or_notify_cancel()]
        if not jobs:
            return
        try:
            jobs[0].work(jobs)
        except BaseException as error:
            for job in jobs:
                if not job.future.done():
                    job.future.set_exception(error)
            raise

    def _next(self) -> list[Job[Any]]:
        """Takes from the line what is to be worked on together."""
        taken: list[Job[Any]] = []
        with self._lock:
            for job in self._waiting:
                is_alike = not taken or job.kind == taken[0].kind
                is_small = not taken or job.pixels + sum(one.pixels for one in taken) <= self._max_pixels
                if is_alike and is_small and len(taken) < self._batch:
                    taken.append(job)
            self._waiting = [job for job in self._waiting if job not in taken]
        return taken

    async def close(self) -> None:
        """Takes no more work, stops what can be stopped, and waits for the rest."""
        self.is_open = False
        with self._lock:
            waiting, stops = list(self._waiting), list(self._stops)
        for stop in stops:
            stop.set()
        for job in waiting:
            job.future.cancel()
        await asyncio.to_thread(self._model.shutdown, cancel_futures=True)
