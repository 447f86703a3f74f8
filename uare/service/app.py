"""The FastAPI application: its paths, what each asks of the desk, and how results become answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

from uare.batch.loop import Json
from uare.pipeline import UAREPipeline
from uare.saving import FileFormat
from uare.service import work
from uare.service.accept import wants_picture
from uare.service.description import describe, probe_responses, request_body, responses
from uare.service.desk import Desk
from uare.service.door import Door
from uare.service.limits import Limits
from uare.service.line import Line
from uare.service.metrics import Metered, Meters
from uare.service.page import HEADERS, page
from uare.service.refusals import Refused, refusal_answer
from uare.service.requests import AssessAsked, CompareAsked, RestoreAsked
from uare.service.together import Engine

ABOUT = "Says what is wrong with photos, repairs them, and judges the repair. Photos stay in memory."


def create_app(
    pipe: UAREPipeline,
    facts: Json,
    limits: Limits | None = None,
    *,
    api_key: str | None = None,
    hosts: frozenset[str] | None = None,
) -> FastAPI:
    """The service over a loaded pipeline; `facts` are those of `uare.documents.model_facts`.

    api_key: what clients have to send, None for nothing. hosts: see `uare.service.door`.
    """
    limits = limits or Limits()
    line = Line(limits)
    meters = Meters(line)
    desk = Desk(Engine(pipe=pipe, facts=facts, max_pixels=limits.max_pixels), limits, line, meters)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await line.close()

    app = FastAPI(
        title="UARE",
        version=version("uare"),
        description=ABOUT,
        docs_url=None,  # FastAPI's page asks another machine for its scripts
        redoc_url=None,
        lifespan=lifespan,
        exception_handlers={Refused: _refused, HTTPException: _http_error},
    )
    add_verbs(app, desk)
    add_probes(app, line, meters)
    app.openapi = partial(describe, app, has_key=api_key is not None)  # type: ignore[method-assign]
    paths = [route.path for route in app.routes if hasattr(route, "path")]
    app.add_middleware(Door, api_key=api_key, hosts=hosts)
    app.add_middleware(Metered, meters=meters, paths=paths)  # outside: refusals at the door count too
    return app


def add_verbs(app: FastAPI, desk: Desk) -> None:
    """The three verbs."""

    @app.post("/v1/assess", responses=responses("assess"), openapi_extra=request_body(AssessAsked))
    async def assess(request: Request) -> Response:
        """Says how good a photo is and what is wrong with it."""
        return JSONResponse(await desk.serve(request, AssessAsked, work.ASSESS))

    @app.post("/v1/compare", responses=responses("compare"), openapi_extra=request_body(CompareAsked))
    async def compare(request: Request) -> Response:
        """Says which of two photos is better, and why."""
        return JSONResponse(await desk.serve(request, CompareAsked, work.COMPARE))

    @app.post(
        "/v1/restore",
        responses=responses("restore-answer", with_images=True),
        openapi_extra=request_body(RestoreAsked),
    )
    async def restore(request: Request) -> Response:
        """Repairs a photo. Answers with JSON that holds it, or, if Accept asks for one, with a picture."""
        wanted = wants_picture(request.headers.get("accept"))
        picture = await desk.serve(request, RestoreAsked, work.RESTORE, partial(_with_format, wanted))
        if wanted is False:
            return JSONResponse(picture.with_base64())
        return Response(
            picture.content,
            media_type=picture.media_type,
            headers={"UARE-Status": picture.document["status"], "X-Content-Type-Options": "nosniff"},
        )


def add_probes(app: FastAPI, line: Line, meters: Meters) -> None:
    """Health, readiness, metrics and the page for people."""

    def state(is_well: bool) -> JSONResponse:
        content = {"status": "ok" if is_well else "closing"}
        numbers = {"places": line.places, "places_taken": line.taken}
        return JSONResponse(content | numbers, 200 if is_well else 503)

    @app.get("/healthz", responses=probe_responses(200))
    async def healthz() -> Response:
        """Whether the process answers."""
        return state(True)

    @app.get("/readyz", responses=probe_responses(200, 503))
    async def readyz() -> Response:
        """Whether it takes requests: the model is loaded and the service is not closing."""
        return state(line.is_open)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(meters.as_text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(page(app.openapi()), headers=HEADERS)


def _with_format(wanted: bool | FileFormat, asked: RestoreAsked) -> RestoreAsked:
    """The request with the format that its header wants. Raises Refused where header and field disagree."""
    if isinstance(wanted, bool):
        return asked
    if asked.format is not None and work.format_named(asked.format) != wanted:
        raise Refused(
            422, f"format is {asked.format} and Accept asks for {work.media_type_of(wanted)}; leave one out"
        )
    return asked.model_copy(update={"format": wanted.suffixes[0].removeprefix(".")})


async def _refused(_: Request, error: Any) -> Response:
    return refusal_answer(error)


async def _http_error(_: Request, error: Any) -> Response:
    """What the framework refuses by itself: unknown paths and methods."""
    sentences = {404: "there is no such path; see /docs", 405: "the path takes another method; see /docs"}
    return refusal_answer(
        Refused(error.status_code, sentences.get(error.status_code, error.detail), error.headers)
    )
