"""Who may come in: requests that name this host, and, where there is a key, those that hold it."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from uare.service.refusals import Refused, refusal_answer

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN_PATHS = frozenset({"/healthz", "/readyz"})  # probes have no key


class Door:
    """Refuses before anything of a request's body is read.

    hosts: the names under which the service is asked for; None takes any. On loopback this keeps out web
    pages whose name was made to point here (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, api_key: str | None, hosts: frozenset[str] | None) -> None:
        self._app = app
        self._key = None if api_key is None else api_key.encode()
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refusal(scope) if scope["type"] == "http" else None
        answers = self._app if refused is None else refusal_answer(refused)
        await answers(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refused | None:
        headers = Headers(scope=scope)
        if self._hosts is not None and _host(headers.get("host", "")) not in self._hosts:
            return Refused(403, "the request names another host; ask for 127.0.0.1 or localhost")
        if self._key is None or scope["path"] in OPEN_PATHS:
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        # bytes: of texts, only ASCII can be compared in constant time
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._key):
            return None
        return Refused(
            401,
            "this service needs its key; send the header Authorization: Bearer KEY",
            {"WWW-Authenticate": "Bearer"},
        )


def _host(header: str) -> str | None:
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:  # brackets that do not close
        return None
