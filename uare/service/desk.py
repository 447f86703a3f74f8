"""One request from arrival to result: a place in the line, the body, the checks, the work, the wait."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import Request

from uare.errors import UAREError
from uare.service.limits import Limits
from uare.service.line import Job, Line, Stopped, StopSign
from uare.service.metrics import Meters
from uare.service.refusals import Refused, closing, refusal_of
from uare.service.requests import Form, read_request
from uare.service.uploads import check_upload
from uare.service.work import Engine

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
        self, request: Request, form: type[Form], work: Callable[[Engine, Form, StopSign], T]
    ) -> T:
        """The result of `work` for a request of this form. Raises Refused."""
        stop = StopSign(self._limits.timeout_s)
        job: Job[T] | None = None
        self._line.enter()
        try:
            asked = await read_request(request, form, self._limits)
            await asyncio.to_thread(self._check, asked)
            job = self._line.start(lambda sign: self._timed(request.url.path, work, asked, sign), stop)
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

    def _check(self, asked: Form) -> None:
        for role, upload in asked.photos.items():
            check_upload(upload, role, self._limits.max_pixels)

    def _timed(
        self, path: str, work: Callable[[Engine, Form, StopSign], T], asked: Form, stop: StopSign
    ) -> T:
        started = time.perf_counter()
        try:
            return work(self._engine, asked, stop)
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
