"""Writes reports: page, Markdown, JSON with its schema, and the values per picture as CSV."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from eval.records import read_run
from eval.report.build import build_report
from eval.report.markdown import markdown
from eval.report.model import Report, Section
from eval.report.page import page
from eval.report.per_image import per_image_csv
from eval.report.schema import report_schema
from eval.scenes import SceneFile
from uare.writing import write_atomically


def write_report(output: Path, sections: Sequence[Section] = (), scenes: SceneFile | None = None) -> Report:
    """Writes the report of the run in `output`, with further sections; InputError if there is no run.

    Files: report.html, report.md, report.json, report.schema.json, and <suite>/per_image.csv.
    """
    run = read_run(output)
    for suite in run.suites:
        if suite.items:
            write_text(output / suite.info.name / "per_image.csv", per_image_csv(suite))
    report = build_report(run, sections, scenes)
    write_files(report, output)
    return report


def write_files(report: Report, folder: Path, name: str = "report") -> None:
    """Writes a report as page, Markdown and JSON with its schema."""
    write_text(folder / f"{name}.html", page(report))
    write_text(folder / f"{name}.md", markdown(report))
    write_text(folder / f"{name}.json", as_json(dataclasses.asdict(report)))
    write_text(folder / "report.schema.json", as_json(report_schema()))


def as_json(content: object) -> str:
    """Plain JSON, readable, without what JSON does not know (NaN)."""
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_text(path: Path, text: str) -> None:
    """Writes or replaces a file as a whole; InputError where the disk does not take it."""
    write_atomically(path, lambda stream: stream.write(text.encode("utf-8")), overwrite=True)
