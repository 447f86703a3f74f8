"""The page around the tabs: its order, its look, and how it is served."""

from __future__ import annotations

import os
from pathlib import Path

import gradio as gr

from demo.api import add_api
from demo.api_many import add_many_api
from demo.desk import Desk
from demo.tabs.assess import add_assess_tab
from demo.tabs.batch import add_batch_tab
from demo.tabs.compare import add_compare_tab
from demo.tabs.restore import add_restore_tab

CSS = Path(__file__).with_name("page.css")
CLEANED_EVERY_S, KEPT_S = 600, 3600  # uploads; what a visitor gets goes when the page closes
TABS = (add_restore_tab, add_assess_tab, add_compare_tab, add_batch_tab)

# Only fonts of the visitor's machine, and colours that can be told apart in light and dark.
THEME = gr.themes.Default(
    primary_hue="indigo", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
).set(
    button_primary_background_fill="*primary_600",  # on 500 white is too faint
    button_primary_background_fill_hover="*primary_700",
    link_text_color_dark="*primary_300",
    block_info_text_color="*neutral_600",
    block_info_text_color_dark="*neutral_300",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
    block_label_text_color="*neutral_700",
    block_label_text_color_dark="*neutral_200",
    block_title_text_color="*neutral_800",
    block_title_text_color_dark="*neutral_100",
)


def build(desk: Desk) -> gr.Blocks:
    """The whole page. GRADIO_TEMP_DIR must name the desk's folder before (`keep_uploads_with`)."""
    with gr.Blocks(title="UARE", delete_cache=(CLEANED_EVERY_S, KEPT_S), analytics_enabled=False) as page:
        add_api(desk)  # first: events of the tabs would take its names, even hidden ones
        add_many_api(desk)
        gr.Markdown("# UARE\nSays what is wrong with a photo, repairs it, and judges the repair.")
        with gr.Tabs(overflow_behavior="wrap"):  # a menu would hide tabs on phones
            for add_tab in TABS:
                add_tab(desk)
        page.unload(desk.leave)
    return page.queue(max_size=desk.limits.waiting)


def keep_uploads_with(desk: Desk) -> None:
    """Makes gradio keep uploads in the desk's private folder; components look this up as they are made."""
    os.environ["GRADIO_TEMP_DIR"] = str(desk.root)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"


def serve(page: gr.Blocks, desk: Desk, *, port: int | None, share: bool) -> str:
    """Serves the page from a thread and returns its address. Raises OSError where the port is taken."""
    _, address, public = page.launch(
        server_name="127.0.0.1",
        server_port=port,
        share=share,
        prevent_thread_lock=True,
        quiet=True,
        max_file_size=desk.limits.max_bytes,
        run_history=False,
        footer_links=["api"],
        css_paths=CSS,
        theme=THEME,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
    )
    return public or address
