"""The tab Assess."""

from __future__ import annotations

import gradio as gr

from demo.desk import Desk


def add_assess_tab(desk: Desk) -> None:
    """Photos in, scores and what is wrong out."""
    with gr.Tab("Assess", id="assess"):
        gr.Markdown("## Assess")
