"""How many people can vote at once: a study served on loopback, and as many simulated browsers.

    python benchmarks/study_load.py --output docs/results

Everybody fetches the next pair and both pictures, then votes, without a pause; the simulated people run on
the same cores. Measured is what they wait for. Exit code 1 if any request failed, or a confirmed vote is not
in the database.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import json
import re
import shlex
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from urllib.parse import urlsplit

import numpy as np
import torch
import yaml
from PIL import Image

from benchmarks.inference import available_cores
from benchmarks.table import Measured, describe_machine, publish
from data.votes import read_votes

SOURCES = ("a", "b", "c", "d", "e", "f")
SCHEDULES = ("all", "swiss", "active")
SIZE_PX = 384
PROGRAM = Path(__file__).resolve().parents[1] / "demo/study.py"


class Person:
    """One simulated browser with a connection that stays open."""

    def __init__(self, host: str, number: int) -> None:
        self.connection = HTTPConnection(host, timeout=60)
        self.random = np.random.default_rng(number)
        self.pages_s: list[float] = []
        self.votes_s: list[float] = []
        self.problems: list[str] = []

    def vote(self, number: int) -> None:
        """Joins, and votes so often."""
        try:
            own = self._join()
            for _ in range(number):
                began = time.perf_counter()
                step = json.loads(self._ask("GET", f"{own}/next?rested=1"))
                for side in ("left", "right"):
                    self._ask("GET", f"{own}/picture/{step['showing']}/{side}")
                self.pages_s.append(time.perf_counter() - began)
                side = str(self.random.choice(["left", "right", "none"]))
                ballot = {"showing": step["showing"], "choices": {"overall": side}, "seconds": 1.0}
                began = time.perf_counter()
                self._ask("POST", f"{own}/answer", json.dumps(ballot).encode())
                self.votes_s.append(time.perf_counter() - began)
        except (OSError, ValueError, RuntimeError) as error:
            self.problems.append(repr(error))

    def _join(self) -> str:
        self.connection.request("POST", "/join", b"consent=yes")
        answer = self.connection.getresponse()
        content, own = answer.read(), answer.getheader("location")
        if answer.status != 303 or own is None:
            raise RuntimeError(f"join: {answer.status} {content[:100]!r}")
        return own

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """The body of an answer; RuntimeError for a refusal."""
        headers = {"Content-Type": "application/json"} if body else {}
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path.rpartition('/')[2]}: {answer.status} {content[:100]!r}")
        return content


def main(argv: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(description="Load of a study on this machine.")
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--votes", type=int, default=20, help="of each person")
    parser.add_argument("--schedule", nargs="+", choices=SCHEDULES, default=SCHEDULES)
    parser.add_argument("--output", type=Path, help="folder for study-load.md, for example docs/results")
    chosen = parser.parse_args(given)
    rows: list[Measured] = []
    for schedule in chosen.schedule:
        with tempfile.TemporaryDirectory() as folder:
            rows += measure(Path(folder), chosen.people, chosen.votes, schedule)
    machine = describe_machine(torch.device("cpu"), torch.float32, available_cores())
    used = {name: machine[name] for name in ("device", "threads", "system", "python")}
    command = shlex.join(["python", "benchmarks/study_load.py", *given])
    file = chosen.output and chosen.output / "study-load.md"
    publish("A study under load", command, used, rows, file)
    return 0 if all(row.reached is not False for row in rows) else 1


def measure(folder: Path, number: int, votes: int, schedule: str) -> list[Measured]:
    """Rows of one schedule: what `number` people wait for who give `votes` votes each."""
    config = _study(folder, number, votes, schedule)
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), "--config", str(config), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            address = next(
                found[0] for line in process.stdout if (found := re.search(r"http://[\w.:]+", line))
            )
            people = [Person(urlsplit(address).netloc, one) for one in range(number)]
            threads = [threading.Thread(target=person.vote, args=(votes,)) for person in people]
            began = time.perf_counter()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            elapsed_s = time.perf_counter() - began
        finally:
            process.terminate()
            process.wait(30)
    stored = len(read_votes(folder / "votes.sqlite").votes)
    return _rows(people, stored, elapsed_s, f"`{schedule}`, {number} people")


def _rows(people: Sequence[Person], stored: int, elapsed_s: float, name: str) -> list[Measured]:
    problems = [problem for person in people for problem in person.problems]
    for problem in problems[:5]:
        print(f"problem: {problem}", file=sys.stderr)
    pages = np.array([one for person in people for one in person.pages_s])
    votes = np.array([one for person in people for one in person.votes_s])
    waits = [
        Measured(what=f"{name}: {what}, p{share}", value=float(np.percentile(seconds, share)), unit="s")
        for what, seconds in (("pair with both pictures", pages), ("vote", votes))
        for share in (50, 95)
    ]
    lost = len(votes) - stored
    return [
        Measured(what=f"{name}: votes", value=len(votes) / elapsed_s, unit="/s"),
        *waits,
        Measured(what=f"{name}: confirmed votes", value=len(votes), unit=""),
        Measured(what=f"{name}: of these not on the disk", value=lost, unit="", aim=("≤", 0)),
        Measured(what=f"{name}: people with a failed request", value=len(problems), unit="", aim=("≤", 0)),
    ]


def _study(folder: Path, people: int, votes: int, schedule: str) -> Path:
    """Pictures of six sources, photos enough that nobody runs out of pairs."""
    random = np.random.default_rng(0)
    per_photo = len(SOURCES) * (len(SOURCES) - 1) // 2
    for photo in range(2 * votes // per_photo + 4):
        for source in SOURCES:
            path = folder / "pictures/noise" / f"photo{photo}" / f"{source}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = random.integers(0, 255, (SIZE_PX // 8, SIZE_PX // 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((SIZE_PX, SIZE_PX)).save(path)
    content = {
        "pictures": "pictures",
        "most_people": people,
        "schedule": {"kind": schedule, "votes_per_pair": people},
        "checks": {"gold_share": 0.0, "repeat_share": 0.1},
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


if __name__ == "__main__":
    raise SystemExit(main())
