"""What regions add to an assessment: `python benchmarks/regions.py --output docs/results/regions`.

Prints a table and one JSON line. Each photo is assessed without and with regions, in turns. The aim is at
most a quarter more.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import shlex
from collections.abc import Sequence

import torch

from benchmarks.inference import available_cores
from benchmarks.measuring import time_in_turns
from benchmarks.table import Measured, describe_machine, publish
from data.sample_photos import SAMPLE_PHOTOS, harmed_photo
from uare.assess_regions import assess_regions
from uare.checkpoints.folders import DEFAULT_MODEL
from uare.errors import UAREError
from uare.partition import NUM_REGIONS
from uare.pipeline import UAREPipeline
from uare.resizing import resize

MOST_ADDED = 0.25  # of the time of an assessment
SIZES = (256, 512, 1024, 4096)


def measure(pipe: UAREPipeline, size: int, repeats: int) -> list[Measured]:
    """The lines of one square photo of `size` px."""
    photo = resize(harmed_photo(SAMPLE_PHOTOS[0])[0], (size, size))  # (3, size, size)
    labels = pipe.segmenter(photo, NUM_REGIONS)
    timings = time_in_turns(
        {
            "plain": lambda: pipe.assess(photo),
            "regions": lambda: pipe.assess(photo, regions=True),
            "dividing": lambda: pipe.segmenter(photo, NUM_REGIONS),
            "reading": lambda: assess_regions(pipe.model, pipe.tokenizer, photo, labels),
        },
        repeats,
    )
    plain, both = timings["plain"], timings["regions"]
    dividing, reading = timings["dividing"], timings["reading"]
    name = f"{size}x{size} px"
    return [
        Measured(what=f"assessment, {name}", value=plain.median, unit="s", spread=(plain.low, plain.high)),
        Measured(what=f"with regions, {name}", value=both.median, unit="s", spread=(both.low, both.high)),
        Measured(
            what=f"dividing and reading {int(labels.max()) + 1} regions, {name}",
            value=dividing.median + reading.median,
            unit="s",
            spread=(dividing.low + reading.low, dividing.high + reading.high),
            against="the assessment",
            ratio=(dividing.median + reading.median) / plain.median,
            aim=("≤", MOST_ADDED),
        ),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Measures, prints, and writes `benchmark.md` where asked; returns the exit code."""
    given = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(description="Measures what regions add to an assessment.")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="a model of the package or a folder")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="sides of the photo in px")
    parser.add_argument("--repeats", type=int, default=5, help="timed calls of each kind")
    parser.add_argument("--threads", type=int, help="CPU threads; default: all cores")
    parser.add_argument("--output", type=Path, help="folder for benchmark.md")
    options = parser.parse_args(given)
    num_threads = options.threads or available_cores()
    torch.set_num_threads(num_threads)
    command = shlex.join(["python", "benchmarks/regions.py", *given])
    try:
        pipe = UAREPipeline.from_pretrained(options.model)
        rows = [row for size in options.sizes for row in measure(pipe, size, options.repeats)]
        machine = describe_machine(pipe.model.device, pipe.model.dtype, num_threads)
        page = options.output and options.output / "benchmark.md"
        publish("What regions add to an assessment", command, machine, rows, page)
    except (UAREError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
