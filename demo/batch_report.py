"""What became of a batch, as a table with small pictures, and as a zip to take along."""

from __future__ import annotations

import base64
import json
import secrets
import zipfile
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path, PurePosixPath

from demo.batching import FAILED, KEPT, LEFT, RESTORED, WAITING, Batch, Row, summary
from uare.batch.loop import Json

Address = Callable[[Path], str]  # of a small picture
SUFFIX = "_restored"
ACTIONS = {
    RESTORED: "restored",
    LEFT: "good enough, left alone",
    KEPT: "kept: the restoration was judged worse",
    WAITING: "not done yet",
}
CSS = """
body { font: 1rem/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; } th, td { padding: .4rem .6rem; text-align: left; }
tr { border-bottom: 1px solid #bbb; } img { display: block; max-width: 200px; height: auto; }
th[scope=row] { overflow-wrap: anywhere; }
"""


def batch_table(rows: Sequence[Row], address: Address) -> str:
    """The contact sheet: a row a photo, before and after side by side; names are escaped."""
    body = "".join(_table_row(row, address) for row in rows)
    return (
        '<div class="uare-table uare-batch"><table><thead><tr><th>Before</th><th>After</th><th>Photo</th>'
        f"<th>Score</th><th>What was done</th></tr></thead><tbody>{body}</tbody></table></div>"
    )


def record_of(batch: Batch, rows: Sequence[Row]) -> Json:
    """What became of each photo, for programs."""
    return {"model": batch.facts, "below": batch.below, "photos": [row.to_dict() for row in rows]}


def write_results(batch: Batch, rows: Sequence[Row]) -> Path:
    """Writes a new zip: restored photos by the names that were sent, report.html and report.json."""
    folder = batch.place.root / f"results-{secrets.token_hex(6)}"
    folder.mkdir()
    target = folder / "uare-results.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # photos are compressed already
        taken: set[str] = set()
        for row in rows:
            if row.result is not None:
                archive.write(row.result, _name_in_zip(row, taken))
        archive.writestr("report.html", _page(rows, batch.below))
        archive.writestr("report.json", json.dumps(record_of(batch, rows), indent=2, ensure_ascii=False))
    return target


def _name_in_zip(row: Row, taken: set[str]) -> str:
    """`name_restored.ext`, the extension as it was written; two that differ in it alone stay apart."""
    assert row.result is not None
    path = PurePosixPath(row.name)
    name = str(path.with_name(f"{path.stem}{SUFFIX}{row.result.suffix}"))
    if name in taken:
        name = str(path.with_name(f"{path.name}{SUFFIX}{row.result.suffix}"))
    taken.add(name)
    return name


def _page(rows: Sequence[Row], below: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Restored photos</title>'
        f"<style>{CSS}</style></head><body><h1>Restored photos</h1><p>Photos below {escape(below)} were "
        f"restored. {summary(rows)}</p>{batch_table(rows, _inlined)}</body></html>\n"
    )


def _inlined(path: Path) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def _table_row(row: Row, address: Address) -> str:
    if not row.name:
        return f'<tr><td></td><td></td><td colspan="3">{escape(row.problem)}</td></tr>'
    score = "" if row.score is None else f"{row.score:.2f} ({row.level})"
    after = "" if row.after is None else f" → {row.after:.2f}"
    done = escape(f"failed: {row.problem}" if row.action == FAILED else ACTIONS[row.action])
    return (
        f"<tr>{_picture(row.before_shown, address, f'{row.name} before')}"
        f"{_picture(row.after_shown, address, f'{row.name} after')}"
        f'<th scope="row">{escape(row.name)}</th><td>{score}{after}</td><td>{done}</td></tr>'
    )


def _picture(path: Path | None, address: Address, text: str) -> str:
    if path is None:
        return "<td></td>"
    return f'<td><img src="{escape(address(path))}" alt="{escape(text)}" loading="lazy"></td>'
