"""Speed and memory of inference, as ratios measured in one run: `python benchmarks/inference.py`.

Prints a table and one JSON line. Nothing else should run on the machine meanwhile. The photo is the sample
photo of `make restore` at the sizes asked for; the comparisons inside the network use the first size.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import os
import shlex
import tempfile
from collections.abc import Sequence

import torch

from benchmarks.network import network_rows
from benchmarks.processes import Run, process_rows, restore_in_process
from benchmarks.scene import build_scene, usual_texts
from benchmarks.table import Measured, describe_machine, publish
from data.sample_photos import SAMPLE_PHOTOS, harmed_photo, write_png
from uare.checkpoints.folders import DEFAULT_MODEL
from uare.errors import InputError, UAREError
from uare.pipeline import UAREPipeline
from uare.resizing import resize

DEFAULT_SIZES = (512, 1024)


def measure(run: Run, sizes: Sequence[int]) -> tuple[list[Measured], UAREPipeline]:
    """All lines of the table, and the pipeline that was measured."""
    photo = harmed_photo(SAMPLE_PHOTOS[0])[0]  # (3, 512, 512)
    restored = []
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            print(f"restoring {size}x{size} px in a process of its own", file=sys.stderr)
            file = write_png(resize(photo, (size, size))[None], Path(folder) / f"{size}.png")
            restored.append(restore_in_process(run, file, size))
    print("comparing inside the network", file=sys.stderr)
    pipe = UAREPipeline.from_pretrained(run.model, device=run.device, dtype=run.dtype)
    scene = build_scene(pipe.model, resize(photo, (sizes[0], sizes[0])), *usual_texts(pipe.tokenizer))
    return [*process_rows(restored), *network_rows(scene, run.repeats)], pipe


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes `benchmarks.md` where asked; returns the exit code."""
    given = sys.argv[1:] if argv is None else list(argv)
    options = _parser().parse_args(given)
    run = Run(
        model=options.model,
        device=options.device,
        dtype=options.dtype,
        num_threads=options.threads or available_cores(),
        repeats=options.repeats,
    )
    torch.set_num_threads(run.num_threads)
    command = shlex.join(["python", "benchmarks/inference.py", *given])
    try:
        _check(options)
        rows, pipe = measure(run, options.sizes)
        machine = describe_machine(pipe.model.device, pipe.model.dtype, run.num_threads)
        publish(
            "Speed and memory of inference",
            command,
            machine,
            rows,
            options.output and options.output / "benchmarks.md",
        )
    except (UAREError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check(options: argparse.Namespace) -> None:
    if options.repeats < 1:
        raise InputError(f"--repeats must be at least 1, found {options.repeats}")
    if options.threads is not None and options.threads < 1:
        raise InputError(f"--threads must be at least 1, found {options.threads}")
    odd = [size for size in options.sizes if size < 16 or size % 16]
    if odd:
        raise InputError(f"--sizes must be positive multiples of 16, found {odd[0]}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measures speed and memory of inference.")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="a model of the package or a folder")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=DEFAULT_SIZES, help="sides of the photo in px"
    )
    parser.add_argument("--repeats", type=int, default=5, help="timed calls of each kind")
    parser.add_argument("--threads", type=int, help="CPU threads; default: all cores")
    parser.add_argument("--device", help="default: as the pipeline chooses")
    parser.add_argument("--dtype", help="default: as the pipeline chooses")
    parser.add_argument("--output", type=Path, help="folder for benchmarks.md, for example docs/results")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
