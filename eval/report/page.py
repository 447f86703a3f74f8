"""A report as one HTML file: style, script and pictures inside it, nothing fetched from anywhere.

Text from data passes through `escape` here. The page reads without its script too, but for the gallery.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from PIL import Image

from eval.intervals import COVERAGE, NUM_RESAMPLES
from eval.pictures import read_picture, to_bytes
from eval.report.charts import drawn
from eval.report.model import Case, Cell, Column, Gallery, Report, Section, Table, Version
from uare.errors import InputError

ARROWS = {"higher": " ↑", "lower": " ↓", "": ""}
LONGEST_SIDE_PX = 640  # of a picture in the page
WEBP_QUALITY = 85
LONG_TEXT = 40  # letters from which a cell gets room for a few lines
# The browser itself refuses whatever a page like this must not do.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
LEGEND = (
    f"Means with {COVERAGE:.0%} bootstrap intervals ({NUM_RESAMPLES} resamples over pictures). Green ground: "
    "the best of its column; “=”: not told apart from the best, because the interval of the paired "
    "difference holds zero; italics: measured by others, not here. A click on a head sorts."
)


def page(report: Report) -> str:
    """The whole page; a picture that cannot be read any more is left out of its case."""
    here = Path(__file__)
    style, script = (here.with_name(f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    links = [(section.id, section.title) for section in report.sections] + [("problems", "Problems")]
    contents = "".join(f'<a href="#{escape(id)}">{escape(title)}</a>' for id, title in links)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(report.title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#{escape(links[0][0])}">To the tables</a>\n'
        f'{_head(report)}<nav aria-label="Sections">{contents}</nav>\n<main>\n'
        + "\n".join(_section(section) for section in report.sections)
        + f"\n{_problems(report)}\n</main>\n<script>\n{script}</script>\n</body>\n</html>\n"
    )


def _head(report: Report) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    data = "".join(
        f"<br>{escape(suite)}: sha256 <code>{digest}</code>" for suite, digest in report.data_sha256.items()
    )
    partial = f'<p class="partial">{escape(report.partial)}</p>' if report.partial else ""
    return (
        f"<header>\n<h1>{escape(report.title)}</h1>\n{partial}\n"
        f'<p class="quiet">Commit <code>{escape(report.git_hash or "unknown")}</code>, seed {report.seed}</p>'
        f"<details><summary>How it was made</summary><pre>{escape(report.command)}</pre>"
        f'<p class="quiet">{escape(versions)}{data}</p></details>\n'
        f'<p class="quiet">{escape(LEGEND)}</p>\n</header>\n'
    )


def _section(section: Section) -> str:
    text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in section.text)
    tables = "\n".join(map(_table, section.tables))
    more = "\n".join(map(_table, section.details))
    count = len(section.details)
    details = f"<details><summary>{count} more table{'s' * (count > 1)}</summary>{more}</details>"
    plots = f'<div class="plots">{"".join(map(drawn, section.plots))}</div>'
    return (
        f'<section id="{escape(section.id)}">\n<h2>{escape(section.title)}</h2>\n{text}{tables}'
        + (details if count else "")
        + (plots if section.plots else "")
        + (_gallery(section.gallery) if section.gallery else "")
        + "\n</section>"
    )


def _table(table: Table) -> str:
    notes = "".join(f"<li>{escape(note)}</li>" for note in table.notes)
    notes = f'<ul class="notes">{notes}</ul>' if notes else ""
    title = escape(table.title)
    if not table.rows:
        return f"<h3>{title}</h3>{notes}"
    numeric = [any(row[place].value is not None for row in table.rows) for place in range(len(table.columns))]
    head = "".join(_column(column, right) for column, right in zip(table.columns, numeric, strict=True))
    body = "\n".join(_row(table.columns, row, numeric) for row in table.rows)
    return (
        f'<h3>{title}</h3>{notes}<div class="wide" tabindex="0" role="region" aria-label="{title}">'
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _column(column: Column, is_numeric: bool) -> str:
    about = f' title="{escape(column.about)}"' if column.about else ""
    kind = ' class="number"' if is_numeric else ""
    name = escape(column.name + ARROWS[column.better])
    return f'<th scope="col"{kind}><button type="button"{about}>{name}</button></th>'


def _row(columns: Sequence[Column], row: Sequence[Cell], numeric: Sequence[bool]) -> str:
    stated = next((cell.value for cell, one in zip(row, columns, strict=True) if one.name == "n"), None)
    cells = [_cell(cell, right, stated) for cell, right in zip(row[1:], numeric[1:], strict=True)]
    first = f'<th scope="row"{_value(row[0])}>{escape(row[0].text)}</th>'
    return f"<tr>{first}{''.join(cells)}</tr>"


def _cell(cell: Cell, is_numeric: bool, n_of_row: float | None) -> str:
    shown, bracket, interval = cell.text.partition(" [")
    below = [bracket.strip() + interval] if interval else []
    below += [f"n = {cell.n}"] if cell.n is not None and cell.n != n_of_row else []
    small = f"<small>{escape(', '.join(below))}</small>" if below else ""
    long = "long" if len(cell.text) > LONG_TEXT else ""
    kinds = " ".join(filter(None, ["number" if is_numeric else long, cell.mark]))
    kind = f' class="{kinds}"' if kinds else ""
    return f'<td{kind}{_value(cell)}><span class="value">{escape(shown)}</span>{small}</td>'


def _value(cell: Cell) -> str:
    return "" if cell.value is None else f' data-value="{cell.value!r}"'


def _gallery(gallery: Gallery) -> str:
    names = list(dict.fromkeys(version.name for case in gallery.cases for version in case.versions))
    subject = gallery.subjects[0]
    orders = "".join(
        f'<option data-better="{order.better}" data-decimals="{order.decimals}">{escape(order.name)}</option>'
        for order in gallery.orders
    )
    controls = [
        _select("left", "Left", names, gallery.left),
        _select("right", "Right", names, subject),
        _select("subject", "Cases of", gallery.subjects, subject),
        f'<label>by <select name="order">{orders}</select></label>',
        '<label><select name="first" aria-label="Order"><option value="worst">worst first</option>'
        '<option value="best">best first</option></select></label>',
    ]
    cases = "\n".join(_case(case) for case in gallery.cases)
    return (
        f'<div class="gallery"><h3>Worst and best pictures</h3><p class="quiet">{escape(gallery.about)} '
        "Drag the border, or move it with the arrow keys.</p>"
        f"<noscript><p>The gallery needs the page's script.</p></noscript>"
        f'<div class="controls">{"".join(controls)}</div>\n<div class="cases">\n{cases}\n</div></div>'
    )


def _select(name: str, title: str, choices: Sequence[str], chosen: str) -> str:
    options = "".join(
        f"<option{' selected' if choice == chosen else ''}>{escape(choice)}</option>" for choice in choices
    )
    return f'<label>{title} <select name="{name}">{options}</select></label>'


def _case(case: Case) -> str:
    values = {version.name: version.values for version in case.versions if version.values}
    pictures = [(version, shown) for version in case.versions if (shown := _picture(version)) is not None]
    # The input may be smaller than what was made of it, and the reference is of the size that counts.
    width, height = max((picture.size for _, picture in pictures), default=(1, 1))
    images = "".join(
        f'<img data-version="{escape(version.name)}" src="{_data_uri(picture)}" '
        f'alt="{escape(f"{case.name}, {version.name}")}" hidden>'
        for version, picture in pictures
    )
    tags = " ".join(f'<span class="tag">{escape(tag)}</span>' for tag in (case.group, *case.tags) if tag)
    return (
        f'<figure class="case" data-name="{escape(case.name)}" data-values="{escape(json.dumps(values))}">'
        f'<div class="compare" style="aspect-ratio: {width} / {height}">{images}<div class="bar"></div>'
        '<span class="side l"></span><span class="side r"></span>'
        '<input type="range" min="0" max="100" value="50" step="1"></div>'
        f"<figcaption><b>{escape(case.name)}</b> {tags}<br>"
        '<span class="measured"></span>: <span class="measure"></span></figcaption></figure>'
    )


def _picture(version: Version) -> Image.Image | None:
    """The version's pixels at a size for the page, None if its file is gone or damaged."""
    try:
        picture = Image.fromarray(to_bytes(read_picture(Path(version.file))))
    except InputError:
        return None
    picture = picture.crop(version.box) if version.box else picture
    picture.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX), Image.Resampling.LANCZOS)
    return picture


def _data_uri(picture: Image.Image) -> str:
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=WEBP_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def _problems(report: Report) -> str:
    listed = "".join(f"<li>{escape(problem)}</li>" for problem in report.problems)
    shown = f"<ul>{listed}</ul>" if listed else "<p>None: nothing was left out.</p>"
    return f'<section id="problems">\n<h2>Problems</h2>\n{shown}\n</section>'
