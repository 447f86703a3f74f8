"""Seconds, memory and parameters of models and baselines beside what they reach: `--efficiency`.

Every subject restores the same picture in a fresh process, once without being timed and then a few times.
What was measured stands in `efficiency.json` and is not measured again as long as the subject is the same.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.intervals import MeanInterval
from eval.records import CLASSICAL, MODEL, PEER, RESTORE, UNTOUCHED, MetricInfo, Run, SubjectInfo
from eval.report.means import direction, mean_of, values_of
from eval.report.model import Cell, Column, Section, Table, estimate, mean, number, word
from uare.writing import write_atomically

# Side of the input in pixels, and enlargement: the protocol of super-resolution, and photos as they are.
SIZES = ((128, 4), (512, 1), (1024, 1))
REPEATS = 3
FILE = "efficiency.json"
SCRIPT = Path(__file__).with_name("efficiency_process.py")
MEBIBYTE = 2**20


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one restoration costs; without seconds there is a problem."""

    subject: str
    digest: str  # of the subject: another one, and it is measured again
    side_px: int
    scale: int
    seconds: tuple[float, ...] = ()  # of each timed restoration
    peak_bytes: int | None = None  # of the GPU's memory, or of the process on a CPU
    num_parameters: int | None = None
    device: str = ""
    dtype: str = ""
    problem: str | None = None


def measure_costs(run: Run, sizes: Sequence[tuple[int, int]] = SIZES, repeats: int = REPEATS) -> list[Cost]:
    """Measures every model and baseline of a run that is not measured yet; writes `efficiency.json`."""
    known = {(one.subject, one.digest, one.side_px, one.scale): one for one in read_costs(run.folder)}
    costs = []
    for subject in run.info.subjects:
        if subject.kind not in (MODEL, CLASSICAL, PEER, UNTOUCHED) or subject.folder == "metrics":
            continue
        for side, scale in sizes:
            found = known.get((subject.name, subject.digest, side, scale))
            if found is None or found.problem is not None:
                print(f"timing {subject.name} on {side}x{side} px, x{scale}", file=sys.stderr)
                found = _measure(subject, side, scale, repeats)
            costs.append(found)
    content = json.dumps([dataclasses.asdict(one) for one in costs], indent=1) + "\n"
    write_atomically(run.folder / FILE, lambda stream: stream.write(content.encode("utf-8")), overwrite=True)
    return costs


def read_costs(output: Path) -> list[Cost]:
    """What `efficiency.json` of a run holds; nothing where it is absent or of another version."""
    try:
        content = json.loads((output / FILE).read_text(encoding="utf-8"))
        return [Cost(**(one | {"seconds": tuple(one["seconds"])})) for one in content]
    except (OSError, ValueError, TypeError, KeyError):
        return []  # it is measured again, which costs a minute and no result


def efficiency_section(run: Run, costs: Sequence[Cost]) -> Section:
    """A row per subject and size: what it costs, and its means over the run beside it."""
    qualities = _qualities(run)
    columns = [
        Column(name="subject"),
        Column(name="parameters, million"),
        Column(name="input"),
        Column(
            name="seconds",
            about="median after the first [quickest, slowest]",
            better="lower",
        ),
        Column(name="peak memory, MiB", about="of the GPU, else of the process", better="lower"),
        Column(name="device"),
        *(Column(name=name, better=direction(metric)) for name, metric, _ in qualities),
    ]
    rows = []
    for cost in costs:
        parameters = None if cost.num_parameters is None else cost.num_parameters / 1e6
        memory = None if cost.peak_bytes is None else cost.peak_bytes / MEBIBYTE
        enlarged = f", x{cost.scale}" if cost.scale > 1 else ""
        rows.append(
            (
                word(cost.subject),
                number(parameters, 2),
                Cell(text=f"{cost.side_px}x{cost.side_px}{enlarged}", value=cost.side_px),
                _seconds(cost),
                number(memory, 0),
                word(f"{cost.device}, {cost.dtype}"),
                *(mean(means.get(cost.subject), metric.decimals) for _, metric, means in qualities),
            )
        )
    table = Table(
        title="Cost beside quality",
        columns=tuple(columns),
        rows=tuple(rows),
        notes=(
            "Each subject and size in a process of its own, one picture at a time. Means are those of the "
            "suites above, over the pictures that the subject restored.",
        ),
    )
    return Section(id="efficiency", title="Efficiency", tables=(table,))


def _seconds(cost: Cost) -> Cell:
    if cost.problem is not None or not cost.seconds:
        return word("failed", "warning")
    return estimate(statistics.median(cost.seconds), (min(cost.seconds), max(cost.seconds)), 3)


def problems_of(costs: Sequence[Cost]) -> list[str]:
    """A sentence for each subject and size that could not be measured."""
    return [f"efficiency of {one.subject} at {one.side_px} px: {one.problem}" for one in costs if one.problem]


def _measure(subject: SubjectInfo, side: int, scale: int, repeats: int) -> Cost:
    kind, source = ("model", subject.source) if subject.kind == MODEL else ("baseline", subject.name)
    command = [sys.executable, str(SCRIPT), kind, source]
    command += ["--peer-weights", subject.source] if subject.kind == PEER else []
    command += ["--side", str(side), "--scale", str(scale), "--repeats", str(repeats)]
    blank = Cost(subject=subject.name, digest=subject.digest, side_px=side, scale=scale)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return dataclasses.replace(blank, problem=f"ended with {done.returncode}: {last}")
    measured = json.loads(done.stdout.strip().splitlines()[-1])
    return dataclasses.replace(blank, **(measured | {"seconds": tuple(measured["seconds"])}))


def _qualities(run: Run) -> list[tuple[str, MetricInfo, dict[str, MeanInterval | None]]]:
    """For each restoring suite its first metric: a column's name, the metric, and the mean by subject."""
    found = []
    for suite in run.suites:
        if suite.info.kind != RESTORE or not suite.items:
            continue
        for metric in run.info.metrics:
            means = {
                one.info.name: mean_of(values_of(one, suite.items, metric.id), suite.items, run.info.seed)
                for one in suite.subjects
            }
            if any(means.values()):
                found.append((f"{metric.id}, {suite.info.name}", metric, means))
                break
    return found
