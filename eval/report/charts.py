"""Scatter and radar plots as SVG inside the page, in the colours of its style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from eval.report.model import Point, Radar, Scatter

WIDTH, HEIGHT = 460, 320  # px of a plot's own coordinates
LEFT, RIGHT, TOP, BOTTOM = 62, 18, 14, 48  # px between the edges and the axes
NUM_COLOURS = 6
LETTER_PX = 7.0  # mean width of a letter of a label
LABEL_PX = 14  # least distance of labels, from top to top
RADAR_PX = 120  # radius


def drawn(plot: Scatter | Radar) -> str:
    """A figure with its title, drawing and legend."""
    if isinstance(plot, Scatter):
        series = list(dict.fromkeys(point.series for point in plot.points))
        picture = _scatter(plot, series)
    else:
        series = list(plot.series)
        picture = _radar(plot)
    names = "".join(
        f'<span><i style="background: var(--s{place % NUM_COLOURS})"></i>{escape(name)}</span>'
        for place, name in enumerate(series)
    )
    title = escape(plot.title)
    return (
        f'<figure class="plot"><figcaption>{title}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">{picture}</svg>'
        f'<p class="legend">{names}</p></figure>'
    )


def ticks(low: float, high: float) -> list[float]:
    """Round values that enclose [low, high], three to eight of them."""
    span = high - low or abs(high) or 1.0
    unit = 10.0 ** math.floor(math.log10(span / 4))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= span / 4)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [place * step for place in range(first, max(last, first + 1) + 1)]


def _scatter(plot: Scatter, series: Sequence[str]) -> str:
    across, up = ticks(*_ends([one.x for one in plot.points])), ticks(*_ends([one.y for one in plot.points]))

    def x_of(value: float) -> float:
        return LEFT + (value - across[0]) / (across[-1] - across[0]) * (WIDTH - LEFT - RIGHT)

    def y_of(value: float) -> float:
        return HEIGHT - BOTTOM - (value - up[0]) / (up[-1] - up[0]) * (HEIGHT - BOTTOM - TOP)

    parts = []
    for mark in up:
        y = y_of(mark)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y:.1f}" dy="4" text-anchor="end">{mark:.6g}</text>')
    for mark in across:
        x = x_of(mark)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{mark:.6g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle" class="name">{escape(plot.x_name)}</text>'
    )
    half = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text transform="translate(14 {half}) rotate(-90)" text-anchor="middle" class="name">'
        f"{escape(plot.y_name)}</text>"
    )
    kind = "" if plot.named else " cloud"
    for point in plot.points:
        colour = series.index(point.series) % NUM_COLOURS
        x, y, title = x_of(point.x), y_of(point.y), escape(f"{point.name}: {point.x:.5g}, {point.y:.5g}")
        parts.append(
            f'<circle class="s{colour}{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{5 if plot.named else 3}">'
            f"<title>{title}</title></circle>"
        )
    if plot.named:
        parts += _labels([(point, x_of(point.x), y_of(point.y)) for point in plot.points])
    return "".join(parts)


def _labels(placed: Sequence[tuple[Point, float, float]]) -> list[str]:
    """Names beside their points, moved down where they would cover each other, with a line to the point."""
    parts = []
    taken: list[tuple[float, float, float]] = []  # left, right, y
    for point, x, y in sorted(placed, key=lambda one: one[2]):
        width = LETTER_PX * len(point.name)
        fits_right = x + 10 + width <= WIDTH
        left = x + 10 if fits_right else x - 10 - width
        at = y
        while any(
            abs(at - other) < LABEL_PX and left < end and begin < left + width for begin, end, other in taken
        ):
            at += 2
        taken.append((left, left + width, at))
        anchor, start = ("start", x + 10) if fits_right else ("end", x - 10)
        if at - y > LABEL_PX / 2:
            parts.append(f'<line class="lead" x1="{x:.1f}" y1="{y:.1f}" x2="{start:.1f}" y2="{at:.1f}"/>')
        parts.append(
            f'<text class="name" x="{start:.1f}" y="{at:.1f}" dy="4" text-anchor="{anchor}">'
            f"{escape(point.name)}</text>"
        )
    return parts


def _radar(plot: Radar) -> str:
    centre_x, centre_y, count = WIDTH / 2, HEIGHT / 2, len(plot.axes)

    def place(axis: int, share: float) -> tuple[float, float]:
        angle = 2 * math.pi * axis / count - math.pi / 2
        return (
            centre_x + RADAR_PX * share * math.cos(angle),
            centre_y + RADAR_PX * share * math.sin(angle),
        )

    def ring(shares: Sequence[float], attributes: str) -> str:
        corners = " ".join("{:.1f},{:.1f}".format(*place(axis, share)) for axis, share in enumerate(shares))
        return f'<polygon points="{corners}" {attributes}/>'

    empty = 'class="grid" style="fill: none; stroke-width: 1; stroke: var(--line)"'
    parts = [ring([share] * count, empty) for share in (0.25, 0.5, 0.75, 1)]
    for axis, name in enumerate(plot.axes):
        x, y = place(axis, 1)
        parts.append(f'<line class="grid" x1="{centre_x}" y1="{centre_y}" x2="{x:.1f}" y2="{y:.1f}"/>')
        x, y = place(axis, 1.1)
        side = "middle" if abs(x - centre_x) < 20 else "start" if x > centre_x else "end"
        parts.append(
            f'<text class="name" x="{x:.1f}" y="{y:.1f}" dy="4" text-anchor="{side}">{escape(name)}</text>'
        )
    for number, (name, shares) in enumerate(plot.series.items()):
        title = f"<title>{escape(name)}</title>"
        drawing = ring(shares, f'class="s{number % NUM_COLOURS}"')
        parts.append(drawing.removesuffix("/>") + f">{title}</polygon>")
    return "".join(parts)


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest value with a little room, so that no point lies on an axis."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = 0.06 * ((high - low) or abs(high) or 1.0)
    return low - room, high + room
