"""Gradio's fields for pictures, but without its opening of what strangers send.

Gradio hands each upload to Pillow in whatever format it claims to be, PostScript among them, and writes it
again. Here a photo stays the file that was sent, and only the layers that were painted are opened.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import gradio as gr
from PIL import Image

from demo.desk import as_error
from uare.errors import InputError

PAINTED_FORMATS = ("PNG", "WEBP")  # in which browsers hand over a canvas
MAX_PAINTED_PX = 4096  # of a side; what one paints on is much smaller


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


def mask_editor(label: str, **options: Any) -> gr.ImageEditor:
    """A field to paint on a picture; its value has the painted "layers" and neither background nor whole."""
    editor = gr.ImageEditor(
        label=label, type="pil", sources=(), transforms=(), layers=False, buttons=[], **options
    )
    editor.convert_and_format_image = painted  # type: ignore[method-assign]
    return editor


def _path(payload: Any) -> str | None:
    return None if payload is None else str(payload.path)


def painted(file: Any, flatten_on_white: bool = False) -> Image.Image | None:
    """A layer as RGBA. None for the background and the whole, which gradio flattens."""
    if file is None or flatten_on_white:
        return None
    source = BytesIO(file) if isinstance(file, bytes | bytearray | memoryview) else file.path
    try:
        with Image.open(source, formats=PAINTED_FORMATS) as layer:
            if max(layer.size) > MAX_PAINTED_PX:
                raise InputError(f"what was painted is {layer.width}x{layer.height}; paint it again")
            return layer.convert("RGBA")
    except InputError as error:
        raise as_error(error) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise as_error(InputError("what was painted cannot be read; paint it again")) from error
