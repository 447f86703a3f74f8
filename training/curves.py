"""A run's figures over its steps as one SVG, which reads in light and in dark and needs no library.

Losses and gradients stand on logarithmic axes. Runs longer than a curve can show are drawn as means.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from training.journal import read_steps
from uare.writing import write_atomically

CURVES_FILE = "curves.svg"
MOST_POINTS = 300  # of a curve
TINIEST = 1e-300  # smaller values count as zero
PANEL_PX = (560, 280)  # width, height of one panel with its labels
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 70, 16, 44, 34  # between a panel's edge and its axes

Points = list[tuple[float, float]]  # step, value


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Figures of `steps.jsonl` that share their axes, with the names to show."""

    title: str
    figures: dict[str, str]
    is_log: bool = False


PANELS = (
    Panel(
        title="Loss",
        figures={"loss": "total", "velocity_loss": "velocity", "text_loss": "text"},
        is_log=True,
    ),
    Panel(title="Gradient norm", figures={"grad_norm": "gradient norm"}, is_log=True),
    Panel(title="Learning rate", figures={"learning_rate": "learning rate"}),
    Panel(title="Tokens per second", figures={"tokens_per_s": "speed"}),
    Panel(title="Share of the peak (MFU)", figures={"mfu": "MFU"}),
)

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #5c6673 } .title { font-size: 15px; fill: #1d232b }
.back { fill: #ffffff } .grid { stroke: #dadfe5 } path { fill: none; stroke-width: 1.8 }
.c0 { stroke: #0b6e66 } .c1 { stroke: #b3500b } .c2 { stroke: #5b4bc4 } .c3 { stroke: #8a6d00 }
text.c0 { stroke: none; fill: #0b6e66 } text.c1 { stroke: none; fill: #b3500b }
text.c2 { stroke: none; fill: #5b4bc4 } text.c3 { stroke: none; fill: #8a6d00 }
@media (prefers-color-scheme: dark) {
  text { fill: #9aa5b2 } .title { fill: #e4e8ed } .back { fill: #1d2127 } .grid { stroke: #333a43 }
  .c0 { stroke: #5cc9be } .c1 { stroke: #f0a25f } .c2 { stroke: #a99cf5 } .c3 { stroke: #d9bd4f }
  text.c0 { fill: #5cc9be } text.c1 { fill: #f0a25f } text.c2 { fill: #a99cf5 } text.c3 { fill: #d9bd4f }
}
"""


def write_curves(output: Path) -> Path | None:
    """Draws the steps of the run in `output` as its `curves.svg`; None where it has not made a step yet."""
    journal = output / "steps.jsonl"
    steps = read_steps(journal) if journal.exists() else []
    if not steps:
        return None
    drawing = draw(steps)
    write_atomically(output / CURVES_FILE, lambda file: file.write(drawing.encode()), overwrite=True)
    return output / CURVES_FILE


def draw(steps: Sequence[dict[str, float]], among: Sequence[Panel] = PANELS) -> str:
    """The SVG of all panels that the steps have figures for, two in a row."""
    panels = []
    for panel in among:
        curves = {name: points_of(steps, key, panel.is_log) for key, name in panel.figures.items()}
        if any(curves.values()):
            panels.append((panel, {name: points for name, points in curves.items() if points}))
    width, height = PANEL_PX
    total = (2 * width, -(-len(panels) // 2) * height)
    drawn = [
        f'<g transform="translate({number % 2 * width} {number // 2 * height})">{_drawn(*panel)}</g>'
        for number, panel in enumerate(panels)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total[0]} {total[1]}" role="img" '
        'aria-label="Figures of the run over its steps">\n'
        f'<style>{STYLE}</style>\n<rect class="back" width="100%" height="100%" rx="10"/>\n'
        + "\n".join(drawn)
        + "\n</svg>\n"
    )


def points_of(steps: Sequence[dict[str, float]], key: str, is_log: bool) -> Points:
    """A figure's points, means of equal runs of steps if there are many.

    What an axis cannot show is left out: values that are not finite (skipped steps), and zeros on a
    logarithmic one (the text loss of a phase without texts).
    """
    lowest = 0.0 if is_log else -math.inf
    points = [
        (step["step"], step[key])
        for step in steps
        if key in step and math.isfinite(step[key]) and step[key] > lowest
    ]
    size = -(-len(points) // MOST_POINTS) or 1
    parts = [points[start : start + size] for start in range(0, len(points), size)]
    return [(fmean([step for step, _ in part]), fmean([value for _, value in part])) for part in parts]


def ticks(low: float, high: float, is_log: bool) -> list[float]:
    """Round values from the last at or below `low` to the first at or above `high`, two at least."""
    if is_log:
        marks = [float(f"{factor}e{power}") for power in range(-40, 40) for factor in (1, 2, 5)]
    else:
        span = high - low
        if span <= 1e-12 * max(abs(low), abs(high)) + TINIEST:  # nothing an axis can show
            span = max(abs(low), abs(high)) if abs(high) > TINIEST else 1.0
        unit = 10.0 ** math.floor(math.log10(span / 4))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= span / 4)
        first = math.floor(low / step) - 1  # one more: the quotient may have been rounded up
        marks = [step * count for count in range(first, first + 8)]
    inner = [one for one in marks if low < one < high]
    below = max(one for one in marks if one <= low)
    return [below, *inner, min(one for one in marks if one >= high and one > below)]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Values to pixels: the first tick lies at `start`, the last at `end`."""

    marks: Sequence[float]
    start: float
    end: float
    is_log: bool = False

    def place(self, value: float) -> float:
        low, high, value = (
            math.log(one) if self.is_log else one for one in (self.marks[0], self.marks[-1], value)
        )
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def labelled(self) -> list[float]:
        """The marks that get a label: powers of ten alone where the axis spans many."""
        is_long = self.is_log and len(self.marks) > 7
        return [one for one in self.marks if not is_long or math.log10(one).is_integer()]


def _drawn(panel: Panel, curves: dict[str, Points]) -> str:
    """A panel's grid, labels and curves; its corner lies at (0, 0)."""
    (width, height), all_points = PANEL_PX, [point for points in curves.values() for point in points]
    columns, values = ([point[axis] for point in all_points] for axis in (0, 1))
    across = Axis(marks=ticks(min(columns), max(columns), False), start=LEFT_PX, end=width - RIGHT_PX)
    up = Axis(
        marks=ticks(min(values), max(values), panel.is_log),
        start=height - BOTTOM_PX,
        end=TOP_PX,
        is_log=panel.is_log,
    )
    parts = [f'<text class="title" x="{LEFT_PX}" y="26">{panel.title}</text>']
    for mark in up.labelled():
        y = f"{up.place(mark):.1f}"
        parts.append(f'<line class="grid" x1="{across.start}" x2="{across.end}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{LEFT_PX - 8}" y="{y}" dy="4" text-anchor="end">{mark:g}</text>')
    for mark in across.labelled():
        x = f"{across.place(mark):.1f}"
        label = f"{mark:g}" if mark > across.marks[0] else f"step {mark:g}"
        parts.append(f'<text x="{x}" y="{height - 12}" text-anchor="middle">{label}</text>')
    for number, (name, points) in enumerate(curves.items()):
        line = " L".join(f"{across.place(step):.1f} {up.place(value):.1f}" for step, value in points)
        parts.append(f'<path class="c{number}" d="M{line}"/>')
        if len(curves) > 1:
            end = width - RIGHT_PX - 80 * (len(curves) - 1 - number)
            parts.append(f'<text class="c{number}" x="{end}" y="26" text-anchor="end">{name}</text>')
    return "".join(parts)
