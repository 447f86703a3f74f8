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

from eval.evaluation import evaluate
from eval.judging_tables import judging_section
from eval.options import print_error, read_options
from eval.ranks import join_ranks, leave_ranks
from eval.report.files import write_report
from uare.errors import UAREError


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the evaluation that the command line asks for; returns the exit code."""
    given = sys.argv[1:] if argv is None else list(argv)
    options = read_options(given, command=shlex.join(["python", "eval/run_all.py", *given]))
    try:
        ranks = join_ranks()
        run = evaluate(options, ranks)
        leave_ranks(ranks)
    except (UAREError, OSError) as error:
        print_error(error)
        return 2
    if run is None:
        return 0
    judging = judging_section(run)
    report = write_report(run.folder, [judging] if judging else [])
    for problem in report.problems:
        print(f"problem: {problem}", file=sys.stderr)
    print(run.folder / "report.html")
    return 1 if report.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
