"""Throughput of training, as ratios measured in one run: `python benchmarks/training.py`.

Prints a table and one JSON line. Nothing else should run on the machine meanwhile. `--size small` trains
`uare-tiny` on the sample photos; `--size full` takes layers of the 7B size with random weights, as many as
fit, on a CUDA device.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import shlex
import tempfile
from collections.abc import Sequence

import torch

from benchmarks.inference import available_cores
from benchmarks.table import Measured, describe_machine, publish
from benchmarks.training_network import (
    compile_rows,
    compute_dtype,
    freezing_rows,
    length_rows,
    packing_rows,
)
from benchmarks.training_processes import loader_rows, zero_rows
from benchmarks.training_scene import Bench, full_bench, small_bench
from uare.errors import InputError, UAREError

PARTS = ("lengths", "loader", "packing", "zero", "compile", "freezing")
DEFAULT_LENGTHS = {"small": (1_500, 6_000), "full": (4_000, 8_000, 16_000)}


def measure(bench: Bench, folder: Path, options: argparse.Namespace) -> list[Measured]:
    """The lines of the parts that are asked for; all but the first take the shortest length."""
    lengths = options.lengths or DEFAULT_LENGTHS[options.size]
    length = min(lengths)
    ways = {
        "lengths": lambda: length_rows(bench, lengths, has_aim=options.size == "full"),
        "loader": lambda: loader_rows(bench, length),
        "packing": lambda: packing_rows(bench, length),
        "zero": lambda: zero_rows(folder, length, bench.repeats),
        "compile": lambda: compile_rows(bench, length),
        "freezing": lambda: freezing_rows(bench, length),
    }
    rows: list[Measured] = []
    for part in options.parts:
        print(f"measuring {part}", file=sys.stderr)
        rows += ways[part]()
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes `training.md` where asked; returns the exit code."""
    given = sys.argv[1:] if argv is None else list(argv)
    options = _parser().parse_args(given)
    command = shlex.join(["python", "benchmarks/training.py", *given])
    try:
        _check(options)
        num_threads = options.threads or available_cores()
        torch.set_num_threads(num_threads)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if options.size == "full":
                bench = full_bench(folder, options.repeats, options.layers)
            else:
                bench = small_bench(folder, options.repeats)
            rows = measure(bench, folder, options)
        machine = describe_machine(bench.device, compute_dtype(bench), num_threads)
        machine["layers"] = bench.model.config.num_hidden_layers
        publish(
            "Throughput of training",
            command,
            machine,
            rows,
            options.output and options.output / "training.md",
        )
    except (UAREError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _check(options: argparse.Namespace) -> None:
    numbers = {"--repeats": options.repeats, "--threads": options.threads, "--layers": options.layers}
    numbers["--lengths"] = min(options.lengths or (1,))
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise InputError(f"{name} must be at least 1, found {number}")
    if options.layers is not None and options.size != "full":
        raise InputError("--layers belongs to --size full; the small network has the layers of uare-tiny")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measures the throughput of training.")
    parser.add_argument("--size", choices=tuple(DEFAULT_LENGTHS), default="small", help="of the network")
    parser.add_argument("--layers", type=int, help="of the full size; default: as many as fit")
    parser.add_argument("--lengths", type=int, nargs="+", help="tokens of a row, at least so many")
    parser.add_argument("--repeats", type=int, default=5, help="timed passes of each kind")
    parser.add_argument("--threads", type=int, help="CPU threads; default: all cores")
    parser.add_argument("--parts", choices=PARTS, nargs="+", default=PARTS, help="what to measure")
    parser.add_argument("--output", type=Path, help="folder for training.md, for example docs/results")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
