"""The process around the application: its socket, its key, and how it ends."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from uare.errors import InputError
from uare.screen import Screen
from uare.service.door import LOOPBACK_NAMES
from uare.service.limits import Limits

KEY_VARIABLE = "UARE_API_KEY"
CONNECTIONS = 256  # open at a time; each costs little before it has a place in the line
GRACE_S = 5.0  # for answers to be sent after the last work has ended


def read_key(file: Path | None) -> str | None:
    """The key of the file, else of the environment, else None. Raises InputError for one that is no key."""
    if file is None:
        key = os.environ.get(KEY_VARIABLE)
        if key is None:
            return None
        source = f"the variable {KEY_VARIABLE}"
    else:
        source = str(file)
        try:
            key = file.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise InputError(f"the key file {file} cannot be read ({error}); check it") from error
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable():
        raise InputError(f"{source} holds no key; write one line of letters and digits into it")
    return key


def bound_socket(host: str, port: int) -> socket.socket:
    """A socket at this address that does not listen yet. InputError where the address cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise InputError(
            f"the service cannot listen at {host} port {port} ({error.strerror or error}); choose another"
        ) from error
    return listener


def is_loopback(listener: socket.socket) -> bool:
    """Whether only this machine reaches it."""
    return ipaddress.ip_address(listener.getsockname()[0]).is_loopback


def allowed_hosts(listener: socket.socket) -> frozenset[str] | None:
    """The names under which requests may ask for it; None for any, since others know this machine by any."""
    if not is_loopback(listener):
        return None
    return LOOPBACK_NAMES | {listener.getsockname()[0]}


def run(app: FastAPI, listener: socket.socket, limits: Limits, screen: Screen, *, has_key: bool) -> None:
    """Serves until SIGTERM or Ctrl-C; requests that were taken by then are answered, new ones refused."""
    config = uvicorn.Config(
        app,
        log_level="warning" if screen.is_quiet else "info",
        access_log=not screen.is_quiet,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=round(limits.timeout_s + GRACE_S),
    )
    host, port = listener.getsockname()[:2]
    if not has_key and not is_loopback(listener):
        screen.note("other machines reach this service and it asks for no key; see --api-key-file")
    listener.listen(CONNECTIONS)
    screen.note(f"serving at http://{f'[{host}]' if ':' in host else host}:{port}, paths at /docs")
    # uvicorn raises the signal again when it is done; without a handler the process would end in an error
    signal.signal(signal.SIGTERM, lambda *_: None)
    uvicorn.Server(config).run(sockets=[listener])
