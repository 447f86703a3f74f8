"""The command line of `eval/run_all.py`, read and checked before any work."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from data.fgrestore.peers import PEERS
from eval.adapters.classical import EVERY
from eval.baselines import BASELINES, BICUBIC, IDENTITY
from eval.suites.table import SUITES
from uare.errors import InputError

DEFAULT_MODEL = "uare-tiny"
DEFAULT_BASELINES = (IDENTITY, BICUBIC)  # they cost nothing, and no table means much without them


@dataclass(frozen=True, kw_only=True)
class Named:
    """A model or folder of results, and the name that tables give it (None: that of its folder)."""

    name: str | None
    source: str


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a run was asked to do."""

    command: str
    models: tuple[Named, ...]
    baselines: tuple[str, ...]
    peer_weights: Path | None
    predictions: tuple[Named, ...]
    judges: tuple[Named, ...]
    simple_prompt: bool
    analyst: Named | None
    quoted: Path | None
    suites: tuple[str, ...] | None  # None: all
    metrics: tuple[str, ...] | None  # None: those of the table that are default
    data_root: Path
    output: Path
    limit: int | None
    seed: int
    score_only: bool
    metric_weights: Path | None
    efficiency: bool
    scenes: Path | None
    votes: Path | None
    paper: bool
    compare: tuple[Path, Path] | None


def read_options(given: Sequence[str], command: str) -> Options:
    """The options of a command line; argparse ends the program on one that it cannot read."""
    chosen = _parser().parse_args(given)
    models = tuple(map(_named, chosen.model or ()))
    predictions = tuple(map(_named, chosen.predictions or ()))
    judges = tuple(map(_named, chosen.judge or ()))
    baselines = tuple(chosen.baseline) if chosen.baseline else DEFAULT_BASELINES
    if not (models or predictions or judges or chosen.baseline or chosen.score_only):
        models = (Named(name=None, source=DEFAULT_MODEL),)
    return Options(
        command=command,
        models=models,
        baselines=baselines,
        peer_weights=chosen.peer_weights,
        predictions=predictions,
        judges=judges,
        simple_prompt=chosen.simple_prompt or chosen.analyst is not None,
        analyst=_named(chosen.analyst) if chosen.analyst else None,
        quoted=chosen.quoted,
        suites=_listed(chosen.suite),
        metrics=_listed(chosen.metrics),
        data_root=chosen.data_root,
        output=chosen.output
        or Path("results") / _default_name(models, (*predictions, *judges), chosen.compare),
        limit=chosen.limit,
        seed=chosen.seed,
        score_only=chosen.score_only,
        metric_weights=chosen.metric_weights,
        efficiency=chosen.efficiency,
        scenes=chosen.scenes,
        votes=chosen.votes,
        paper=chosen.paper,
        compare=tuple(chosen.compare) if chosen.compare else None,
    )


def _parser() -> argparse.ArgumentParser:
    suites = ", ".join(dict.fromkeys([row.family for row in SUITES] + [row.name for row in SUITES]))
    baselines = ", ".join((EVERY, *(row.name for row in BASELINES)))
    peers = ", ".join(row.name for row in PEERS)
    parser = argparse.ArgumentParser(
        prog="eval/run_all.py",
        description="Measures models on every suite whose data is there. eval/DATASETS.md says where data is "
        "to be had and how it must lie. Exit code 0: all done; 1: something was left out, the rest is done; "
        "2: nothing could be done.",
    )
    parser.add_argument(
        "--model",
        action="append",
        metavar="[NAME=]MODEL",
        help=f"name or folder of a model, may be repeated (default: {DEFAULT_MODEL})",
    )
    parser.add_argument(
        "--simple-prompt", action="store_true", help="also let each model restore by one fixed sentence"
    )
    parser.add_argument(
        "--analyst",
        metavar="[NAME=]MODEL",
        help="also let each model restore by what this one says of the photo (UARE's table 5)",
    )
    parser.add_argument(
        "--predictions",
        action="append",
        metavar="NAME=FOLDER",
        help="results made elsewhere: pictures named like the inputs, or scores.csv with name and score",
    )
    parser.add_argument(
        "--judge",
        action="append",
        metavar="[NAME=]PLACE",
        help="a judge of pairs: a folder with judge.json, read with the default model, or FGResQ.pth",
    )
    parser.add_argument(
        "--baseline",
        nargs="+",
        metavar="NAME",
        help=f"{baselines} (default: {' '.join(DEFAULT_BASELINES)}); with --peer-weights also {peers}",
    )
    parser.add_argument(
        "--peer-weights", type=Path, metavar="DIR", help="weights of published networks (eval/DATASETS.md)"
    )
    parser.add_argument("--quoted", type=Path, metavar="JSON", help="published values on the suite pairs")
    parser.add_argument("--suite", metavar="A,B", help=f"only these: {suites}")
    parser.add_argument("--metrics", metavar="A,B", help="only these protocol ids (eval/metrics/table.py)")
    parser.add_argument(
        "--data-root",
        type=Path,
        default=Path(os.environ.get("UARE_DATA", "datasets")),
        help="folder with the sets (default: $UARE_DATA or datasets)",
    )
    parser.add_argument("--output", type=Path, help="folder of the run (default: results/NAME)")
    parser.add_argument("--limit", type=_positive, metavar="N", help="only the first N items of each group")
    parser.add_argument("--seed", type=int, default=0, help="of models and intervals (default: 0)")
    parser.add_argument(
        "--score-only", action="store_true", help="predict nothing; score what the run in --output predicted"
    )
    parser.add_argument("--metric-weights", type=Path, metavar="DIR", help="weights of metrics, used offline")
    parser.add_argument("--efficiency", action="store_true", help="also measure time, memory and parameters")
    parser.add_argument("--scenes", type=Path, metavar="JSON", help="kinds of scenes: {picture: [kind, ...]}")
    parser.add_argument(
        "--votes", type=Path, metavar="FILE", help="human votes (docs/votes-format.md): which metric agrees?"
    )
    parser.add_argument("--paper", action="store_true", help="also put our rows into the papers' tables")
    parser.add_argument(
        "--compare",
        nargs=2,
        type=Path,
        metavar=("RUN_A", "RUN_B"),
        help="measure nothing; compare two output folders, and write compare.html into --output",
    )
    return parser


def check_names(names: Sequence[str]) -> None:
    """Raises InputError if two subjects share a name: their results would share a folder."""
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two subjects are called {name!r}; give each its name as NAME=FOLDER")


def check_baselines(names: Sequence[str]) -> None:
    """Raises InputError for a name that is neither that of a classical filter nor of a published network."""
    known = [*(row.name for row in BASELINES), *(row.name for row in PEERS)]
    for name in names:
        if name not in (*known, EVERY):
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"choose from {EVERY}, {', '.join(known)}"
            raise InputError(f"there is no baseline {name!r}; {hint}")


def _named(text: str) -> Named:
    """`NAME=FOLDER`, or a folder alone; a path that has a `=` of its own must be given a name."""
    name, sign, source = text.partition("=")
    return Named(name=name, source=source) if sign and name and source else Named(name=None, source=text)


def _listed(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _default_name(models: Sequence[Named], predictions: Sequence[Named], compare: list[Path] | None) -> str:
    if compare:
        return "-and-".join(path.resolve().name for path in compare)
    first = next(iter((*models, *predictions)), None)
    return "baselines" if first is None else first.name or Path(first.source).name or "run"


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number of at least 1")
    return int(text)
