"""What processes do for a training: workers that make rows ahead of it, and ranks that share it."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import torch

from benchmarks.measuring import Timing, wait_for_device
from benchmarks.table import Measured
from benchmarks.training_scene import Bench, write_photos, write_settings
from data.rows import RowNumbers
from training.journal import read_steps
from training.mixture import load_rows
from uare.errors import UAREError

NUM_WORKERS = 2
PREFETCHED = 4 * NUM_WORKERS  # rows that lie ready before the clock starts
LOADER_AIM = 1.5
NUM_RANKS = 2
FIRST_STEPS = 2  # not counted: what is built once happens there
TRAIN = Path(__file__).resolve().parents[1] / "training" / "train.py"


def loader_rows(bench: Bench, length: int) -> list[Measured]:
    """Rows that workers make in a second against those that a step takes on this device, by their tokens."""
    rows = bench.rows(length)
    count = PREFETCHED * (1 + bench.repeats)
    numbers = RowNumbers(first_step=0, num_steps=count, rows_per_step=1, rank=0, world=1)
    made = iter(load_rows(rows, numbers, NUM_WORKERS))
    ready = list(islice(made, PREFETCHED))
    started = time.perf_counter()
    supply = sum(row.num_tokens for row in made) / (time.perf_counter() - started)
    seconds = []
    bench.train_on(bench.packed(ready[0]))
    for row in ready[: bench.repeats]:
        wait_for_device()
        started = time.perf_counter()
        bench.train_on(bench.packed(row))
        wait_for_device()
        seconds.append((time.perf_counter() - started) / row.num_tokens)
    demand = 1 / Timing(tuple(seconds)).median
    return [
        Measured(
            what=f"loader alone, {NUM_WORKERS} workers, rows of {length} tokens",
            value=supply,
            unit="tokens/s",
            against=f"a step's demand, {demand:.3g} tokens/s",
            ratio=supply / demand,
            aim=("≥", LOADER_AIM),
        )
    ]


def zero_rows(folder: Path, length: int, num_steps: int) -> list[Measured]:
    """Whole steps of `uare-tiny` on two processes under each ZeRO stage; nothing on a single GPU."""
    if torch.cuda.device_count() == 1:
        return []
    speeds = {stage: _speed_under(stage, folder / f"zero{stage}", length, num_steps) for stage in (1, 2, 3)}
    return [
        Measured(
            what=f"ZeRO-{stage}, {NUM_RANKS} processes, whole steps",
            value=speed,
            unit="tokens/s",
            against="" if stage == 1 else "ZeRO-1",
            ratio=None if stage == 1 else speed / speeds[1],
        )
        for stage, speed in speeds.items()
    ]


def _speed_under(stage: int, folder: Path, length: int, num_steps: int) -> float:
    """Median tokens a second of a real training; UAREError with its last words where it fails."""
    photos = write_photos(folder / "photos")
    (folder / "zero.json").write_text(f'{{"zero_optimization": {{"stage": {stage}}}}}')
    settings = write_settings(folder, photos, deepspeed="zero.json", steps=FIRST_STEPS + num_steps)
    changes = (f"data.tokens_per_row={length}", f"data.rows_per_step={NUM_RANKS}", "data.workers=1")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={NUM_RANKS}"]
    command += [str(TRAIN), "--config", str(settings)]
    command += [word for change in changes for word in ("--set", change)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // NUM_RANKS))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UAREError(f"training under ZeRO-{stage} failed: {done.stderr.strip()[-500:]}")
    steps = read_steps(folder / "output" / "steps.jsonl")
    return statistics.median(step["tokens_per_s"] for step in steps[FIRST_STEPS:])
