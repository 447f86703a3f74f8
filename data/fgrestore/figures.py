"""Pictures of a built set: preferences against scores (the paper's figure 4), and what the filters left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data.fgrestore.layout import FinePair
from data.fgrestore.summary import Leaning
from uare.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 3
PANEL_IN = (3.4, 3.0)  # inches
STEP = 0.01  # of score differences: nearer points are drawn as one larger point
DPI = 110
BLUE, RED, GREY = "#2b6cb0", "#e53e3e", "#a0aec0"


def draw_figures(
    found: Sequence[Leaning],
    pairs: Sequence[FinePair],
    counts: Mapping[str, Mapping[str, int]],
    jnd_threshold: float,
    folder: Path,
) -> list[Path]:
    """Writes the figures as PNG; InputError where matplotlib is not installed."""
    try:
        import matplotlib.figure  # noqa: F401
    except ModuleNotFoundError:
        raise InputError(
            'matplotlib is not installed; the figures of a set need: pip install -e ".[eval]"'
        ) from None
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"counts.png": _counts(counts), "ssim.png": _similarities(pairs, jnd_threshold)}
    if found:
        figures = {"scores_and_preferences.png": _leanings(found), **figures}
    paths = []
    for name, figure in figures.items():
        # no date inside, so that the same set gives the same bytes
        figure.savefig(folder / name, dpi=DPI, metadata={"Software": None})
        paths.append(folder / name)
    return paths


def _leanings(found: Sequence[Leaning]) -> Figure:
    from matplotlib.figure import Figure

    tasks = list(dict.fromkeys(one.task for one in found))
    columns = min(COLUMNS, len(tasks))
    rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(PANEL_IN[0] * columns, PANEL_IN[1] * rows), layout="constrained")
    axes = figure.subplots(rows, columns, sharey=True, squeeze=False)
    reach = max(abs(one.score_lead) for one in found) * 1.1 or 1.0
    for place, axis in enumerate(axes.flat):
        if place >= len(tasks):
            axis.set_visible(False)
            continue
        own = [one for one in found if one.task == tasks[place]]
        points = Counter((round(one.score_lead / STEP) * STEP, one.preference) for one in own)
        # where scores say one and preferences the other
        axis.fill_between([-reach, 0], 0, 1.15, color=RED, alpha=0.12, linewidth=0)
        axis.fill_between([0, reach], -1.15, 0, color=RED, alpha=0.12, linewidth=0)
        sizes = [8 + 6 * number for number in points.values()]
        axis.scatter(
            [x for x, _ in points], [y for _, y in points], s=sizes, color=BLUE, alpha=0.5, linewidths=0
        )
        against = sum(one.score_lead * one.preference < 0 for one in own)
        decided = sum(one.preference != 0 for one in own)
        share = f", {100 * against / decided:.0f} % against" if decided else ""
        axis.set_title(f"{tasks[place]}: {len(own)} pairs{share}", fontsize=9)
        axis.set_xlim(-reach, reach)
        axis.set_ylim(-1.15, 1.15)
        axis.axhline(0, color=GREY, linewidth=0.6)
        axis.axvline(0, color=GREY, linewidth=0.6)
    figure.supxlabel("score of A less score of B, share of the range", fontsize=9)
    figure.supylabel("preference for A", fontsize=9)
    return figure


def _counts(counts: Mapping[str, Mapping[str, int]]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 3.2), layout="constrained")
    axis = figure.subplots()
    names = list(next(iter(counts.values())))
    width = 0.8 / len(names)
    for place, (name, colour) in enumerate(zip(names, (GREY, "#63b3ed", BLUE), strict=True)):
        bars = axis.bar(
            [task + (place - (len(names) - 1) / 2) * width for task in range(len(counts))],
            [found[name] for found in counts.values()],
            width=width,
            color=colour,
            label=name,
        )
        axis.bar_label(bars, fontsize=6)
    axis.set_xticks(range(len(counts)), list(counts), fontsize=8)
    axis.set_ylabel("pairs", fontsize=9)
    axis.legend(fontsize=8, frameon=False)
    return figure


def _similarities(pairs: Sequence[FinePair], jnd_threshold: float) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 3.2), layout="constrained")
    axis = figure.subplots()
    axis.hist([pair.ssim for pair in pairs if pair.ssim is not None], bins=40, range=(0, 1), color=BLUE)
    axis.axvline(jnd_threshold, color=RED, linewidth=1.2, label=f"threshold {jnd_threshold:.3f}")
    axis.set_xlabel("SSIM between A and B of the pairs that are left", fontsize=9)
    axis.set_ylabel("pairs", fontsize=9)
    axis.legend(fontsize=8, frameon=False)
    return figure
