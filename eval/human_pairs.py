"""Do the judge, the score and the metrics order pictures as people did? On the few judgements at hand.

    python eval/human_pairs.py FOLDER --metric-weights DIR --output docs/results/human-pairs.md

FOLDER is a folder of scored pictures (`eval/suites/scored_folder.py`). Two pictures that people scored in one
set are a pair; where the triple of LPIPS's first figure lies beside them (`lpips_ex_ref`, `lpips_ex_p0`,
`lpips_ex_p1`) it is one more. Nothing here was trained on any of these pictures or opinions. Exit code 0: all
done; 2: nothing could be done.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import shlex
from collections.abc import Callable, Sequence
from itertools import combinations

from eval.environment import git_hash, package_versions
from eval.gauges import Gauges
from eval.human_pairs_tables import HumanPair, Scored, pairs_section, scores_section
from eval.metrics.rows import Metric
from eval.metrics.table import find_metrics
from eval.pictures import read_picture
from eval.report.files import write_text
from eval.report.markdown import section_lines
from eval.suites.scored_folder import find_scored_folder
from eval.suites.suite import Candidate, Request
from uare.compare import verdict_of
from uare.errors import InputError, UAREError
from uare.pipeline import UAREPipeline

METRICS = ("uare_score", "psnr_rgb", "ssim_y_ycbcr", "gmsd", "fsim", "niqe")
SCORING = ("uare_score", "niqe")  # those that need no reference
LEAD_OF = {"A": 1.0, "B": -1.0, "equal": 0.0}
# R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", figure 1: people
# take the second as closer to the reference.
TRIPLE = ("lpips_ex_ref", "lpips_ex_p1", "lpips_ex_p0")
TRIPLE_SET = "LPIPS, figure 1"
SAME, TO_REFERENCE, DIFFERENT = "one photo", "which is closer to a reference", "different photos"

Decide = Callable[
    [HumanPair], float | None
]  # > 0: for the picture that people prefer, 0: equal, None: cannot


def main(argv: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else list(argv)
    chosen = _parser().parse_args(given)
    try:
        request = Request(data_root=chosen.folder, limit=None, made_dir=chosen.folder)
        scored = list(find_scored_folder(request).candidates)
        pairs = [*pairs_of(scored), *triple_of(chosen.folder)]
        if not pairs:
            raise InputError(f"{chosen.folder} holds no two pictures that people scored in one set")
        gauges = Gauges(chosen.metric_weights)
        metrics = [metric for metric in find_metrics(METRICS) if gauges.can(metric)]
        found = verdicts(pairs, chosen.model, gauges, metrics)
        values = [scores_of(one, gauges, metrics) for one in scored]
    except (UAREError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    sections = (pairs_section(pairs, found), scores_section(values))
    command = shlex.join(["python", "eval/human_pairs.py", *given])
    versions = ", ".join(f"{name} {version}" for name, version in package_versions().items())
    lines = [
        "# Beside judgements of people",
        "",
        "Generated; do not edit. Made by:",
        "",
        f"    {command}",
        "",
    ]
    lines += [f"Commit {git_hash() or 'unknown'}; {versions}.", ""]
    lines += [line for section in sections for line in section_lines(section)]
    write_text(chosen.output, "\n".join(lines).rstrip("\n") + "\n")
    print(chosen.output)
    return 0


def pairs_of(scored: Sequence[Candidate]) -> list[HumanPair]:
    """Every two pictures of one set whose opinions differ, the one that people prefer first."""
    found = []
    for one, other in combinations(scored, 2):
        if one.group != other.group or one.mos is None or other.mos is None or one.mos == other.mos:
            continue
        better, worse = (one, other) if one.mos > other.mos else (other, one)
        found.append(
            HumanPair(
                kind=SAME if one.gt is not None and one.gt == other.gt else DIFFERENT,
                dataset=one.group,
                better=better.lq,
                worse=worse.lq,
                references=(better.gt, worse.gt),
            )
        )
    return found


def triple_of(folder: Path) -> list[HumanPair]:
    """The pair of the triple, where all of it is there."""
    files = [next(iter(sorted(folder.glob(f"{stem}.*"))), None) for stem in TRIPLE]
    reference, better, worse = files
    if reference is None or better is None or worse is None:
        return []
    return [
        HumanPair(
            kind=TO_REFERENCE,
            dataset=TRIPLE_SET,
            better=better,
            worse=worse,
            references=(reference, reference),
        )
    ]


def verdicts(
    pairs: Sequence[HumanPair], model: str, gauges: Gauges, metrics: Sequence[Metric]
) -> dict[str, list[float | None]]:
    """Who decides -> a lead for each pair."""
    pipe = UAREPipeline.from_pretrained(model)
    deciders: dict[str, Decide] = {}
    if pipe.judge is not None:
        deciders["the judge"] = lambda pair: _by_words(pipe, pair)
    words = UAREPipeline(pipe.model, pipe.tokenizer)
    deciders["the model's words"] = lambda pair: _by_words(words, pair)
    deciders |= {metric.id: _by_metric(metric, gauges) for metric in metrics}
    return {name: [decide(pair) for pair in pairs] for name, decide in deciders.items()}


def scores_of(scored: Candidate, gauges: Gauges, metrics: Sequence[Metric]) -> Scored:
    """What people and the metrics without reference say of a picture, higher is better."""
    picture = read_picture(scored.lq)
    return Scored(
        dataset=scored.group,
        name=scored.id,
        opinion=float("nan") if scored.mos is None else scored.mos,
        values={
            metric.id: metric.gain(gauges.measure(metric, picture, None), 0)
            for metric in metrics
            if metric.id in SCORING
        },
    )


def _by_words(pipe: UAREPipeline, pair: HumanPair) -> float:
    return LEAD_OF[verdict_of(pipe.prefer(pair.better, pair.worse))]


def _by_metric(metric: Metric, gauges: Gauges) -> Decide:
    def lead(pair: HumanPair) -> float | None:
        values = []
        for file, reference in zip((pair.better, pair.worse), pair.references, strict=True):
            if metric.needs_reference and reference is None:
                return None
            clean = None if reference is None else read_picture(reference)
            try:
                values.append(gauges.measure(metric, read_picture(file), clean))
            except InputError:  # too small for the recipe
                return None
        return metric.gain(values[0], values[1])

    return lead


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="eval/human_pairs.py", description="Compares verdicts and scores with judgements of people."
    )
    add = parser.add_argument
    add("folder", type=Path, metavar="FOLDER", help="folder with scores.json")
    add("--model", default="uare-tiny", help="a model of the package or a folder")
    add("--metric-weights", type=Path, metavar="DIR", help="weights of metrics (niqe)")
    add("--output", type=Path, default=Path("docs/results/human-pairs.md"), metavar="FILE")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
