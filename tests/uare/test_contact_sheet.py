"""The page of a triage: alone on the disk, relative links, nothing of a file's name taken as HTML."""

from __future__ import annotations

import base64
import re
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from tests.uare.command_line import write_photo
from uare.batch.contact_sheet import PER_PAGE, THUMBNAIL_PX, write_contact_sheet
from uare.documents import write_document


def entry(photo: Path, score: float | None, action: str, **more: Any) -> dict[str, Any]:
    level = None if score is None else "fair"
    return {"input": str(photo), "score": score, "level": level, "action": action, "output": None} | {
        "error": None,
        **more,
    }


def restored(folder: Path) -> dict[str, Any]:
    """A photo, its result, and the sidecar beside it."""
    photo = write_photo(folder / "in" / "a b.png", height=400, width=600)
    result = write_photo(folder / "out" / "a b_restored.png", seed=1, height=400, width=600)
    sidecar = {
        "schema_version": "1.1",
        "document": "restoration",
        "status": "restored",
        "after": {"score": 4.256, "level": "good"},
        "verdict": {"outcome": "better", "probabilities": {}},
        "analysis": {"degradations": [{"type": "noise", "severity": 3}]},
    }
    write_document(folder / "out" / "a b.json", sidecar)
    return entry(photo, 2.0, "restored", output=str(result))


def test_a_restored_photo_is_shown_before_and_after(tmp_path: Path) -> None:
    (page,) = write_contact_sheet([restored(tmp_path)], tmp_path / "out")
    html = page.read_text(encoding="utf-8")
    assert "before, 2.00 (fair)" in html and "after, 4.26 (good)" in html
    assert "judged better" in html and "noise (3 of 5)" in html
    assert "href='../in/a%20b.png'" in html and "href='a%20b_restored.png'" in html
    thumbnails = [Image.open(BytesIO(base64.b64decode(text))) for text in re.findall(r"base64,([^']+)", html)]
    assert [max(one.size) for one in thumbnails] == [THUMBNAIL_PX, THUMBNAIL_PX]


def test_the_page_loads_and_runs_nothing(tmp_path: Path) -> None:
    (page,) = write_contact_sheet([restored(tmp_path)], tmp_path / "out")
    html = page.read_text(encoding="utf-8")
    assert "<script" not in html and "http:" not in html and "https:" not in html
    assert all(source.startswith("data:") for source in re.findall(r"src='([^']*)'", html))
    assert html.count("<img") == html.count("alt='")


def test_names_and_errors_are_never_html(tmp_path: Path) -> None:
    photo = tmp_path / "<img src=x onerror='alert(1)'>.png"
    (page,) = write_contact_sheet([entry(photo, None, "failed", error="<b>broken</b>")], tmp_path)
    html = page.read_text(encoding="utf-8")
    assert "<img" not in html and "<b>broken" not in html
    assert "&lt;b&gt;broken" in html and "no picture" in html


def test_failures_and_the_worst_photos_come_first_and_each_photo_once(tmp_path: Path) -> None:
    names = {name: write_photo(tmp_path / f"{name}.png") for name in ("good", "bad", "broken")}
    records = [
        entry(names["good"], 1.0, "restored"),
        entry(names["good"], 4.0, "left"),
        entry(names["bad"], 2.0, "left"),
        entry(names["broken"], None, "failed", error="no"),
    ]
    (page,) = write_contact_sheet(records, tmp_path)
    html = page.read_text(encoding="utf-8")
    assert re.findall(r"<h2>(\w+)\.png", html) == ["broken", "bad", "good"]
    assert "3 photos: 2 left, 1 failed" in html


def test_many_photos_take_several_pages_that_name_each_other(tmp_path: Path) -> None:
    records = [entry(tmp_path / f"{number}.png", 3.0, "left") for number in range(PER_PAGE + 1)]
    first, second = write_contact_sheet(records, tmp_path)
    assert (first.name, second.name) == ("triage.html", "triage-2.html")
    assert "triage-2.html" in first.read_text(encoding="utf-8")
    assert second.read_text(encoding="utf-8").count("<article") == 1
