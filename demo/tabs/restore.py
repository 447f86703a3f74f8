"""The tab Restore."""

from __future__ import annotations

import gradio as gr

from demo.desk import Desk


def add_restore_tab(desk: Desk) -> None:
    """Photo in, analysis to read and edit, restored photo out."""
    with gr.Tab("Restore", id="restore"):
        gr.Markdown("## Restore")
