"""Two pictures side by side on the page that are zoomed and moved together (`demo/web/zoom.js`)."""

from __future__ import annotations

from html import escape
from pathlib import Path
from urllib.parse import quote

import gradio as gr

WEB = Path(__file__).with_name("web")


def zoom_together(elem_id: str) -> gr.HTML:
    """A place for `pair_of`; empty until then. (Gradio writes stubs beside subclasses: none here.)"""
    return gr.HTML(
        elem_id=elem_id,
        js_on_load=(WEB / "zoom.js").read_text(encoding="utf-8")
        + "const together = zoomTogether(element); watch('value', together.reset);",
        css_template=(WEB / "zoom.css").read_text(encoding="utf-8"),
    )


def address_of(path: str) -> str:
    """Where the page finds a file that lies in the desk's folder."""
    return f"gradio_api/file={quote(path)}"


def pair_of(pictures: tuple[str, str], captions: tuple[str, str]) -> str:
    """The HTML of two pictures, captions below, and the buttons that zoom both."""
    frames = "".join(
        f'<figure><div class="frame" tabindex="0" role="group" aria-label="{escape(caption)}: + and - zoom, '
        f'arrows move"><img src="{escape(address_of(path))}" alt="{escape(caption)}" draggable="false"></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for path, caption in zip(pictures, captions, strict=True)
    )
    buttons = (
        '<button type="button" data-zoom="out" aria-label="Smaller">−</button><output>1×</output>'
        '<button type="button" data-zoom="in" aria-label="Larger">+</button>'
        '<button type="button" data-zoom="fit">Whole picture</button>'
    )
    return f'<div class="pair">{frames}</div><p class="zoom">{buttons}</p>'
