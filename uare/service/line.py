"""The waiting line: a bounded number of requests, one after the other on the thread of the model.

Not in batches: a network rounds a photo otherwise in a batch than alone, so its score would change with its
neighbours.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

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

    def set(self) -> None:
        self._is_set.set()

    def check(self, *_: object) -> None:
        """Raises Stopped if the work is to stop; takes whatever a progress report brings."""
        if self._is_set.is_set() or self.left_s == 0:
            raise Stopped


class Job(Generic[T]):
    """Work in the line, and the sign that stops it."""

    def __init__(self, future: Future[T], stop: StopSign) -> None:
        self.future = future
        self.stop = stop


class Line:
    """At most `1 + waiting` requests at a time, from the moment they arrive until their work has ended."""

    def __init__(self, waiting: int) -> None:
        self.places = 1 + waiting
        self._taken = 0
        self._lock = threading.Lock()
        self._model = ThreadPoolExecutor(1, "uare-model")
        self._stops: set[StopSign] = set()
        self.is_open = True

    @property
    def taken(self) -> int:
        """Requests that are being received, wait, or are worked on."""
        return self._taken

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

    def start(self, work: Callable[[StopSign], T], stop: StopSign) -> Job[T]:
        """Puts work into the line; its place is given back when it has ended, whoever still waits for it."""

        def run() -> T:
            stop.check()
            return work(stop)

        if not self.is_open:
            raise closing()
        self._stops.add(stop)
        future = self._model.submit(run)

        def ended(_: Future[T]) -> None:
            self._stops.discard(stop)
            self.leave()

        future.add_done_callback(ended)
        return Job(future, stop)

    async def close(self) -> None:
        """Takes no more work, stops what can be stopped, and waits for the rest."""
        self.is_open = False
        for stop in list(self._stops):
            stop.set()
        await asyncio.to_thread(self._model.shutdown, cancel_futures=True)
