"""Where a visitor drops a photo: gradio's picture field, but the file reaches the server as it was sent.

Gradio's own field opens each upload with Pillow, in whatever format it claims to be, and writes it again.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from gradio.events import Dependency

class PhotoDrop(gr.Image):
    """Hands on the path of the upload, unopened; `Desk.photo` checks and reads it."""

    is_template = True  # gradio then draws it as it draws `gr.Image`

    def __init__(self, label: str, **options: Any) -> None:
        super().__init__(
            label=label,
            type="filepath",
            image_mode=None,
            sources=["upload", "clipboard"],
            buttons=["fullscreen"],
            **options,
        )

    def preprocess(self, payload: Any) -> str | None:
        return None if payload is None else payload.path
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component