"""One request from arrival to result: a place in the line, the body, the checks, the work, the wait."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from fastapi import Request

from uare.errors import UAREError
from uare.service.limits import Limits
from uare.service.line import Job, Line, Stopped, StopSign
from uare.service.metrics import Meters
from uare.service.refusals import Refused, closing, refusal_of
from uare.service.requests import Asked, Form, read_request
from uare.service.together import Engine, Verb, work_together
from uare.service.uploads import check_upload

T = TypeVar("T")
CLIENT_GONE = 499  # nginx's number; nobody reads it but the metrics

_log = logging.getLogger("uare.service")


class Desk:
    """Where requests are taken and results handed back."""

    def __init__(self, engine: Engine, limits: Limits, line: Line, meters: Meters) -> None:
        self._engine = engine
        self._limits = limits
        self._line = line
        self._meters = meters

    async def serve(
        self,
        request: Request,
        form: type[Form],
        verb: Verb[Form, Any, Any, T],
        completed: Callable[[Form], Form] = lambda asked: asked,
    ) -> T:
        """What the verb gives for a request of this form. Raises Refused.

        `completed` adds what the request says outside its body.
        """
        path = request.url.path
        stop = StopSign(self._limits.timeout_s)
        job: Job[T] | None = None
        self._line.enter()
        try:
            asked = completed(await read_request(request, form, self._limits))
            pixels = await asyncio.to_thread(self._checked_pixels, asked)
            made: Job[T] = Job(
                kind=(path, verb),
                work=lambda jobs: self._timed(path, verb, jobs),
                asked=asked,
                pixels=pixels,
                stop=stop,
            )
            self._line.start(made)
            job = made
        finally:
            if job is None:
                self._line.leave()
        try:
            return await self._outcome(request, job)
        except Stopped:
            raise self._too_late() if self._line.is_open else closing() from None
        except (UAREError, MemoryError) as error:
            raise refusal_of(error) from error
        except Refused:
            raise
        except Exception as error:
            _log.exception("%s failed for a reason that was not foreseen", request.url.path)
            raise Refused(
                500, "the service failed for a reason that was not foreseen; its log has it"
            ) from error

    def _checked_pixels(self, asked: Asked) -> int:
        """Pixels of all photos of a request. Raises Refused for what is no photo, or too large a one."""
        sizes = [check_upload(upload, role, self._limits.max_pixels) for role, upload in asked.photos.items()]
        return sum(height * width for height, width in sizes)

    def _timed(self, path: str, verb: Verb[Any, Any, Any, Any], jobs: Sequence[Job[Any]]) -> None:
        self._meters.batch_requests.labels(path).observe(len(jobs))
        started = time.perf_counter()
        try:
            work_together(self._engine, verb, jobs)
        finally:
            self._meters.work_seconds.labels(path).observe(time.perf_counter() - started)

    async def _outcome(self, request: Request, job: Job[T]) -> T:
        """Waits for the work; stops it if the time runs out or the client leaves."""
        done = asyncio.wrap_future(job.future)
        gone = asyncio.create_task(_gone(request))
        either: set[asyncio.Future[Any]] = {done, gone}
        try:
            await asyncio.wait(either, timeout=job.stop.left_s, return_when=asyncio.FIRST_COMPLETED)
            if done.done():
                return done.result()
            if gone.done():
                raise Refused(CLIENT_GONE, "the client left")
            raise self._too_late()
        except asyncio.CancelledError:
            if asyncio.current_task().cancelling():  # type: ignore[union-attr]  # this runs in a task
                raise
            raise closing() from None
        finally:
            job.stop.set()
            done.cancel()
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone

    def _too_late(self) -> Refused:
        return Refused(
            504, f"no result within {self._limits.timeout_s:g} s; send a smaller photo, or fewer steps"
        )


async def _gone(request: Request) -> None:
    """Returns when the client has closed its connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
