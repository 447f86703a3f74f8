"""The real process: told to end, it answers what it has taken; a start that cannot work is said."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from tests.uare.command_line import Command, assert_wrong_call, run
from tests.uare.serving import as_base64, photo_file, until
from uare.service.door import LOOPBACK_NAMES
from uare.service.server import allowed_hosts, bound_socket

KEY = "open-sesame"


@contextmanager
def service(model: Path, **variables: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The command `uare serve` on a free port of loopback, and that port."""
    arguments = ["--port", "0", "-n", str(model), "--device", "cpu", "--dtype", "float32"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from uare.cli import main; main()", "serve", *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | variables,
    )
    try:
        assert process.stderr is not None
        said = iter(process.stderr.readline, "")
        port = next(int(found[1]) for line in said if (found := re.search(r"127\.0\.0\.1:(\d+)", line)))
        yield process, port
    finally:
        process.kill()
        process.communicate()


def ask(port: int, method: str, path: str, body: object = None, key: str = KEY) -> tuple[int, dict]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return True
    return False


def test_sigterm_lets_requests_that_were_taken_finish_and_takes_no_more(model_folder: Path) -> None:
    photo = {"image": as_base64(photo_file(height=256, width=256)), "analyse": False, "verify": False}
    with service(model_folder, UARE_API_KEY=KEY) as (process, port), ThreadPoolExecutor() as threads:
        assert ask(port, "POST", "/v1/assess", photo, key="wrong")[0] == 401
        both = [threads.submit(ask, port, "POST", "/v1/restore", {**photo, "steps": 100}) for _ in range(2)]
        until(lambda: ask(port, "GET", "/readyz")[1]["places_taken"] == 2)
        assert not any(one.done() for one in both)
        process.send_signal(signal.SIGTERM)
        until(lambda: is_refused(port))
        assert not all(one.done() for one in both)  # it has not waited for them before it closed the door
        for status, document in (one.result() for one in both):
            assert (status, document["document"]) == (200, "restore-answer")
        assert process.wait(30) == 0


# --- starts that cannot work ---


def test_a_port_that_is_taken_is_a_wrong_call(uare: Command) -> None:
    with closing(bound_socket("127.0.0.1", 0)) as other:
        other.listen()
        port = str(other.getsockname()[1])
        assert_wrong_call(uare("serve", "--port", port), f"cannot listen at 127.0.0.1 port {port}")


@pytest.mark.parametrize("host", ["256.1.1.1", "no such host", "192.0.2.1"])
def test_an_address_that_is_not_ours_is_a_wrong_call(uare: Command, host: str) -> None:
    assert_wrong_call(uare("serve", "--port", "0", "--host", host), f"cannot listen at {host}")


def test_a_model_that_is_missing_is_a_wrong_call() -> None:
    assert_wrong_call(run("serve", "--port", "0", "--model", "/nowhere"), "/nowhere")


@pytest.mark.parametrize("content", [b"", b"  \n", b"two\nlines", "sch\u00f6n".encode(), b"\xff"])
def test_a_file_that_holds_no_key_is_a_wrong_call(uare: Command, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    assert_wrong_call(uare("serve", "--port", "0", "--api-key-file", tmp_path / "key"), str(tmp_path / "key"))
    assert_wrong_call(uare("serve", "--port", "0", "--api-key-file", tmp_path / "none"), "cannot be read")


def test_without_the_extra_the_command_says_what_to_install(
    uare: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uare.service.app", None)
    assert_wrong_call(uare("serve"), 'pip install "uare[serve]"')


def test_only_on_loopback_are_host_names_checked() -> None:
    with closing(bound_socket("127.0.0.1", 0)) as inside, closing(bound_socket("0.0.0.0", 0)) as outside:
        assert allowed_hosts(inside) == LOOPBACK_NAMES
        assert allowed_hosts(outside) is None
