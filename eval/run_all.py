"""Measures models on every suite: `python eval/run_all.py --model MODEL`, or the same under a launcher.

Predicts first and keeps what was predicted, then scores, then reports; whatever is done already is not done
again. `eval/records.py` has the layout of the output folder. Exit code 0: all done; 1: something was left
out, the rest is done; 2: nothing could be done.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import shlex
from collections.abc import Sequence

from eval.analyses import read_asked, report_on
from eval.compare_runs import compare
from eval.evaluation import evaluate
from eval.metrics.torchvision_guard import prepare_torchvision
from eval.options import read_options
from eval.ranks import join_ranks, leave_ranks
from eval.report.files import write_files
from uare.errors import UAREError


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the evaluation that the command line asks for; returns the exit code."""
    given = sys.argv[1:] if argv is None else list(argv)
    options = read_options(given, command=shlex.join(["python", "eval/run_all.py", *given]))
    prepare_torchvision()  # before a model's libraries import it; a misfit one would take them along
    try:
        if options.compare:
            report, page = compare(*options.compare), options.output / "compare.html"
            write_files(report, options.output, "compare")
        else:
            asked = read_asked(options)
            ranks = join_ranks()
            run = evaluate(options, ranks)
            leave_ranks(ranks)
            if run is None:
                return 0  # the process that leads reports
            report, page = report_on(run, options, asked), run.folder / "report.html"
    except (UAREError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for problem in report.problems:
        print(f"problem: {problem}", file=sys.stderr)
    print(page)
    return 1 if report.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
