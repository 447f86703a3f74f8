"""Restores one photo in a process of its own, as a user would, and prints one JSON line about it.

`benchmarks/inference.py` starts it, because a cold start and a peak of memory need a fresh process. The line
holds `first_image_at` (Unix time), `warm_s` (seconds of each later restoration), `stages` (median seconds of
each stage), `peak_bytes`, `dtype` and `device`.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import json
import statistics
import time
from collections.abc import Sequence

import torch

from eval.memory import peak_memory_bytes
from uare.pipeline import UAREPipeline


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Restores a photo, once cold and some times warm.")
    parser.add_argument("photo", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--device", default=None)
    parser.add_argument("--dtype", default=None)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--repeats", type=int, default=3, help="warm restorations after the first one")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)

    pipe = UAREPipeline.from_pretrained(arguments.model, device=arguments.device, dtype=arguments.dtype)
    pipe.restore(arguments.photo)
    first_image_at = time.time()
    seconds, timings = [], []
    for _ in range(arguments.repeats):
        started = time.perf_counter()
        timings.append(pipe.restore(arguments.photo).timings)
        seconds.append(time.perf_counter() - started)
    stages = {name: statistics.median(one[name] for one in timings) for name in timings[0]}
    line = {
        "first_image_at": first_image_at,
        "warm_s": seconds,
        "stages": stages,
        "peak_bytes": peak_memory_bytes(),
        "dtype": str(pipe.model.dtype).removeprefix("torch."),
        "device": str(pipe.model.device),
    }
    print(json.dumps(line))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
