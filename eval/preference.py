"""Analyses a study of people's preferences: `python eval/preference.py votes.sqlite`.

Writes report.html, Markdown and JSON: who is preferred and how surely (Davidson, Bradley-Terry, Elo), by
scene and by question, voting rates, how far people agree, who was careless, which metric agrees with them.
`--export SET` turns the votes into pairs for training. Any file of docs/votes-format.md will do. Exit code 0:
all done; 1: something was left out, the rest is done; 2: nothing could be done.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import hashlib
import shlex
from collections.abc import Sequence

from data.fgrestore.labels import Consensus
from data.fgrestore.measures import read_measured
from data.votes import Vote
from eval.environment import git_hash, package_versions
from eval.records import read_run
from eval.report.files import write_files
from eval.report.model import Report, Section, Table
from eval.scenes import read_scenes
from eval.study.export import export_pairs
from eval.study.metric_tables import table_of_measured, tables_of_run
from eval.study.people_section import raters_section
from eval.study.raters import look_at_raters, without_careless
from eval.study.sections import dimensions_section, ranking_section, scenes_section
from eval.study.studied import Studied, read_study
from uare.errors import InputError, UAREError


def main(argv: Sequence[str] | None = None) -> int:
    """Analyses what the command line names; returns the exit code."""
    given = sys.argv[1:] if argv is None else list(argv)
    chosen = _parser().parse_args(given)
    try:
        studied = read_study(chosen.votes)
        report = analyse(studied, chosen, shlex.join(["python", "eval/preference.py", *given]))
        write_files(report, chosen.output)
    except (UAREError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for problem in report.problems:
        print(f"problem: {problem}", file=sys.stderr)
    print(chosen.output / "report.html")
    return 1 if report.problems else 0


def analyse(studied: Studied, chosen: argparse.Namespace, command: str) -> Report:
    """The report on a study; exports where that is asked for."""
    problems = [str(one) for one in studied.votes.set_aside]
    everybody = studied.votes.votes
    raters = look_at_raters(everybody)
    votes = without_careless(everybody, raters)
    problems += [
        f"the votes of {one.name} do not count: {'; '.join(one.reasons)}" for one in raters if one.careless
    ]
    scenes = studied.scenes
    if chosen.scenes is not None:
        file = read_scenes(chosen.scenes)
        problems += file.problems
        scenes = {content: file.of("", content) for content in {vote.content for vote in everybody}}
    out = {one.name for one in raters if one.careless}
    flags = [flag for flag in studied.flags if flag.annotator not in out]
    found = [
        ranking_section(votes, everybody, chosen.seed),
        scenes_section(votes, scenes, chosen.seed),
        dimensions_section(votes, flags, chosen.seed),
        _metrics_section(votes, chosen),
        raters_section(raters, votes, everybody, chosen.seed),
        _export_section(votes, chosen, problems),
    ]
    return Report(
        title=f"What people preferred: {studied.path.stem}",
        command=command,
        git_hash=git_hash(),
        versions=package_versions(),
        seed=chosen.seed,
        partial=None,
        data_sha256={studied.path.name: _digest(everybody)},
        sections=tuple(one for one in found if one is not None),
        problems=tuple(problems),
    )


def _metrics_section(votes: Sequence[Vote], chosen: argparse.Namespace) -> Section | None:
    tables: list[Table] = []
    if chosen.run is not None:
        tables += tables_of_run(read_run(chosen.run), votes)
        if not tables:
            raise InputError(
                f"no picture of the run {chosen.run} was voted on; `content` of a vote must be an item of "
                "the run and its sources subjects"
            )
    if chosen.measured is not None:
        tables.append(table_of_measured(read_measured(chosen.measured), votes, chosen.seed))
    if not tables:
        return None
    return Section(
        id="metrics",
        title="Which metric agrees with people?",
        text=("Half of the votes would be right by throwing a coin. Intervals draw whole photos.",),
        tables=tuple(tables),
    )


def _export_section(votes: Sequence[Vote], chosen: argparse.Namespace, problems: list[str]) -> Section | None:
    if chosen.export is None:
        return None
    if chosen.pictures is None:
        raise InputError(
            "--export copies pictures; name the folder that the votes' paths start at: --pictures"
        )
    rule = Consensus(least_votes=chosen.least_votes, share=chosen.agreement)
    written = export_pairs(votes, chosen.pictures, chosen.export, rule, chosen.seed)
    problems += written.problems
    return Section(
        id="export",
        title="Pairs for training",
        text=(
            f"{written.num_labelled} labelled pairs and {written.num_open} open ones were written to "
            f"{chosen.export}: labelled where {rule.share:.0%} of at least {rule.least_votes} votes are of "
            "one mind, or experts decided.",
        ),
    )


def _digest(votes: Sequence[Vote]) -> str:
    """Of the votes as they were read: a database's own bytes change without them."""
    return hashlib.sha256("\n".join(map(repr, votes)).encode()).hexdigest()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="eval/preference.py", description="Analyses a study of people's preferences."
    )
    add = parser.add_argument
    add("votes", type=Path, metavar="VOTES", help="file of votes: .sqlite, .jsonl or .csv")
    add("--output", type=Path, default=Path("results/preference"), metavar="DIR", help="folder of the report")
    add("--scenes", type=Path, metavar="JSON", help="kinds of scenes: {content: [kind, ...]}")
    add("--run", type=Path, metavar="DIR", help="output of eval/run_all.py: do its metrics agree?")
    add("--measured", type=Path, metavar="CSV", help="table of eval/measure_set.py: do its metrics agree?")
    add(
        "--export", type=Path, metavar="SET", help="write the pairs in the form of FGRestore into this folder"
    )
    add("--pictures", type=Path, metavar="DIR", help="folder that the votes' paths start at, for --export")
    add("--least-votes", type=int, default=1, metavar="N", help="fewest votes that decide a pair (--export)")
    add("--agreement", type=float, default=0.8, metavar="SHARE", help="of the votes that have to agree")
    add("--seed", type=int, default=0, help="of intervals and splits (default: 0)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
