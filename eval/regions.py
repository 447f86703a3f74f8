"""Is the worst region the one that was harmed, and does an adaptive restoration leave the rest alone?

    python eval/regions.py --output docs/results/regions

Photos of scikit-image are harmed in one part (`eval.suites.regions`). Writes README.md and a few pictures.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import shlex
from collections.abc import Iterable, Sequence

from eval.region_trials import ADAPTIVE_SEVERITY, ADAPTIVE_TYPES, depth_of_field_cases, keep, look, mend
from eval.regions_page import write_page
from eval.suites.regions import HALF, planted
from uare.errors import UAREError
from uare.pipeline import UAREPipeline


def main(argv: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(description="Measures regions and adaptive restoration.")
    parser.add_argument("--model", default="uare-tiny", help="a model of the package or a folder")
    parser.add_argument("--output", type=Path, required=True, help="folder for README.md and pictures")
    options = parser.parse_args(given)
    try:
        pipe = UAREPipeline.from_pretrained(options.model)
        found = [look(pipe, case) for case in _told(list(planted()), "looked at")]
        halves = list(planted(ADAPTIVE_TYPES, (ADAPTIVE_SEVERITY,), (HALF,)))
        mended = [mend(pipe, case) for case in _told(halves, "restored")]
        kept = [keep(pipe, case) for case in _told(depth_of_field_cases(), "restored")]
        command = shlex.join(["python", "eval/regions.py", *given])
        write_page(options.output, command, found, mended, kept, pipe)
    except (UAREError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _told(cases: Sequence, what: str) -> Iterable:
    for place, case in enumerate(cases):
        print(f"{place} of {len(cases)} {what}", file=sys.stderr, flush=True)
        yield case


if __name__ == "__main__":
    raise SystemExit(main())
