"""Restores every pair of a folder, scores the results and writes the tables: `python eval/pairs.py FOLDER`.

FOLDER holds a `pairs.json` (`eval/pair_list.py` has its form). Results go to `--output`: `pairs.md`,
`pairs.json`, `per_image.csv`, and in `pictures/` every restored picture and a `gallery.png`. Exit code 0: all
done; 1: something listed could not be used, the rest is done; 2: nothing could be done.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import shlex
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from eval.baselines import BASELINES
from eval.gallery import write_gallery
from eval.pair_list import read_pair_folder
from eval.pair_report import PairsReport, write_report
from eval.pair_scores import predict, score
from eval.pair_tables import build_groups, build_totals, check_quoted_input, read_peers
from eval.subjects import INPUT, Pipeline, Subject, baseline_subjects, load_pipeline, model_subject
from eval.synthetic import run_synthetic
from uare.errors import InputError, UAREError

DEFAULT_MODEL = "uare-tiny"
PACKAGES = ("uare", "torch", "numpy", "scipy", "scikit-image", "pillow")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the evaluation that the command line asks for; returns the exit code."""
    given = sys.argv[1:] if argv is None else list(argv)
    options = _parser().parse_args(given)
    try:
        problems = evaluate(options, command=shlex.join(["python", "eval/pairs.py", *given]))
    except (UAREError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for problem in problems:
        print(f"problem: {problem}", file=sys.stderr)
    return 1 if problems else 0


def evaluate(options: argparse.Namespace, command: str) -> list[str]:
    """Predicts, scores, writes the report and prints where it is; gives the problems, one sentence each."""
    folder: Path = options.folder
    output: Path = options.output or Path("results") / "pairs" / folder.resolve().name
    listed = read_pair_folder(folder, options.limit)
    peers = read_peers(options.peers) if options.peers else {}
    pipeline, subjects = _subjects(options)
    predictions, failed = predict(listed.pairs, subjects, output / "pictures")
    scores, unscored = score(predictions)
    problems = [*listed.problems, *failed, *unscored, *check_quoted_input(scores, peers)]
    synthetic = None
    if options.synthetic and pipeline is not None:
        if not listed.clean:
            problems.append(
                f'{folder / "pairs.json"} lists no usable photo under "clean", so nothing was harmed'
            )
        synthetic, unharmed = run_synthetic(pipeline, listed.clean, options.seed)
        problems += unharmed
    if not scores and synthetic is None:
        raise InputError(f"no pair of {folder} could be used: {' '.join(problems) or 'its list is empty'}")
    report = PairsReport(
        command=command,
        seed=options.seed,
        versions={name: _version(name) for name in PACKAGES},
        groups=build_groups(scores, peers, options.seed),
        totals=build_totals(scores, options.seed),
        scores=scores,
        synthetic=synthetic,
        problems=problems,
    )
    write_report(report, output)
    write_gallery(scores, output / "pictures" / "gallery.png")
    print(output / "pairs.md")
    return problems


def _subjects(options: argparse.Namespace) -> tuple[Pipeline | None, list[Subject]]:
    """What the options ask for: a model beside every baseline, or named baselines alone."""
    if options.baseline:
        if options.synthetic:
            raise InputError("--synthetic needs a model to judge, found --baseline; leave one of them out")
        return None, baseline_subjects(None if "all" in options.baseline else options.baseline)
    pipeline = load_pipeline(options.model)
    untouched, *classical = baseline_subjects()
    return pipeline, [untouched, model_subject(pipeline, options.model, options.seed), *classical]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"  # uare itself, run from a checkout


def _parser() -> argparse.ArgumentParser:
    names = ", ".join(row.name for row in BASELINES if row.name != INPUT)
    parser = argparse.ArgumentParser(
        prog="eval/pairs.py", description="Scores a restorer on degraded/clean pairs."
    )
    parser.add_argument("folder", type=Path, help="folder with a pairs.json")
    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        "--model", default=DEFAULT_MODEL, help="name or folder of a model (default: %(default)s)"
    )
    who.add_argument("--baseline", nargs="+", metavar="NAME", help=f"no model, only these: all, {names}")
    parser.add_argument("--output", type=Path, help="where results go (default: results/pairs/FOLDER's name)")
    parser.add_argument(
        "--limit", type=_positive, help="only the first N pairs of each type and N clean photos"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the model, the harms and the intervals")
    parser.add_argument("--peers", type=Path, metavar="JSON", help="published models' values to quote")
    parser.add_argument(
        "--synthetic", action="store_true", help="also harm the clean photos and test the judge"
    )
    return parser


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number of at least 1")
    return int(text)


if __name__ == "__main__":
    raise SystemExit(main())
