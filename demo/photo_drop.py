"""Where a visitor drops a photo: gradio's picture field, but the file reaches the server as it was sent.

Gradio's own field opens each upload with Pillow, in whatever format it claims to be, and writes it again.
"""

from __future__ import annotations

from typing import Any

import gradio as gr


def photo_drop(label: str, **options: Any) -> gr.Image:
    """A field whose value is the path of the upload, unopened; `Desk.photo` checks and reads it."""
    drop = gr.Image(
        label=label,
        type="filepath",
        image_mode=None,
        sources=["upload", "clipboard"],
        buttons=["fullscreen"],
        **options,
    )
    # on the object: of a class of our own, gradio would write an interface file beside this one
    drop.preprocess = _path  # type: ignore[method-assign]
    return drop


def _path(payload: Any) -> str | None:
    return None if payload is None else str(payload.path)
