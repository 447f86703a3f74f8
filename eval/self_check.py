"""Does the model choose well among its own restorations, and does it know when it has done harm?

    python eval/self_check.py DATA --limit 12 --judge uare/models/uare-tiny

Restores pictures whose reference is known in the ways that `--best-of` tries, and lets a vote of
full-reference metrics say what the judge, the model's words and its score are then measured by. DATA holds
`dev-pairs/` (`pairs.json`) and `realsr-osediff/` (`test_LR/`, `test_HR/`, enlarged four times); what is not
there is left out. Writes docs/results/self-check.md unless told otherwise. What was restored stays in the
folder `--pictures`: a second call does not restore it again. Exit code 0: all done; 2: nothing could be done.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.fgrestore.inputs import listed_pairs
from data.fgrestore.measures import BUILTINS
from eval.environment import git_hash, package_versions
from eval.pictures import write_picture
from eval.progress import Progress
from eval.report.files import write_text
from eval.report.markdown import section_lines
from eval.self_check_tables import Tried, best_of_section, verify_section
from uare.candidates import candidates
from uare.errors import InputError, UAREError
from uare.images import load_photo
from uare.options import RestoreOptions
from uare.pipeline import UAREPipeline, upscaled

Pixels = NDArray[np.uint8]  # (H, W, 3)
REALSR_SCALE = 4
DEFAULT_OUTPUT = Path("docs/results/self-check.md")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A picture to restore and what it should become."""

    group: str
    name: str
    degraded: Pixels
    reference: Pixels
    scale: int


def main(argv: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else list(argv)
    chosen = _parser().parse_args(given)
    try:
        cases = [*dev_cases(chosen.data / "dev-pairs", chosen.most_px)]
        cases += realsr_cases(chosen.data / "realsr-osediff")
        cases = first_of_each_group(cases, chosen.limit)
        if not cases:
            raise InputError(f"{chosen.data} holds neither dev-pairs nor realsr-osediff; name another folder")
        tried = _all_tried(cases, chosen)
    except (UAREError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    command = shlex.join(["python", "eval/self_check.py", *given])
    write_text(chosen.output, page(tried, command, chosen.seed))
    print(chosen.output)
    return 0


def dev_cases(folder: Path, most_px: int) -> Iterator[Case]:
    """The listed pairs, their middle where they are larger than `most_px`; none without the folder."""
    if not folder.is_dir():
        return
    for one in listed_pairs(folder, most_px)[0]:
        if one.reference is not None and one.reference.shape == one.pixels.shape:
            yield Case(
                group=one.task, name=one.content, degraded=one.pixels, reference=one.reference, scale=1
            )


def realsr_cases(folder: Path) -> list[Case]:
    """The pictures that have a larger reference; none without the folder."""
    files = sorted((folder / "test_LR").glob("*")) if folder.is_dir() else []
    return [
        Case(
            group="RealSR x4",
            name=file.stem,
            degraded=_bytes(load_photo(file).pixels),
            reference=_bytes(load_photo(folder / "test_HR" / file.name).pixels),
            scale=REALSR_SCALE,
        )
        for file in files
    ]


def first_of_each_group(cases: Sequence[Case], limit: int) -> list[Case]:
    """The first `limit` cases of every group."""
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.group, []).append(case)
    return [case for members in groups.values() for case in members[:limit]]


def restored(pipe: UAREPipeline, case: Case, ways: Sequence[RestoreOptions], folder: Path) -> list[Tensor]:
    """The case restored in each way (3, H, W), from `folder` where it lies there already; of 8 bits."""
    photo = _planes(case.degraded)
    made = []
    for place, way in enumerate(ways):
        file = folder / case.group / case.name / f"{place}.png"
        if not file.is_file():
            pixels = pipe.restore_photo(photo, **vars(way)).pixels
            write_picture(_bytes(pixels) / 255, file)
        made.append(load_photo(file).pixels)
    return made


def tried_of(pipe: UAREPipeline, case: Case, made: list[Tensor]) -> list[Tried]:
    """Every way of restoring a case: its values, and what judge, words and score say of it."""
    before = upscaled(_planes(case.degraded), case.scale)
    words = UAREPipeline(pipe.model, pipe.tokenizer)
    points, score_before = pipe.points(made), pipe.score(before)
    return [
        Tried(
            group=case.group,
            photo=case.name,
            way=place,
            values=_values(_bytes(after), case.reference),
            input_values=_values(_bytes(before), case.reference),
            points=points[place],
            score=pipe.score(after),
            input_score=score_before,
            by_judge=pipe.prefer(after, before) if pipe.judge is not None else None,
            by_words=words.prefer(after, before),
        )
        for place, after in enumerate(made)
    ]


def page(tried: Sequence[Tried], command: str, seed: int) -> str:
    """The page in Markdown."""
    versions = ", ".join(f"{name} {version}" for name, version in package_versions().items())
    sections = (best_of_section(tried, seed), verify_section(tried, seed))
    lines = [
        "# Does the model judge its own work well?",
        "",
        "Generated; do not edit. Made by:",
        "",
        f"    {command}",
        "",
        f"Commit {git_hash() or 'unknown'}; seed {seed}; {versions}.",
        "",
        *(line for section in sections for line in section_lines(section)),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _all_tried(cases: Sequence[Case], chosen: argparse.Namespace) -> list[Tried]:
    pipe = UAREPipeline.from_pretrained(chosen.model, judge=chosen.judge)
    found: list[Tried] = []
    progress = Progress("self-check", len(cases), shown=True)
    for case in cases:
        asked = RestoreOptions(seed=chosen.seed, best_of=chosen.best_of, verify=False, upscale=case.scale)
        ways = [replace(way, best_of=1) for way in candidates(asked)]
        found += tried_of(pipe, case, restored(pipe, case, ways, chosen.pictures))
        progress.step(case.name, worked=True)
    return found


def _values(pixels: Pixels, reference: Pixels) -> dict[str, float]:
    return {row.voter.metric: row.measure(pixels, reference) for row in BUILTINS}


def _bytes(pixels: Tensor) -> Pixels:
    """(H, W, 3) of 0..255 out of (3, H, W) in [0, 1]."""
    return np.asarray((pixels.permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy())


def _planes(pixels: Pixels) -> Tensor:
    """(3, H, W) in [0, 1] out of (H, W, 3) of 0..255."""
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="eval/self_check.py", description="Measures best-of and the check of results by references."
    )
    add = parser.add_argument
    add("data", type=Path, metavar="DATA", help="folder with dev-pairs and realsr-osediff")
    add("--model", default="uare-tiny", help="a model of the package or a folder")
    add("--judge", type=Path, help="default: the model's, where it has one")
    add("--best-of", type=int, default=4, metavar="N", help="ways of restoring each picture")
    add("--limit", type=int, default=12, metavar="N", help="only the first N pictures of each group")
    add("--most-px", type=int, default=320, metavar="PX", help="largest side of dev-pairs, cut to the middle")
    add("--seed", type=int, default=0)
    add("--pictures", type=Path, default=Path("results/self-check"), metavar="DIR", help="what is restored")
    add("--output", type=Path, default=DEFAULT_OUTPUT, metavar="FILE")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
