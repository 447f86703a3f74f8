"""What judging adds to the time of a restoration: `python benchmarks/judging.py`.

One photo restored without and with the comparison of the result with the photo, in turns. Prints a table and
one JSON line. Nothing else should run on the machine meanwhile.
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
from uare.checkpoints.folders import DEFAULT_MODEL
from uare.errors import UAREError
from uare.images import Photo
from uare.pipeline import UAREPipeline
from uare.resizing import resize

MOST_SHARE = 0.10  # of the time of a single restoration


def measure(pipe: UAREPipeline, size_px: int, repeats: int) -> list[Measured]:
    """The lines of the table for the sample photo at `size_px` squared."""
    photo = Photo(pixels=resize(harmed_photo(SAMPLE_PHOTOS[0])[0], (size_px, size_px)))
    result = pipe.restore_photo(photo, verify=False).pixels
    found = time_in_turns(
        {
            "restore": lambda: pipe.restore_photo(photo, verify=False),
            "judge": lambda: pipe.prefer(result, photo),
            "words": lambda: UAREPipeline(pipe.model, pipe.tokenizer).prefer(result, photo),
        },
        repeats,
    )
    alone = found["restore"].median
    names = {"restore": "restored, not judged", "judge": "judged", "words": "judged by the model's words"}
    if pipe.judge is None:
        names["judge"] = "judged by the model's words, having no judge"
    return [
        Measured(
            what=f"{size_px}², {names[way]}",
            value=timing.median,
            unit="s",
            spread=(timing.low, timing.high),
            against="" if way == "restore" else "share of the restoration",
            ratio=None if way == "restore" else timing.median / alone,
            aim=("≤", MOST_SHARE) if way == "judge" else None,
        )
        for way, timing in found.items()
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and prints; returns the exit code."""
    given = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(description="Measures what judging adds to a restoration.")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="a model of the package or a folder")
    parser.add_argument("--judge", type=Path, help="default: the model's, where it has one")
    parser.add_argument("--size", type=int, default=512, help="side of the photo in px")
    parser.add_argument("--repeats", type=int, default=5, help="timed calls of each kind")
    parser.add_argument("--threads", type=int, help="CPU threads; default: all cores")
    parser.add_argument("--output", type=Path, help="file for the table, in Markdown")
    options = parser.parse_args(given)
    threads = options.threads or available_cores()
    torch.set_num_threads(threads)
    try:
        pipe = UAREPipeline.from_pretrained(options.model, judge=options.judge)
        rows = measure(pipe, options.size, options.repeats)
        publish(
            "The cost of judging",
            shlex.join(["python", "benchmarks/judging.py", *given]),
            describe_machine(pipe.model.device, pipe.model.dtype, threads),
            rows,
            options.output,
        )
    except (UAREError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
