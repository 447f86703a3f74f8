"""What the service does under load: `python benchmarks/service.py`, with the extra `serve`.

Clients in threads send equal requests over loopback, each the next one when it has its answer. Measured is
what they wait for; the ratio compares the pace with that of the same work in this process without HTTP.

The service does not put requests together. Whether that would pay is measured too: a batch of photos, as
many as there are clients, against the same photos one by one, and by how much a batch moves their scores.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import http.client
import os
import shlex
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import BytesIO

import torch
from PIL import Image

from benchmarks.inference import available_cores
from benchmarks.table import Measured, describe_machine, publish
from uare.analysis import QUALITY_PREFIX
from uare.assess import score_photos, user_text
from uare.checkpoints.folders import DEFAULT_MODEL
from uare.decoding import choice_logits, read
from uare.documents import model_facts
from uare.errors import InputError, UAREError
from uare.experts.iqa import expected_score, level_distribution
from uare.images import load_photo_bytes
from uare.patches import vision_item
from uare.pipeline import UAREPipeline
from uare.prompts import ASSESS_QUESTION
from uare.vocabulary import LEVELS

BOUNDARY = "benchmark"
WAIT_S = 600.0
BATCH_REPEATS = 5


@dataclass(frozen=True, kw_only=True)
class Load:
    """How much is asked of the service."""

    clients: int
    requests: int  # of each verb
    side_px: int


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes `service.md` where asked; returns the exit code."""
    given = sys.argv[1:] if argv is None else list(argv)
    options = _parser().parse_args(given)
    num_threads = options.threads or available_cores()
    torch.set_num_threads(num_threads)
    try:
        if min(options.clients, options.requests, options.size, num_threads) < 1:
            raise InputError("--clients, --requests, --size and --threads must be at least 1")
        pipe = UAREPipeline.from_pretrained(options.model, device=options.device, dtype=options.dtype)
        load = Load(clients=options.clients, requests=options.requests, side_px=options.size)
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
    """Three rows for each verb: throughput, and the middle and the slow end of the waiting times."""
    photo = sample_photo(load.side_px)
    works: dict[str, tuple[tuple[str, ...], Callable[[], object]]] = {
        "assess": (("image",), lambda: pipe.assess(load_photo_bytes(photo, "image"))),
        "restore": (("image",), lambda: pipe.restore(load_photo_bytes(photo, "image"))),
    }
    rows = []
    with served(pipe, load.clients) as port:
        for verb, (roles, alone) in works.items():
            alone()
            started = time.perf_counter()
            alone()
            alone_s = time.perf_counter() - started
            rows += _rows(verb, load, *ask_all(port, f"/v1/{verb}", form(roles, photo), load), alone_s)
    return rows + batching(pipe, load)


def batching(pipe: UAREPipeline, load: Load) -> list[Measured]:
    """Two rows: seconds a photo of a batch against one by one, and the largest difference between scores."""
    photos = [
        load_photo_bytes(sample_photo(load.side_px, seed), "image").pixels for seed in range(load.clients)
    ]
    alone, together = [], []
    scores: list[float] = []
    in_batch: list[float] = []
    for _ in range(BATCH_REPEATS):  # in turn, so that other work on the machine falls on both
        started = time.perf_counter()
        scores = score_photos(pipe.model, pipe.tokenizer, photos)
        alone.append((time.perf_counter() - started) / len(photos))
        started = time.perf_counter()
        in_batch = batch_scores(pipe, photos)
        together.append((time.perf_counter() - started) / len(photos))
    moved = max(abs(a - b) for a, b in zip(scores, in_batch, strict=True))
    name = f"score, {load.side_px}², a batch of {len(photos)}"
    return [
        Measured(
            what=f"{name}: each photo",
            value=statistics.median(together),
            unit="s",
            spread=(min(together), max(together)),
            against="one by one",
            ratio=statistics.median(alone) / statistics.median(together),
        ),
        Measured(what=f"{name}: largest change of a score", value=moved, unit="of 1 to 5"),
    ]


@torch.no_grad()
def batch_scores(pipe: UAREPipeline, photos: Sequence[torch.Tensor]) -> list[float]:
    """What `score_photos` gives, from one batch of photos (3, H, W)."""
    model, tokenizer = pipe.model, pipe.tokenizer
    views = [[vision_item(photo, model.config, model.config.assess_transform)] for photo in photos]
    seen = read(model, views)
    question = user_text(tokenizer, ASSESS_QUESTION)
    asked = read(model, [[question] for _ in photos], seen)
    logits = choice_logits(model, tokenizer, asked, QUALITY_PREFIX, list(LEVELS))
    return [float(expected_score(level_distribution(row))) for row in logits]


def ask_all(port: int, path: str, body: bytes, load: Load) -> tuple[list[float], float]:
    """Seconds that each request waited, sorted, and seconds for all. InputError for one that was refused."""

    def ask(_: int) -> float:
        started = time.perf_counter()
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)) as connection:
            kind = f"multipart/form-data; boundary={BOUNDARY}"
            connection.request("POST", path, body, {"Content-Type": kind})
            answer = connection.getresponse()
            content = answer.read()
        if answer.status != 200:
            raise InputError(f"{path} was answered {answer.status}: {content[:300]!r}")
        return time.perf_counter() - started

    started = time.perf_counter()
    with ThreadPoolExecutor(load.clients) as clients:
        waited = sorted(clients.map(ask, range(load.requests)))
    return waited, time.perf_counter() - started


@contextmanager
def served(pipe: UAREPipeline, clients: int) -> Iterator[int]:
    """The port at which this process serves the pipeline, with room for all clients in its line."""
    import uvicorn

    from uare.service.app import create_app
    from uare.service.limits import Limits
    from uare.service.server import bound_socket

    app = create_app(pipe, model_facts("benchmark", pipe), Limits(waiting=clients, timeout_s=WAIT_S))
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


def form(roles: Sequence[str], photo: bytes) -> bytes:
    """A form with the photo in every role."""
    head = '--{}\r\nContent-Disposition: form-data; name="{}"; filename="photo.png"\r\n\r\n'
    parts = b"".join(head.format(BOUNDARY, role).encode() + photo + b"\r\n" for role in roles)
    return parts + f"--{BOUNDARY}--\r\n".encode()


def sample_photo(side_px: int, seed: int = 0) -> bytes:
    """A square photo with noise of this seed as a PNG file; the picture comes with scikit-image."""
    from skimage import data

    image = Image.fromarray(data.astronaut()).resize((side_px, side_px))
    pixels = torch.tensor(bytearray(image.tobytes()), dtype=torch.uint8).reshape(side_px, side_px, 3)
    noise = torch.randn(pixels.shape, generator=torch.Generator().manual_seed(seed)) * 20
    stream = BytesIO()
    Image.fromarray((pixels + noise).clamp(0, 255).byte().numpy()).save(stream, "PNG")
    return stream.getvalue()


def _rows(verb: str, load: Load, waited: Sequence[float], total_s: float, alone_s: float) -> list[Measured]:
    name = f"{verb}, {load.side_px}², {load.clients} clients"
    pace = load.requests / total_s
    slow = waited[min(len(waited) - 1, int(0.95 * len(waited)))]
    return [
        Measured(
            what=f"{name}: throughput", value=pace, unit="/s", against="without HTTP", ratio=pace * alone_s
        ),
        Measured(
            what=f"{name}: p50", value=statistics.median(waited), unit="s", spread=(waited[0], waited[-1])
        ),
        Measured(what=f"{name}: p95", value=slow, unit="s"),
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measures the service under load.")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="a model of the package or a folder")
    parser.add_argument("--clients", type=int, default=4, help="that ask at the same time")
    parser.add_argument("--requests", type=int, default=24, help="of each verb")
    parser.add_argument("--size", type=int, default=512, help="side of the photo in px")
    parser.add_argument("--threads", type=int, help="CPU threads; default: all cores")
    parser.add_argument("--device", help="default: as the pipeline chooses")
    parser.add_argument("--dtype", help="default: as the pipeline chooses")
    parser.add_argument("--output", type=Path, help="folder for service.md, for example docs/results")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
