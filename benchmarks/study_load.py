"""How many people can vote at once: a study served on loopback, and as many simulated browsers.

    python benchmarks/study_load.py [--people 50] [--votes 20] [--schedule active]

Everybody fetches the next pair and both pictures (together a "page"), then votes, without a pause. Prints
votes per second and the 50th and 95th percentile of pages and of votes, and ends in a line of JSON. Exit code
1 if any request failed, or a confirmed vote is not in the database.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import json
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from urllib.parse import urlsplit

import numpy as np
import yaml
from PIL import Image

from data.votes import read_votes

SOURCES = ("a", "b", "c", "d", "e", "f")
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
    parser = argparse.ArgumentParser(description="Load of a study on this machine.")
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--votes", type=int, default=20, help="of each person")
    parser.add_argument("--schedule", choices=("all", "swiss", "active"), default="active")
    chosen = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        return _measure(Path(folder), chosen.people, chosen.votes, chosen.schedule)


def _measure(folder: Path, number: int, votes: int, schedule: str) -> int:
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
    return _report(people, stored, elapsed_s, schedule)


def _report(people: Sequence[Person], stored: int, elapsed_s: float, schedule: str) -> int:
    problems = [problem for person in people for problem in person.problems]
    pages = np.array([one for person in people for one in person.pages_s])
    votes = np.array([one for person in people for one in person.votes_s])
    found = {
        "people": len(people),
        "schedule": schedule,
        "votes": len(votes),
        "stored": stored,
        "failed": len(problems),
        "votes_per_s": round(len(votes) / elapsed_s, 1),
        **{f"page_p{q}_ms": round(1000 * float(np.percentile(pages, q))) for q in (50, 95)},
        **{f"vote_p{q}_ms": round(1000 * float(np.percentile(votes, q))) for q in (50, 95)},
    }
    for name, value in found.items():
        print(f"{name:>14}  {value}")
    for problem in problems[:5]:
        print(f"problem: {problem}", file=sys.stderr)
    print(json.dumps(found))
    return 0 if not problems and stored == len(votes) else 1


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
