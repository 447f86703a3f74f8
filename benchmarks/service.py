"""What the service does under load: `python benchmarks/service.py`, with the extra `serve`.

Clients in threads send requests over loopback, each the next one when it has its answer. Measured is what
they wait for, with the service working one by one and with batches of several limits, in turn, so that other
work on the machine falls on all alike. One ratio compares the pace one by one with that of the same work in
this process without HTTP, the others compare batches with one by one. Every answer of a batch is held against
the one that the same photo got one by one.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import http.client
import json
import os
import re
import shlex
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import torch
from PIL import Image

from benchmarks.inference import available_cores
from benchmarks.table import Measured, describe_machine, publish
from uare.checkpoints.folders import DEFAULT_MODEL
from uare.documents import model_facts
from uare.errors import InputError, UAREError
from uare.images import Photo, load_photo_bytes
from uare.pipeline import UAREPipeline

BOUNDARY = "benchmark"
WAIT_S = 600.0
ROUNDS = 2  # in which every limit of batches has its turn
ROLES = {"assess": ("image",), "compare": ("a", "b"), "restore": ("image",)}
UNSTEADY = ("timings",)  # fields of answers that differ each time


@dataclass(frozen=True, kw_only=True)
class Load:
    """How much is asked of the service."""

    clients: int
    requests: int  # of each verb, to each service
    side_px: int
    batches: tuple[int, ...]  # limits, each that of a service beside the one that works one by one


@dataclass(kw_only=True)
class Tally:
    """What the clients of one service saw of one verb."""

    waited: list[float] = field(default_factory=list)  # s, of each request
    total_s: float = 0.0
    answers: list[Any] = field(default_factory=list)  # in the order of the requests

    @property
    def pace(self) -> float:
        """Answers a second."""
        return len(self.waited) / self.total_s

    def slow(self, share: float) -> float:
        """Seconds that this share of the requests did not exceed."""
        ordered = sorted(self.waited)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes `service.md` where asked; returns the exit code."""
    given = sys.argv[1:] if argv is None else list(argv)
    options = _parser().parse_args(given)
    num_threads = options.threads or available_cores()
    torch.set_num_threads(num_threads)
    try:
        if min(options.clients, options.requests, options.size, num_threads, *options.batch) < 1:
            raise InputError("--clients, --requests, --size, --batch and --threads must be at least 1")
        pipe = UAREPipeline.from_pretrained(options.model, device=options.device, dtype=options.dtype)
        load = Load(
            clients=options.clients,
            requests=options.requests,
            side_px=options.size,
            batches=tuple(options.batch),
        )
        rows = measure(pipe, load)
        machine = describe_machine(pipe.model.device, pipe.model.dtype, num_threads)
        busy = f"{os.getloadavg()[0]:.1f} on {available_cores()} cores"  # other programs, before ours
        machine["load average"] = busy
        command = shlex.join(["python", "benchmarks/service.py", *given])
        file = options.output and options.output / "service.md"
        publish("The service under load", command, machine, rows, file)
    except (UAREError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def measure(pipe: UAREPipeline, load: Load) -> list[Measured]:
    """Throughput and the middle and the slow end of waiting times, of each verb and limit of batches."""
    photos = [sample_photo(load.side_px, seed) for seed in range(load.requests)]
    rows = []
    with ExitStack() as services:
        ports = {
            limit: services.enter_context(served(pipe, load.clients, limit)) for limit in (1, *load.batches)
        }
        for verb, roles in ROLES.items():
            bodies = [form(roles, [*photos[i:], *photos]) for i in range(load.requests)]
            alone_s = seconds_alone(pipe, verb, photos)
            tallies = {limit: Tally() for limit in ports}
            for turn in range(ROUNDS):
                for limit, port in ports.items():
                    ask_all(port, verb, bodies[turn::ROUNDS], load.clients, tallies[limit])
            name = f"{verb}, {load.side_px}², {load.clients} clients"
            rows += _rows_alone(name, tallies[1], alone_s)
            for limit in load.batches:
                size = requests_of_a_batch(ports[limit], verb)
                rows += _rows_together(f"{name}, batches of up to {limit}", tallies[limit], tallies[1], size)
    return rows


def seconds_alone(pipe: UAREPipeline, verb: str, photos: Sequence[bytes]) -> float:
    """Seconds that a verb takes in this process, decoding included; the middle of three."""
    works: dict[str, Callable[[Photo, Photo], object]] = {
        "assess": lambda a, b: pipe.assess(a),
        "compare": pipe.compare,
        "restore": lambda a, b: pipe.restore(a),
    }
    seconds = []
    for i in range(4):
        started = time.perf_counter()
        first, second = (load_photo_bytes(photos[place % len(photos)], "image") for place in (i, i + 1))
        works[verb](first, second)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])  # the first call warms up


def ask_all(port: int, verb: str, bodies: Sequence[bytes], clients: int, tally: Tally) -> None:
    """Sends all requests and adds what became of them. Raises InputError for one that was refused."""

    def ask(body: bytes) -> tuple[float, Any]:
        started = time.perf_counter()
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)) as connection:
            kind = f"multipart/form-data; boundary={BOUNDARY}"
            connection.request("POST", f"/v1/{verb}", body, {"Content-Type": kind})
            answer = connection.getresponse()
            content = answer.read()
        if answer.status != 200:
            raise InputError(f"/v1/{verb} was answered {answer.status}: {content[:300]!r}")
        waited = time.perf_counter() - started
        document = json.loads(content)
        return waited, {name: value for name, value in document.items() if name not in UNSTEADY}

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        answered = list(threads.map(ask, bodies))
    tally.total_s += time.perf_counter() - started
    tally.waited += [waited for waited, _ in answered]
    tally.answers += [document for _, document in answered]


def requests_of_a_batch(port: int, verb: str) -> float:
    """The mean over all batches of a verb that a service has worked on."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)) as connection:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    requests, batches = (
        float(re.findall(rf'uare_batch_requests_{of}{{path="/v1/{verb}"}} (\S+)', text)[0])
        for of in ("sum", "count")
    )
    return requests / batches


@contextmanager
def served(pipe: UAREPipeline, clients: int, batch: int) -> Iterator[int]:
    """The port at which this process serves the pipeline, with room for all clients in its line."""
    import uvicorn

    from uare.service.app import create_app
    from uare.service.limits import Limits
    from uare.service.server import bound_socket

    limits = Limits(waiting=clients, batch=batch, timeout_s=WAIT_S)
    app = create_app(pipe, model_facts("benchmark", pipe), limits)
    listener = bound_socket("127.0.0.1", 0)
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
    port = listener.getsockname()[1]  # the server closes the socket
    thread.start()
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join()


def form(roles: Sequence[str], photos: Sequence[bytes]) -> bytes:
    """A form with a photo in each role."""
    head = '--{}\r\nContent-Disposition: form-data; name="{}"; filename="photo.png"\r\n\r\n'
    parts = b"".join(
        head.format(BOUNDARY, role).encode() + photo + b"\r\n"
        for role, photo in zip(roles, photos, strict=False)
    )
    return parts + f"--{BOUNDARY}--\r\n".encode()


def sample_photo(side_px: int, seed: int = 0) -> bytes:
    """A square photo as a PNG file, noisy and every other one dark; the pictures come with scikit-image."""
    from skimage import data

    scene = (data.astronaut, data.coffee, data.chelsea)[seed % 3]()
    image = Image.fromarray(scene).resize((side_px, side_px))
    pixels = torch.tensor(bytearray(image.tobytes()), dtype=torch.uint8).reshape(side_px, side_px, 3)
    noise = torch.randn(pixels.shape, generator=torch.Generator().manual_seed(seed)) * 10 * (seed % 4)
    light = 0.4 if seed % 2 else 1.0
    stream = BytesIO()
    Image.fromarray((pixels * light + noise).clamp(0, 255).byte().numpy()).save(stream, "PNG")
    return stream.getvalue()


def _rows_alone(name: str, tally: Tally, alone_s: float) -> list[Measured]:
    ratio = tally.pace * alone_s
    return [
        Measured(
            what=f"{name}: throughput", value=tally.pace, unit="/s", against="without HTTP", ratio=ratio
        ),
        Measured(
            what=f"{name}: p50",
            value=tally.slow(0.5),
            unit="s",
            spread=(min(tally.waited), max(tally.waited)),
        ),
        Measured(what=f"{name}: p95", value=tally.slow(0.95), unit="s"),
    ]


def _rows_together(name: str, tally: Tally, alone: Tally, size: float) -> list[Measured]:
    against = "one by one"
    differ = sum(one != other for one, other in zip(tally.answers, alone.answers, strict=True))
    return [
        Measured(
            what=f"{name}: throughput",
            value=tally.pace,
            unit="/s",
            against=against,
            ratio=tally.pace / alone.pace,
        ),
        Measured(
            what=f"{name}: p50",
            value=tally.slow(0.5),
            unit="s",
            spread=(min(tally.waited), max(tally.waited)),
            against=against,
            ratio=alone.slow(0.5) / tally.slow(0.5),
        ),
        Measured(
            what=f"{name}: p95",
            value=tally.slow(0.95),
            unit="s",
            against=against,
            ratio=alone.slow(0.95) / tally.slow(0.95),
        ),
        Measured(what=f"{name}: requests of a batch, mean", value=size, unit="of a batch"),
        Measured(
            what=f"{name}: other answers than one by one", value=differ, unit=f"of {len(tally.answers)}"
        ),
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measures the service under load.")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="a model of the package or a folder")
    parser.add_argument("--clients", type=int, default=4, help="that ask at the same time")
    parser.add_argument("--requests", type=int, default=24, help="of each verb, to each service")
    parser.add_argument("--batch", type=int, nargs="+", default=[4, 8], help="limits of batches to try")
    parser.add_argument("--size", type=int, default=512, help="side of the photo in px")
    parser.add_argument("--threads", type=int, help="CPU threads; default: all cores")
    parser.add_argument("--device", help="default: as the pipeline chooses")
    parser.add_argument("--dtype", help="default: as the pipeline chooses")
    parser.add_argument("--output", type=Path, help="folder for service.md, for example docs/results")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
