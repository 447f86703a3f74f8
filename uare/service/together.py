"""Several requests of one verb as one batch; each keeps its own result, its own error and its own end.

Photos are decoded, looked at and restored one after the other: no score depends on who else asks, and sizes
may differ. What is done for all at once is the writing of words, which takes most of the time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from uare.assess import OnText
from uare.batch.loop import Json
from uare.pipeline import UAREPipeline
from uare.service.line import Job, StopSign
from uare.service.requests import Form

Prepared = TypeVar("Prepared")
Shared = TypeVar("Shared")
T = TypeVar("T")
Ready: TypeAlias = tuple[Job[Any], Any]  # a job, and what was prepared for it

_log = logging.getLogger("uare.service")


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The pipeline, and what its documents say about the model."""

    pipe: UAREPipeline
    facts: Json
    max_pixels: int  # of a result


@dataclass(frozen=True, kw_only=True)
class Verb(Generic[Form, Prepared, Shared, T]):
    """What the thread of the model does for a request, in three steps; the middle one is for several."""

    prepare: Callable[[Engine, Form], Prepared]
    share: Callable[[Engine, Sequence[Prepared], OnText], list[Shared]]
    finish: Callable[[Engine, Form, Prepared, Shared, StopSign], T]


def work_together(engine: Engine, verb: Verb[Any, Any, Any, Any], jobs: Sequence[Job[Any]]) -> None:
    """Gives every job its result, or the error that was its own."""
    ready: list[Ready] = []
    for job in jobs:
        with _answering(job):
            job.stop.check()
            ready.append((job, verb.prepare(engine, job.asked)))
    for job, prepared, shared in _shared(engine, verb, ready):
        with _answering(job):
            job.stop.check()
            job.future.set_result(verb.finish(engine, job.asked, prepared, shared, job.stop))


@contextmanager
def _answering(job: Job[Any]) -> Iterator[None]:
    """Hands an error to the request whose work it ends."""
    try:
        yield
    except Exception as error:
        job.future.set_exception(error)


def _shared(
    engine: Engine, verb: Verb[Any, Any, Any, Any], ready: Sequence[Ready]
) -> Iterator[tuple[Job[Any], Any, Any]]:
    """Job, what was prepared, and its share of what is done together.

    Where that fails it is done one by one, so that no request fails for another's sake.
    """
    if not ready:
        return
    stops = [job.stop for job, _ in ready]
    try:
        shares = verb.share(engine, [prepared for _, prepared in ready], lambda i, _: stops[i].is_up)
    except Exception as error:
        if len(ready) == 1:
            ready[0][0].future.set_exception(error)
            return
        _log.warning("a batch of %d requests failed (%s); each is tried alone", len(ready), error)
        for one in ready:
            yield from _shared(engine, verb, [one])
        return
    for (job, prepared), share in zip(ready, shares, strict=True):
        yield job, prepared, share
