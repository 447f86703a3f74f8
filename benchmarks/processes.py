"""Whole restorations in processes of their own: cold start, latency, memory, and where the time goes."""

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measuring import Timing
from benchmarks.table import Measured
from uare.errors import UAREError

PROGRAM = Path(__file__).with_name("one_process.py")
GIB = 2**30
# What the default model is meant to reach at 512² on two CPU cores.
LATENCY_AIM_S, MEMORY_AIM_GIB, COLD_START_AIM_S = 8, 2, 20
AIM_SIZE_PX = 512


@dataclass(frozen=True, kw_only=True)
class Run:
    """What to restore with."""

    model: str
    device: str | None
    dtype: str | None
    num_threads: int
    repeats: int


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What one process said about restoring a square photo."""

    size_px: int
    cold_start_s: float  # from starting the program to having the first restored photo
    warm: Timing
    stages: dict[str, float]  # median seconds
    peak_bytes: int


def restore_in_process(run: Run, photo: Path, size_px: int) -> Restored:
    """Restores a photo in a fresh process; UAREError with its message where it fails."""
    command = [sys.executable, str(PROGRAM), str(photo), "--model", run.model]
    command += ["--threads", str(run.num_threads), "--repeats", str(run.repeats)]
    command += ["--device", run.device] if run.device else []
    command += ["--dtype", run.dtype] if run.dtype else []
    # the environment too, for what counts its threads before the program can say how many
    environment = os.environ | {"OMP_NUM_THREADS": str(run.num_threads)}
    started = time.time()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UAREError(f"restoring {size_px}x{size_px} px failed: {done.stderr.strip()[-500:]}")
    line: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Restored(
        size_px=size_px,
        cold_start_s=line["first_image_at"] - started,
        warm=Timing(tuple(line["warm_s"])),
        stages=line["stages"],
        peak_bytes=line["peak_bytes"],
    )


def process_rows(restored: list[Restored]) -> list[Measured]:
    """The lines of all sizes, the first size being what the others are compared with."""
    first = restored[0]
    rows = []
    for one in restored:
        side, has_aim = f"{one.size_px}²", one.size_px == AIM_SIZE_PX
        larger = one is not first
        pixels = (one.size_px / first.size_px) ** 2
        rows += [
            Measured(
                what=f"{side}: analysis and restoration, warm",
                value=one.warm.median,
                unit="s",
                spread=(one.warm.low, one.warm.high),
                against=f"{first.size_px}², {pixels:g} times fewer pixels" if larger else "",
                ratio=one.warm.median / first.warm.median if larger else None,
                aim=("≤", LATENCY_AIM_S) if has_aim and not larger else None,
            ),
            Measured(
                what=f"{side}: peak memory of the process",
                value=one.peak_bytes / GIB,
                unit="GiB",
                aim=("≤", MEMORY_AIM_GIB) if has_aim else None,
            ),
            Measured(
                what=f"{side}: cold start to the first restored photo",
                value=one.cold_start_s,
                unit="s",
                aim=("≤", COLD_START_AIM_S) if has_aim else None,
            ),
            *_stage_rows(one),
        ]
    return rows


def _stage_rows(one: Restored) -> list[Measured]:
    whole = statistics.median(one.warm.seconds)
    stages = one.stages | {"reading and tiles": whole - sum(one.stages.values())}
    return [
        Measured(
            what=f"{one.size_px}²: {name}",
            value=seconds,
            unit="s",
            against="the whole restoration",
            ratio=seconds / whole,
        )
        for name, seconds in stages.items()
    ]
