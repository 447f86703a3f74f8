"""The pages of a study over HTTP: consent, pairs, answers. A shell around `Study`.

Blind: a browser learns sides and never sources, names of files, or which picture is A. Nothing is fetched
from anywhere else, and only pictures of pairs that were shown to a person are sent to that person.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from data.votes import NONE, OVERALL, A, B
from demo.study_kit.settings import FLAGS, QUESTIONS
from demo.study_kit.store import Ballot, Showing, StorageError
from demo.study_kit.study import Study, WithdrawnError
from uare.errors import InputError

WEB = Path(__file__).with_name("web")
FILES = {
    "study.css": WEB / "study.css",
    "study.js": WEB / "study.js",
    "zoom.js": Path(__file__).parents[1] / "web" / "zoom.js",
}
LEFT, RIGHT = "left", "right"
MOST_BYTES = 16_384  # of a request; a ballot has a few hundred
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address of a page is the key to it
    "X-Content-Type-Options": "nosniff",
}
WITHDRAWN = "Everything you said is erased. You can close this page; thank you for having come."
Next = Callable[[Request], Awaitable[Response]]


class SentBallot(BaseModel):
    """A ballot as the page sends it, by sides."""

    model_config = ConfigDict(extra="forbid", strict=True)

    showing: int
    choices: dict[str, str] = Field(max_length=len(QUESTIONS))  # question -> left, right or none
    flags: dict[str, list[str]] = Field(default_factory=dict, max_length=len(FLAGS))  # flag -> left, right
    seconds: float | None = None


def create_app(study: Study) -> FastAPI:
    """The pages of one study. Endpoints that wait for the database run in threads."""
    app = FastAPI(title=study.settings.title, docs_url=None, redoc_url=None, openapi_url=None)
    _guard(app)

    @app.get("/", response_class=HTMLResponse)
    def first_page() -> str:
        paragraphs = [f"<p>{escape(one)}</p>" for one in study.settings.consent.split("\n\n")]
        return _page("consent.html", title=escape(study.settings.title), consent="\n".join(paragraphs))

    @app.post("/join")
    async def join(request: Request) -> Response:
        given = parse_qs((await request.body()).decode("utf-8", "replace"))
        if given.get("consent") != ["yes"]:
            raise InputError("nothing starts without your consent; tick the box if you agree")
        person = await run_in_threadpool(study.join)
        return RedirectResponse(f"/s/{study.token_of(person)}", status_code=303)

    @app.get("/s/{token}", response_class=HTMLResponse)
    def vote_page(token: str) -> str:
        study.person_of(token)
        return _page("vote.html", title=escape(study.settings.title), base=f"/s/{escape(token)}")

    @app.get("/s/{token}/withdraw", response_class=HTMLResponse)
    def withdraw_page(token: str) -> str:
        study.person_of(token)
        return _page("withdraw.html", title=escape(study.settings.title), base=f"/s/{escape(token)}")

    @app.post("/s/{token}/withdraw", response_class=HTMLResponse)
    def withdraw(token: str) -> str:
        study.withdraw(study.person_of(token))
        return _page("message.html", title="You have withdrawn", message=WITHDRAWN)

    @app.get("/s/{token}/next")
    def next_step(token: str, rested: bool = False) -> dict[str, object]:
        step = study.next_step(study.person_of(token), rested=rested)
        return {
            "kind": step.kind,
            "showing": step.showing.id if step.showing else None,
            "done": step.done,
            "most": step.most,
            "questions": [{"name": name, "text": QUESTIONS[name]} for name in study.settings.questions],
            "flags": [{"name": name, "text": FLAGS[name]} for name in study.settings.flags],
        }

    @app.post("/s/{token}/answer")
    def answer(token: str, sent: SentBallot) -> dict[str, object]:
        person = study.person_of(token)
        showing, _ = study.showing(person, sent.showing)
        ballot = _by_names(sent, showing)
        study.answer(person, showing.id, ballot)
        right, why = study.feedback(showing, ballot.choices[OVERALL]) or (None, "")
        return {"stored": True, "right": right, "why": why}

    @app.get("/s/{token}/picture/{showing}/{side}")
    def picture(token: str, showing: int, side: str) -> Response:
        found, pair = study.showing(study.person_of(token), showing)
        path = pair.path_a if _name(side, found) == A else pair.path_b
        if not path.is_file():
            raise HTTPException(404, "the picture is gone")
        # bytes and not a FileResponse: its headers tell times by which a source could be known
        return Response(path.read_bytes(), media_type=mimetypes.guess_type(path.name)[0])

    @app.get("/web/{name}")
    def web(name: str) -> Response:
        if name not in FILES:
            raise HTTPException(404, "there is no such file")
        return FileResponse(FILES[name])

    @app.get("/progress/{token}")
    def progress(token: str) -> dict[str, object]:
        study.check_organiser(token)
        return dict(study.progress())

    @app.get("/health")
    def health() -> dict[str, object]:
        return {"ok": True}

    return app


def _guard(app: FastAPI) -> None:
    """What holds for every request: headers, a bound on its size, and errors as sentences."""

    @app.middleware("http")
    async def guarded(request: Request, call_next: Next) -> Response:
        if request.method == "POST":
            length = request.headers.get("content-length", "")
            if not length.isdigit() or int(length) > MOST_BYTES:
                return _error(request, 413, f"a request may have {MOST_BYTES} bytes and must say how many")
        response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    @app.exception_handler(WithdrawnError)
    async def gone(request: Request, error: WithdrawnError) -> Response:
        return _error(request, 410, str(error))

    @app.exception_handler(InputError)
    async def refused(request: Request, error: InputError) -> Response:
        return _error(request, 404 if "link" in str(error) else 400, str(error))

    @app.exception_handler(StorageError)
    async def full(request: Request, error: StorageError) -> Response:
        return _error(request, 507, str(error))

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, _: RequestValidationError) -> Response:
        return _error(request, 400, "this is no ballot; reload the page")

    @app.exception_handler(HTTPException)
    async def absent(request: Request, error: HTTPException) -> Response:
        return _error(request, error.status_code, str(error.detail))


def _error(request: Request, status: int, text: str) -> Response:
    """A page for people, JSON for the page's script."""
    if "text/html" in request.headers.get("accept", ""):
        content = _page("message.html", title="This does not go on here", message=escape(text))
        return HTMLResponse(content, status_code=status, headers=HEADERS)
    return JSONResponse({"error": text}, status_code=status, headers=HEADERS)


def _page(name: str, **fields: str) -> str:
    return Template((WEB / name).read_text(encoding="utf-8")).substitute(fields)


def _name(side: str, showing: Showing) -> str:
    """The pair's own name of what stood on a side."""
    if side not in (LEFT, RIGHT):
        raise InputError(f"found the side {side!r}, expected left or right")
    return A if (side == LEFT) == (showing.shown_order == "AB") else B


def _by_names(sent: SentBallot, showing: Showing) -> Ballot:
    """A ballot by the pair's own names; `Study` checks questions and flags."""
    return Ballot(
        choices={
            question: NONE if side == NONE else _name(side, showing)
            for question, side in sent.choices.items()
        },
        flags={
            flag: "".join(sorted({_name(side, showing) for side in sides}))
            for flag, sides in sent.flags.items()
        },
        seconds=sent.seconds,
    )
