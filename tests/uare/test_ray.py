"""Ray on this machine: the ledger of a triage through killed workers, and the service in replicas.

The real model works here. A start of Ray takes many seconds, so all but the checks of the call are slow.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.uare.command_line import assert_wrong_call, run
from tests.uare.serving import QUICK, as_base64

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="the extra ray is not installed"
)
WAIT_S = 900.0  # on a machine that is busy with other work; seconds on a quiet one
SIDE_PX, NUM_PHOTOS = 64, 6
# As the kernel writes 127.0.0.1, the same within IPv6, and ::1.
LOOPBACK = ("0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000")


def photo_folder(folder: Path, count: int) -> Path:
    """Different crops of a sample photo."""
    data = pytest.importorskip("skimage.data", reason="the sample photos come with scikit-image")
    pixels = data.coffee()
    folder.mkdir()
    for number in range(count):
        left = 20 * number
        crop = pixels[100 : 100 + SIDE_PX, left : left + SIDE_PX]
        Image.fromarray(crop).save(folder / f"{number:02}.png")
    return folder


@contextmanager
def command(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`uare` as a process of its own session, which is killed as a whole at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from uare.cli import main; main()", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        # Ray gives its workers a niceness of 15 more, with which they never finish on a busy machine.
        env=os.environ | {"OMP_NUM_THREADS": "1", "RAY_worker_niceness": "0"},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with_children = [process.pid, *descendants(process.pid)]
        for pid in with_children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate()


def descendants(pid: int) -> list[int]:
    """The processes that it has started, and those that they have."""
    parents: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(status.parent.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found[1:]


def workers_of(pid: int) -> list[int]:
    """The worker processes of Ray Data that have a model of ours."""
    return [one for one in descendants(pid) if "MapWorker" in _title(one)]


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def entries(ledger: Path) -> list[dict[str, Any]]:
    if not ledger.exists():
        return []
    return [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]


def until(is_so: Any, process: subprocess.Popen[str], seconds: float = WAIT_S) -> None:
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends, "waited in vain"
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def listens_elsewhere(pids: list[int]) -> list[str]:
    """Addresses other than loopback at which these processes listen."""
    sockets = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                sockets |= set(re.findall(r"socket:\[(\d+)\]", os.readlink(descriptor)))
            except OSError:
                continue
    rows = [
        line.split()
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
    ]
    listening = [row[1].partition(":")[0] for row in rows if row[3] == "0A" and row[9] in sockets]
    return [address for address in listening if address not in LOOPBACK]


def test_options_of_ray_without_ray_are_refused(tmp_path: Path) -> None:
    assert_wrong_call(run("triage", tmp_path, "--workers", "2"), "--workers", "--ray")
    assert_wrong_call(run("serve", "--address", "auto"), "--address", "--ray")


def test_without_the_extra_the_command_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # an import of it fails
    folder = photo_folder(tmp_path / "in", 1)
    assert_wrong_call(run("triage", folder, "-o", tmp_path / "out", "--ray"), 'pip install "uare[ray]"')


@needs_ray
@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_a_killed_worker_loses_nothing_and_the_ledger_is_that_of_one_process(tmp_path: Path) -> None:
    folder, out = photo_folder(tmp_path / "in", NUM_PHOTOS), tmp_path / "out"
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n of nothing")
    options = ["--below", "excellent", "--dtype", "float32", "--device", "cpu"]
    arguments = ["triage", str(folder), "-o", str(out), "--ray", "--workers", "2", "--json", *options]
    with command(*arguments) as process:
        until(lambda: len(entries(out / "triage.jsonl")) >= 1, process)
        assert listens_elsewhere([process.pid, *descendants(process.pid)]) == []
        victims = workers_of(process.pid)
        assert victims
        os.kill(victims[0], signal.SIGKILL)
        said, complaints = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1, complaints  # the broken file
    document = json.loads(said)
    assert len(document["results"]) == NUM_PHOTOS and len(document["failures"]) == 1
    assert "broken.png" in document["failures"][0]["error"]

    by_ray = {one["input"]: one for one in entries(out / "triage.jsonl")}
    assert len(by_ray) == len(entries(out / "triage.jsonl")) == NUM_PHOTOS + 1  # each photo once
    alone = run("triage", folder, "-o", tmp_path / "alone", "--json", *options)
    for entry in entries(tmp_path / "alone" / "triage.jsonl"):
        other = by_ray[entry["input"]]
        assert entry.keys() == other.keys()
        assert {key: entry[key] for key in entry if key != "output"} == {
            key: other[key] for key in entry if key != "output"
        }
    assert alone.code == 1
    again = run("triage", folder, "-o", out, "--json", *options)
    assert (len(again.document["skipped"]), len(again.results)) == (NUM_PHOTOS, 0)
    assert (out / "triage.html").is_file()


@needs_ray
@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_the_service_answers_from_replicas_and_outlives_one(tmp_path: Path) -> None:
    pytest.importorskip("fastapi", reason="the extra serve is not installed")
    photo = photo_folder(tmp_path / "in", 1) / "00.png"
    body = {"image": as_base64(photo.read_bytes())}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with command("serve", "--ray", "--replicas", "2", "--port", str(port), "--dtype", "float32") as process:
        until(lambda: is_ready(port), process)
        assert listens_elsewhere([process.pid, *descendants(process.pid)]) == []
        status, document = ask(port, "POST", "/v1/assess", body)
        assert (status, document["document"]) == (200, "assess")
        assert (
            document["results"][0]["assessment"]["score"]
            == run("assess", photo, "--json", "--dtype", "float32").results[0]["assessment"]["score"]
        )
        status, document = ask(port, "POST", "/v1/restore", body | QUICK)
        assert (status, document["document"]) == (200, "restore-answer")
        assert ask(port, "POST", "/v1/assess", {"image": "nothing"})[0] == 422
        assert ask(port, "GET", "/healthz", host="elsewhere.example")[0] == 403
        replicas = [one for one in descendants(process.pid) if "ServeReplica" in _title(one)]
        assert len(replicas) == 2
        os.kill(replicas[0], signal.SIGKILL)
        answers = [ask(port, "POST", "/v1/assess", body)[0] for _ in range(4)]
        assert answers.count(200) >= 3, answers  # one may have been on its way to the dead replica
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0


def is_ready(port: int) -> bool:
    try:
        return ask(port, "GET", "/readyz")[0] == 200
    except OSError:
        return False


def ask(port: int, method: str, path: str, body: object = None, host: str = "127.0.0.1") -> tuple[int, Any]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)) as connection:
        headers = {"Content-Type": "application/json", "Host": host}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content.startswith(b"{") else content
