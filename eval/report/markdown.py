"""A report as Markdown: all text and tables, for reading in a checkout."""

from __future__ import annotations

from collections.abc import Iterable

from eval.intervals import COVERAGE, NUM_RESAMPLES
from eval.report.model import Cell, Column, Report, Section, Table

ARROWS = {"higher": " ↑", "lower": " ↓", "": ""}
LEGEND = (
    f"Means with {COVERAGE:.0%} bootstrap intervals ({NUM_RESAMPLES} resamples). **Bold**: the best of its "
    "column; =: not told apart from the best (the interval of the paired difference holds zero); ❞: "
    "measured by others, not here."
)


def markdown(report: Report) -> str:
    """The whole report."""
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    lines = [
        f"# {report.title}",
        "",
        "Generated; do not edit. Made by:",
        "",
        *(f"    {line}" for line in report.command.splitlines()),
        "",
        f"Commit {report.git_hash or 'unknown'}; seed {report.seed}; {versions}.",
        "",
        *([f"**{report.partial}**", ""] if report.partial else []),
        LEGEND,
        "",
    ]
    for section in report.sections:
        lines += section_lines(section)
    lines += ["## Problems", ""]
    lines += [f"- {problem}" for problem in report.problems] or ["None: nothing was left out."]
    lines += ["", "## Data", ""]
    lines += [f"- {suite}: sha256 `{digest}`" for suite, digest in report.data_sha256.items()]
    return "\n".join(lines) + "\n"


def section_lines(section: Section) -> list[str]:
    """A section with its heading; plots and pictures are in the page alone."""
    lines = [f"## {section.title}", ""]
    for paragraph in section.text:
        lines += [paragraph, ""]
    for table in (*section.tables, *section.details):
        lines += [f"### {table.title}", ""]
        lines += [f"- {note}" for note in table.notes] + ([""] if table.notes else [])
        lines += [*table_lines(table), ""]
    return lines


def table_lines(table: Table) -> list[str]:
    """The lines of a table; a bar inside a cell is escaped."""
    if not table.rows:
        return ["Nothing."]
    head = [_head(column) for column in table.columns]
    numeric = [any(row[place].value is not None for row in table.rows) for place in range(len(head))]
    ruler = ["---:" if is_number else "---" for is_number in numeric]
    rows_n = [_n_of_row(table, row) for row in table.rows]
    body = [[_cell(cell, n) for cell in row] for row, n in zip(table.rows, rows_n, strict=True)]
    return [_line(head), "| " + " | ".join(ruler) + " |", *map(_line, body)]


def _n_of_row(table: Table, row: tuple[Cell, ...]) -> float | None:
    """What the column n says; a mean over another number states its own."""
    return next(
        (cell.value for cell, column in zip(row, table.columns, strict=True) if column.name == "n"), None
    )


def _head(column: Column) -> str:
    return column.name + ARROWS[column.better]


def _cell(cell: Cell, n: float | None) -> str:
    text = cell.text if cell.n is None or cell.n == n else f"{cell.text} (n = {cell.n})"
    match cell.mark:
        case "best":
            return f"**{text}**"
        case "tie":
            return f"{text} ="
        case "quoted" if cell.value is None:  # the name of the row; its numbers would only be noisier
            return f"{text} ❞"
        case "better" | "worse" if cell.value is not None:  # words say it themselves
            return f"{text} ({cell.mark})"
        case "warning":
            return f"{text} (!)"
        case _:
            return text


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
