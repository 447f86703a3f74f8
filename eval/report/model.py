"""What a report consists of: sections of text, tables, plots and cases, the same for every way of writing it.

Analyses hand over `Section`s and never write files; the writers know nothing of metrics or models. The words
beside the types are the descriptions in the JSON schema (`eval.report.schema`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from eval.intervals import MeanInterval

SCHEMA_VERSION = "1.0"

Better = Literal["higher", "lower", ""]
Mark = Literal["", "best", "tie", "quoted", "better", "worse", "warning"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One field of a table."""

    text: Annotated[str, "As it is read; empty where there is nothing to say."]
    value: Annotated[float | None, "What sorting compares; null where there is no number."] = None
    low: Annotated[float | None, "Lower end of the 95 % interval."] = None
    high: Annotated[float | None, "Upper end of the 95 % interval."] = None
    n: Annotated[int | None, "Number of values behind a mean."] = None
    mark: Annotated[
        Mark,
        "best of its column; tie: not told apart from the best; quoted: measured by others; better or worse "
        "than what it is compared with; warning: look at it.",
    ] = ""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table."""

    name: Annotated[str, "Its head."]
    about: Annotated[str, "What it means, such as the protocol of a metric."] = ""
    better: Annotated[Better, "Which direction is better, empty where neither is."] = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Cells in rows; the first column names the row."""

    title: Annotated[str, "What is shown."]
    columns: Annotated[tuple[Column, ...], "From left to right."]
    rows: Annotated[tuple[tuple[Cell, ...], ...], "As many cells as columns in each."]
    notes: Annotated[tuple[str, ...], "What a reader has to know, a partial run first."] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.title}: found {len(row)} cells for {len(self.columns)} columns")


@dataclass(frozen=True, kw_only=True)
class Point:
    """One mark of a scatter plot."""

    name: Annotated[str, "What it stands for."]
    series: Annotated[str, "Points of one series share a colour."]
    x: Annotated[float, "Place across."]
    y: Annotated[float, "Place upwards."]


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """Two quantities against each other."""

    title: Annotated[str, "What is shown."]
    x_name: Annotated[str, "Quantity across."]
    y_name: Annotated[str, "Quantity upwards."]
    points: Annotated[tuple[Point, ...], "In the order of drawing."]
    named: Annotated[bool, "True if each point carries its name, false for a cloud."]


@dataclass(frozen=True, kw_only=True)
class Radar:
    """Several quantities around a centre, the outside is better."""

    title: Annotated[str, "What is shown, and what centre and rim stand for."]
    axes: Annotated[tuple[str, ...], "Three or more."]
    series: Annotated[dict[str, tuple[float, ...]], "Name -> a place in 0..1 on each axis."]


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version of a picture."""

    name: Annotated[str, "input, reference, or the subject that made it."]
    file: Annotated[str, "Where it lay when the report was made."]
    box: Annotated[tuple[int, int, int, int] | None, "Left, top, right, bottom in pixels; null: whole."]
    values: Annotated[dict[str, float], "What cases are ordered by -> value; empty for input and reference."]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One picture of a gallery in all its versions."""

    name: Annotated[str, "Id of the item."]
    group: Annotated[str, "Group of the item."]
    tags: Annotated[tuple[str, ...], "What it shows, or what was found in it."]
    versions: Annotated[tuple[Version, ...], "Input first, then subjects, then the reference."]


@dataclass(frozen=True, kw_only=True)
class Order:
    """One way of ordering cases."""

    name: Annotated[str, "Key of `Version.values`."]
    better: Annotated[Better, "Which direction is better."]
    decimals: Annotated[int, "To show."]


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Cases to look at."""

    about: Annotated[str, "How they were chosen, out of how many."]
    subjects: Annotated[tuple[str, ...], "Whose worst and best cases these are; the first is shown first."]
    left: Annotated[str, "Version that stands left of the border first."]
    orders: Annotated[tuple[Order, ...], "Ways of ordering them; the first is used first."]
    cases: Annotated[tuple[Case, ...], "Worst of the first subject by the first order first."]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the report with a heading of its own."""

    id: Annotated[str, "Short name without spaces, unique in the report."]
    title: Annotated[str, "Its heading."]
    text: Annotated[tuple[str, ...], "Paragraphs in front of the tables."] = ()
    tables: Annotated[tuple[Table, ...], "The first ones matter most."] = ()
    details: Annotated[tuple[Table, ...], "Tables for whoever wants to know more."] = ()
    plots: Annotated[tuple[Scatter | Radar, ...], "Drawn in the page alone."] = ()
    gallery: Annotated[Gallery | None, "Pictures, in the page alone."] = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that a run found out."""

    schema_version: Annotated[str, "Another first number: a field went or means something else."] = (
        SCHEMA_VERSION
    )
    title: Annotated[str, "What was evaluated."]
    command: Annotated[str, "What made the run."]
    git_hash: Annotated[str | None, "Of the code; null outside a checkout."]
    versions: Annotated[dict[str, str], "Package -> version."]
    seed: Annotated[int, "Of restorations and resampling."]
    partial: Annotated[str | None, "Why this is no full run; null if it is one."]
    data_sha256: Annotated[dict[str, str], "Suite -> digest of its items, pictures and references."]
    sections: Annotated[tuple[Section, ...], "In the order of reading."]
    problems: Annotated[tuple[str, ...], "What was left out and why; empty if nothing was."]

    def with_partial_notes(self) -> Report:
        """The same report where, in a partial run, every table says so first."""
        if self.partial is None:
            return self
        return replace(self, sections=tuple(_with_note(one, self.partial) for one in self.sections))


def _with_note(section: Section, note: str) -> Section:
    tables, details = (
        tuple(replace(table, notes=(note, *table.notes)) for table in some)
        for some in (section.tables, section.details)
    )
    return replace(section, tables=tables, details=details)


def word(text: str, mark: Mark = "") -> Cell:
    """A cell that holds words."""
    return Cell(text=text, mark=mark)


def number(value: float | None, decimals: int, mark: Mark = "") -> Cell:
    """A cell that holds a number which is no mean; a dash for None."""
    return Cell(text="–" if value is None else f"{value:.{decimals}f}", value=value, mark=mark)


def estimate(
    value: float, ends: tuple[float, float] | None, decimals: int, n: int | None = None, mark: Mark = ""
) -> Cell:
    """A cell that holds a number which is no mean, with its interval where there is one."""
    low, high = ends or (None, None)
    text = f"{value:.{decimals}f}"
    text += f" [{low:.{decimals}f}, {high:.{decimals}f}]" if ends else ""
    return Cell(text=text, value=value, low=low, high=high, n=n, mark=mark)


def count(value: int, mark: Mark = "") -> Cell:
    """A cell that holds a number of things."""
    return Cell(text=str(value), value=value, mark=mark)


def mean(interval: MeanInterval | None, decimals: int, mark: Mark = "") -> Cell:
    """A cell that holds a mean with its interval and n; a dash for None."""
    return _scaled(interval, decimals, 1, mark)


def percent(share: MeanInterval | None) -> Cell:
    """A cell that holds a mean share of [0, 1] in per cent, with its interval and n; a dash for None."""
    return _scaled(share, 1, 100, "")


def _scaled(interval: MeanInterval | None, decimals: int, scale: float, mark: Mark) -> Cell:
    if interval is None:
        return Cell(text="–")
    return Cell(
        text=interval.text(decimals, scale=scale),
        value=interval.mean * scale,
        low=interval.low * scale if interval.num_groups > 1 else None,
        high=interval.high * scale if interval.num_groups > 1 else None,
        n=interval.num_values,
        mark=mark,
    )
