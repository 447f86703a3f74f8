"""`triage.html`: every photo of a ledger with what became of it, before and after, for people.

A page stands alone: thumbnails are in it, it runs nothing and loads nothing. Its links to photos and results
are relative to its folder, so folder and photos can be moved together.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

from PIL import Image, ImageOps

from uare.batch.loop import Json
from uare.vocabulary import DEGRADATIONS
from uare.writing import write_atomically

PAGE = "triage.html"
PER_PAGE = 200  # about 2 MB of thumbnails
THUMBNAIL_PX = 200
_WORDS = {
    "restored": "restored",
    "kept": "kept as it was: the restoration was judged worse",
    "left": "left alone: good enough",
    "failed": "failed",
}
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.4; }
body { margin: 1.5rem auto; padding: 0 1rem; max-width: 80rem; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(27rem, 100%), 1fr)); gap: 1rem; }
article { border: 1px solid #8886; border-radius: .5rem; padding: .75rem; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin: 0 0 .5rem; }
.pictures { display: flex; gap: .5rem; }
figure { margin: 0; flex: 1; min-width: 0; max-width: calc(50% - .25rem); }
header { margin-bottom: 1rem; }
figure img { width: 100%; max-height: 13rem; object-fit: contain; background: #8882; }
figcaption { font-size: .85rem; }
p { margin: .5rem 0 0; }
.failed { border-color: #c62828; }
nav { margin: 1rem 0; display: flex; flex-wrap: wrap; gap: .75rem; }
"""


def write_contact_sheet(records: Sequence[Json], folder: Path) -> list[Path]:
    """Writes the pages for the last record of each photo into `folder`, the worst photos first.

    Raises InputError where the folder does not take them.
    """
    last = {record["input"]: record for record in records}
    in_order = sorted(last.values(), key=lambda one: (one["action"] != "failed", one["score"] or 0.0))
    parts = [in_order[start : start + PER_PAGE] for start in range(0, len(in_order), PER_PAGE)]
    paths = [folder / _name(number) for number in range(len(parts))]
    for number, part in enumerate(parts):
        page = _page(part, in_order, number, len(parts), folder).encode("utf-8")
        write_atomically(paths[number], lambda stream, page=page: stream.write(page), overwrite=True)  # type: ignore[misc]
    return paths


def _name(number: int) -> str:
    stem, _, extension = PAGE.partition(".")
    return PAGE if number == 0 else f"{stem}-{number + 1}.{extension}"


def _page(records: Sequence[Json], all_records: Sequence[Json], number: int, count: int, folder: Path) -> str:
    counts = {action: sum(one["action"] == action for one in all_records) for action in _WORDS}
    summary = ", ".join(f"{counts[action]} {action}" for action in _WORDS if counts[action])
    links = [
        f"<a href='{_name(other)}'>{other + 1}</a>" if other != number else f"<b>{other + 1}</b>"
        for other in range(count)
    ]
    pages = f"<nav aria-label='Pages'>{' '.join(links)}</nav>" if count > 1 else ""
    cards = "\n".join(_card(record, folder) for record in records)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>Triage</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<h1>Triage</h1>
<p>{len(all_records)} photos: {summary}. The worst come first; scores go from 1 (bad) to 5 (excellent).</p>
</header>
{pages}
<main>
{cards}
</main>
{pages}
</body>
</html>
"""


def _card(record: Json, folder: Path) -> str:
    """One photo: its pictures, scores, and what was done."""
    photo = Path(record["input"])
    output = None if record["output"] is None else Path(record["output"])
    sidecar = _sidecar(output)
    pictures = _figure(photo, folder, "before", _score(record))
    if record["action"] == "restored" and output is not None:
        pictures += _figure(output, folder, "after", _score(sidecar.get("after") or {}))
    said = [f"<p>{escape(str(_WORDS.get(record['action'], record['action'])))}{_verdict(sidecar)}</p>"]
    if record["error"]:
        said.append(f"<p>{escape(record['error'])}</p>")
    if harms := _harms(sidecar):
        said.append(f"<p>found: {escape(harms)}</p>")
    action = escape(record["action"], quote=True)
    return (
        f"<article class='{action}'><h2>{escape(photo.name)}</h2>"
        f"<div class='pictures'>{pictures}</div>{''.join(said)}</article>"
    )


def _figure(picture: Path, folder: Path, when: str, words: str) -> str:
    name = escape(f"{when}: {picture.name}", quote=True)
    thumbnail = _thumbnail(picture)
    shown = f"<img src='{thumbnail}' alt='{name}' loading='lazy'>" if thumbnail else "no picture"
    caption = f"{when}{', ' + escape(words) if words else ''}"
    link = escape(_link(picture, folder), quote=True)
    return f"<figure><a href='{link}'>{shown}</a><figcaption>{caption}</figcaption></figure>"


def _link(target: Path, folder: Path) -> str:
    try:
        return quote(Path(os.path.relpath(target, folder)).as_posix())
    except ValueError:  # another drive
        return target.resolve().as_uri()


def _thumbnail(path: Path) -> str | None:
    """A small JPEG of the picture as a data URI; None where it cannot be read any more."""
    try:
        with Image.open(path) as image:
            image.draft("RGB", (2 * THUMBNAIL_PX, 2 * THUMBNAIL_PX))  # decodes large JPEGs at a fraction
            small = ImageOps.exif_transpose(image)
            small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
            stream = BytesIO()
            small.convert("RGB").save(stream, "JPEG", quality=75)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def _sidecar(output: Path | None) -> Json:
    """The JSON beside a result; empty where there is none that can be read."""
    if output is None:
        return {}
    stem = output.stem.removesuffix("_restored") or output.stem
    try:
        content = json.loads(output.with_name(f"{stem}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _score(record: Json) -> str:
    score, level = record.get("score"), record.get("level")
    return "" if score is None else f"{score:.2f} ({level})"


def _verdict(sidecar: Json) -> str:
    verdict = sidecar.get("verdict")
    return (
        f", judged {escape(str(verdict['outcome']))}" if verdict and sidecar["status"] == "restored" else ""
    )


def _harms(sidecar: Json) -> str:
    analysis = sidecar.get("analysis") or {}
    return ", ".join(_harm(harm["type"], harm["severity"]) for harm in analysis.get("degradations", ()))


def _harm(kind: str, severity: int | None) -> str:
    name = DEGRADATIONS.get(kind, kind)
    return name if severity is None else f"{name} ({severity} of 5)"
