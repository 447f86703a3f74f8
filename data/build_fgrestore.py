"""Builds a set of fine-grained pairs of restorations, for training a judge and for testing metrics.

From restored pictures of others, or from restorers that are run here, to pairs that differ just noticeably,
labelled by votes of people or, marked as pseudo, by a vote of full-reference metrics:

    python data/build_fgrestore.py --results FOLDER... --votes votes.jsonl --output SET
    python data/build_fgrestore.py --pairs FOLDER --filters all --uare 0:1 0:0.5 \\
        --peers all --peer-weights DIR --restorer "name=program {input} {output}" \\
        --vote psnr ssim ciede2000 --output SET

`data/fgrestore/layout.py` says what is in SET, `data/fgrestore/results.py` how results must lie, and
docs/votes-format.md what votes are. Exit code 0: all done; 1: something was left out, the rest is done; 2:
nothing could be built. A second call goes on where the first stopped.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import json
from collections.abc import Sequence

from data.fgrestore.build import BuildOptions, Built, build
from data.fgrestore.classical import FILTERS
from data.fgrestore.figures import draw_figures
from data.fgrestore.filters import MOST_JND_IMAGES
from data.fgrestore.inputs import Harm
from data.fgrestore.labels import Consensus
from data.fgrestore.measures import BUILTINS
from data.fgrestore.peers import EVERY, PEERS, peer_restorer, peers_named
from data.fgrestore.restorers import Command, filters_named, our_restorer
from data.fgrestore.summary import as_text, leanings, report
from uare.errors import InputError, UAREError

TIMEOUT_S = 120.0


def main(argv: Sequence[str] | None = None) -> int:
    """Builds what the command line asks for; returns the exit code."""
    chosen = _parser().parse_args(argv)
    try:
        built = build(_options(chosen), lambda text: print(text, file=sys.stderr))
        problems = [*built.problems, *_write_report(built)]
    except (UAREError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for problem in problems:
        print(f"problem: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _write_report(built: Built) -> list[str]:
    """Writes and prints the statistics, and draws them; a sentence where they cannot be drawn."""
    found = report(built)
    folder = built.set.folder
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    (folder / "report.json").write_text(text, encoding="utf-8")
    print(as_text(found))
    print(
        f"JND threshold: SSIM {built.filtered.jnd_threshold:.4f} over {built.filtered.num_jnd_images} "
        f"images; {len(built.set.pairs)} labelled pairs, {len(built.open)} open; {folder}"
    )
    try:
        draw_figures(
            leanings(built.set.pairs, built.ranges),
            [*built.set.pairs, *built.open],
            built.filtered.counts,
            built.filtered.jnd_threshold,
            folder / "figures",
        )
    except InputError as error:
        return [str(error)]
    return []


def _options(chosen: argparse.Namespace) -> BuildOptions:
    commands = [_command(text, chosen.timeout) for text in chosen.restorer]
    commands += _peers(chosen)
    commands += [our_restorer(*_setting(text), chosen.model, chosen.timeout) for text in chosen.uare]
    names = [one.name for one in commands]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two restorers are called {name!r}; give each its own name")
    return BuildOptions(
        output=chosen.output,
        results=tuple(chosen.results),
        pairs=tuple(chosen.pairs),
        crop_px=chosen.crop,
        photos=chosen.photos,
        harm=_harm(chosen) if chosen.photos is not None else None,
        limit=chosen.limit,
        filters=tuple(filters_named(chosen.filters)),
        commands=tuple(commands),
        votes=chosen.votes,
        consensus=Consensus(least_votes=chosen.least_votes, share=chosen.agreement),
        voters=tuple(chosen.vote),
        measured=chosen.measured,
        labels_by_score=tuple(chosen.labels_by_score),
        tau_share=chosen.tau_share,
        taus=dict(_threshold(text) for text in chosen.tau),
        sign=chosen.jnd_sign,
        jnd_threshold=chosen.jnd_threshold,
        most_jnd_images=chosen.jnd_images,
        test_only=chosen.test_only,
        content_only=chosen.by_content,
        split_of=chosen.split_of,
        seed=chosen.seed,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="data/build_fgrestore.py", description="Builds a set of fine-grained pairs of restorations."
    )
    add = parser.add_argument
    add("--output", type=Path, required=True, metavar="SET", help="folder of the set")
    add("--results", type=Path, nargs="+", default=[], metavar="FOLDER", help="restored pictures of others")
    add("--pairs", type=Path, nargs="+", default=[], metavar="FOLDER", help="with pairs.json: to be restored")
    add("--photos", type=Path, metavar="FOLDER", help="clean photos, harmed by --tasks and restored")
    add("--tasks", nargs="+", default=[], metavar="TYPE", help="degradations of --photos")
    add("--limit", type=int, metavar="N", help="only the first N photos of --photos")
    add("--tasks-per-photo", type=int, metavar="N", help="so many of --tasks, drawn for each photo")
    add("--severity", type=float, nargs=2, default=(3.0, 3.0), metavar=("LOW", "HIGH"), help="drawn, 1 to 5")
    add("--crop", type=int, metavar="PX", help="side of a square cut out of each picture")
    filters = ", ".join(dict.fromkeys(row.name for row in FILTERS))
    add("--filters", nargs="+", default=[], metavar="NAME", help=f"restore by these: all, {filters}")
    add("--restorer", action="append", default=[], metavar="NAME=COMMAND", help="restore by a program")
    peers = ", ".join((EVERY, *(row.name for row in PEERS)))
    add("--peers", nargs="+", default=[], metavar="NAME", help=f"by published networks: {peers}")
    add("--peer-weights", type=Path, metavar="DIR", help="weights of --peers (eval/DATASETS.md)")
    add("--uare", nargs="+", default=[], metavar="SEED:FIDELITY[:WORDS]", help="by our own model")
    add("--model", default="uare-tiny", help="of --uare")
    add("--timeout", type=float, default=TIMEOUT_S, metavar="S", help="of a program, for one picture")
    add("--votes", type=Path, metavar="FILE", help="people's votes (docs/votes-format.md)")
    add("--least-votes", type=int, default=1, metavar="N", help="fewest votes that decide a pair")
    add("--agreement", type=float, default=0.8, metavar="SHARE", help="of the votes that have to agree")
    known = ", ".join(row.voter.metric for row in BUILTINS)
    add("--vote", nargs="+", default=[], metavar="METRIC[:BAND]", help=f"pseudo-labels: {known} or measured")
    add("--measured", type=Path, metavar="CSV", help="values of further metrics (eval/measure_set.py)")
    add("--labels-by-score", nargs="+", default=[], metavar="ORIGIN", help="its scores came from pairs")
    add("--tau-share", type=float, default=0.1, help="score threshold, a share of an origin's range")
    add("--tau", nargs="+", default=[], metavar="ORIGIN=T", help="score threshold of one origin")
    add("--jnd-sign", choices=("plus", "random"), default="plus", help="plus as printed; random as noise")
    add("--jnd-threshold", type=float, metavar="SSIM", help="instead of the median over JND images")
    add("--jnd-images", type=int, default=MOST_JND_IMAGES, metavar="N", help="most pictures of that median")
    add("--test-only", action="store_true", help="everything is for testing: not to be trained on")
    add("--by-content", action="store_true", help="hold out whole contents only, and no pairs of others")
    add("--split-of", type=Path, metavar="SET", help="contents of this earlier set keep their part")
    add("--seed", type=int, default=0)
    return parser


def _harm(chosen: argparse.Namespace) -> Harm:
    low, high = chosen.severity
    return Harm(
        tasks=tuple(chosen.tasks),
        per_photo=chosen.tasks_per_photo,
        severities=(low, high),
        crop_px=chosen.crop,
        seed=chosen.seed,
    )


def _peers(chosen: argparse.Namespace) -> list[Command]:
    peers = peers_named(chosen.peers)
    if peers and chosen.peer_weights is None:
        raise InputError("--peers need their weights; name the folder with --peer-weights (eval/DATASETS.md)")
    return [peer_restorer(peer, chosen.peer_weights, chosen.timeout) for peer in peers]


def _command(text: str, timeout_s: float) -> Command:
    name, _, template = text.partition("=")
    return Command(name=name, template=template, timeout_s=timeout_s)


def _setting(text: str) -> tuple[int, float, str]:
    seed, _, rest = text.partition(":")
    fidelity, _, words = rest.partition(":")
    try:
        return int(seed), float(fidelity), words
    except ValueError:
        raise InputError(
            f"found --uare {text!r}, expected SEED:FIDELITY[:WORDS] such as 0:0.5 or '0:1:Remove the rain.'"
        ) from None


def _threshold(text: str) -> tuple[str, float]:
    origin, _, value = text.rpartition("=")
    try:
        return origin, float(value)
    except ValueError:
        raise InputError(f"found --tau {text!r}, expected ORIGIN=NUMBER") from None


if __name__ == "__main__":
    raise SystemExit(main())
