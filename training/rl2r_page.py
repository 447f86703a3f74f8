"""Runs of reinforcement learning to rank side by side: what each brought on held-out pictures, as a page.

    python training/rl2r_page.py --run multi=runs/a --run overall=runs/b --output docs/results/rl2r

All runs have to start from one model, on the same data and with the same seed. Writes README.md and
curves.svg.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from training.command import exit_code
from training.curves import Panel, draw
from training.journal import read_steps
from training.rl2r_settings import Rl2rSettings, read_rl2r_settings
from training.rl2r_validation import HeldOut, gain, mean_srcc, read_held_out, srcc_by_set
from uare.errors import InputError
from uare.ratings import OVERALL
from uare.writing import write_atomically

WINDOW = 10  # steps at the beginning and the end whose rewards are averaged


@dataclass(frozen=True, kw_only=True)
class RunOfPage:
    """A run as the page needs it."""

    name: str
    settings: Rl2rSettings
    steps: list[dict[str, float]]
    held_out: dict[int, list[HeldOut]]

    def after(self, step: int) -> list[HeldOut]:
        return self.held_out[step]


def read_run(named: str) -> RunOfPage:
    """The run of NAME=FOLDER; InputError where it has measured nothing."""
    name, sign, folder = named.partition("=")
    if not sign:
        raise InputError(f"found --run {named}, expected NAME=FOLDER; give the run a name")
    path = Path(folder)
    try:
        held_out, steps = read_held_out(path), read_steps(path / "steps.jsonl")
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} is no run that has measured anything ({error}); name its output") from None
    settings = read_rl2r_settings(path / "settings.yaml")
    return RunOfPage(name=name, settings=settings, steps=steps, held_out=held_out)


def common_steps(runs: Sequence[RunOfPage]) -> list[int]:
    """The steps at which all runs have measured; InputError where those are not two, or the starts differ."""
    steps = sorted(set.intersection(*(set(run.held_out) for run in runs)))
    if len(steps) < 2:
        raise InputError(f"the runs have measured together at steps {steps} alone, expected two; train on")
    starts = [[(row.set_name, row.id, row.values) for row in run.after(steps[0])] for run in runs]
    if any(start != starts[0] for start in starts):
        raise InputError(
            "the runs do not start from the same values of the same pictures; choose runs of one model, data "
            "and seed"
        )
    return steps


def page(runs: Sequence[RunOfPage], command: str) -> str:
    """The page in Markdown."""
    steps = common_steps(runs)
    first = runs[0].settings
    names = list(first.answers.form.names)
    start = runs[0].after(steps[0])
    contents = len({row.id for row in start})
    lines = [
        "# Reinforcement learning to rank on the default model",
        "",
        "Generated; do not edit. Made by:",
        "",
        f"    {command}",
        "",
        f"Start: {Path(first.model).name} as it ships, whose supervised training saw these photos; held out "
        "is what the ranking did not train on. "
        f"{len(start)} held-out pictures of {contents} contents in {len(first.data.sets)} synthetic sets: "
        f"{', '.join(f'{name} ({form.harm} harms)' for name, form in first.data.sets.items())}. "
        f"{first.data.images} images a batch, {first.answers.per_image} answers an image, "
        f"batches a step: {first.rows_per_step}, crops of {max(first.data.crops_px)} px, learning rate "
        f"{first.optimizer.learning_rate:g} ({first.optimizer.schedule} over {first.steps} steps), "
        f"KL weight {first.objective.beta:g}. All are compared after step {steps[-1]}.",
        "",
        "SRCC is Spearman's correlation of the expected level with the label that follows from the records, "
        "in each set by itself, then their mean. Intervals: 95 %, 1,000 bootstrap samples of whole contents, "
        "of the difference on the same pictures.",
        "",
        "![Reward and rank correlation by step](curves.svg)",
        "",
        "## What each run brought",
        "",
        f"| run | rated | start | after {steps[-1]} steps | gain | 95 % interval |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    for run in runs:
        for title, rated in _rows(names):
            found = gain(start, run.after(steps[-1]), rated)
            lines.append(
                f"| {run.name} | {title} | {found.before:.3f} | {found.after:.3f} | "
                f"{found.difference:+.3f} | [{found.low:+.3f}, {found.high:+.3f}] |"
            )
    lines += ["", "## Between runs", "", *_between(runs, names, steps[-1])]
    lines += ["", "## By set", "", *_by_set(runs, steps)]
    lines += ["", "## During training", "", *_during(runs)]
    return "\n".join(lines) + "\n"


def _rows(names: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Title and names of each row of a table: every name by itself, then the mean of all."""
    return [*((name, [name]) for name in names), ("mean of these", list(names))]


def _between(runs: Sequence[RunOfPage], names: Sequence[str], step: int) -> list[str]:
    """The first run against each other one, on the same pictures."""
    lines = [
        "| first run minus | rated | difference of SRCC | 95 % interval |",
        "| --- | --- | ---: | --- |",
    ]
    for run in runs[1:]:
        for title, rated in _rows(names):
            found = gain(run.after(step), runs[0].after(step), rated)
            interval = f"[{found.low:+.3f}, {found.high:+.3f}]"
            lines.append(f"| {run.name} | {title} | {found.difference:+.3f} | {interval} |")
    return lines


def _by_set(runs: Sequence[RunOfPage], steps: Sequence[int]) -> list[str]:
    sets = list(runs[0].settings.data.sets)
    lines = [
        f"| run | step | {' | '.join(f'{one}, overall' for one in sets)} |",
        f"| --- | ---: |{' ---: |' * len(sets)}",
    ]
    for run in runs:
        for step in steps:
            found = srcc_by_set(run.after(step), OVERALL)
            lines.append(f"| {run.name} | {step} | {' | '.join(f'{found[one]:.3f}' for one in sets)} |")
    return lines


def _during(runs: Sequence[RunOfPage]) -> list[str]:
    lines = [
        f"| run | steps | overall reward, first {WINDOW} | last {WINDOW} | well formed, last {WINDOW} | "
        "groups without spread | KL, last | skipped |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for run in runs:
        begin, end = run.steps[:WINDOW], run.steps[-WINDOW:]
        lines.append(
            f"| {run.name} | {len(run.steps)} | {_mean(begin, 'reward_overall'):.3f} | "
            f"{_mean(end, 'reward_overall'):.3f} | {_mean(end, 'format_ok'):.3f} | "
            f"{_mean(run.steps, 'flat_groups'):.3f} | {_mean(end[-1:], 'kl'):.4f} | "
            f"{sum(step['skipped'] for step in run.steps):.0f} |"
        )
    return lines


def _mean(steps: Sequence[dict[str, float]], key: str) -> float:
    known = [step[key] for step in steps if key in step and not math.isnan(step[key])]
    return fmean(known) if known else math.nan


def curves(runs: Sequence[RunOfPage]) -> str:
    """The rewards of the first run, and the rank correlations of all, over their steps."""
    rows: list[dict[str, float]] = []
    for number, run in enumerate(runs):
        for step, held in run.held_out.items():
            all_names = fmean(mean_srcc(held, name) for name in run.settings.answers.form.names)
            overall = mean_srcc(held, OVERALL)
            rows.append({"step": step, f"srcc{number}": overall, f"mean{number}": all_names})
        for place in range(0, len(run.steps), WINDOW):
            window = run.steps[place : place + WINDOW]
            rows.append({"step": _mean(window, "step"), f"reward{number}": _mean(window, "reward_overall")})
    rows.sort(key=lambda row: row["step"])
    figures = [
        {f"{kind}{number}": run.name for number, run in enumerate(runs)}
        for kind in ("srcc", "mean", "reward")
    ]
    return draw(
        rows,
        (
            Panel(title="Held out: overall", figures=figures[0]),
            Panel(title="Held out: mean of all", figures=figures[1]),
            Panel(title="Reward", figures=figures[2]),
        ),
    )


def main(argv: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(description="Writes a page on runs of reinforcement learning to rank.")
    parser.add_argument("--run", action="append", required=True, metavar="NAME=FOLDER")
    parser.add_argument("--output", type=Path, required=True, help="folder of the page")
    args = parser.parse_args(given)

    def work() -> None:
        runs = [read_run(one) for one in args.run]
        text = page(runs, shlex.join(["python", "training/rl2r_page.py", *given]))
        drawing = curves(runs)
        folder: Path = args.output
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "README.md", lambda file: file.write(text.encode()), overwrite=True)
        write_atomically(folder / "curves.svg", lambda file: file.write(drawing.encode()), overwrite=True)
        print(folder / "README.md")

    return exit_code(work)


if __name__ == "__main__":
    raise SystemExit(main())
