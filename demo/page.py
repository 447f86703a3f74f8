"""The page around the tabs: its order, its look, and how it is served."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import gradio as gr

from demo.desk import Desk
from demo.tabs.assess import add_assess_tab
from demo.tabs.batch import add_batch_tab
from demo.tabs.compare import add_compare_tab
from demo.tabs.restore import add_restore_tab

CSS = Path(__file__).with_name("page.css")
CLEANED_EVERY_S, KEPT_S = 600, 3600  # uploads; what a visitor gets goes when the page closes
TABS = (add_restore_tab, add_assess_tab, add_compare_tab, add_batch_tab)


def build(desk: Desk) -> gr.Blocks:
    """The whole page. GRADIO_TEMP_DIR must name the desk's folder before (`keep_uploads_with`)."""
    with gr.Blocks(title="UARE", delete_cache=(CLEANED_EVERY_S, KEPT_S), analytics_enabled=False) as page:
        gr.Markdown("# UARE\nSays what is wrong with a photo, repairs it, and judges the repair.")
        with gr.Tabs():
            for add_tab in TABS:
                add_tab(desk)
        page.unload(desk.leave)
    return page.queue(max_size=desk.limits.waiting)


def keep_uploads_with(desk: Desk) -> None:
    """Makes gradio keep uploads in the desk's private folder; components look this up as they are made."""
    os.environ["GRADIO_TEMP_DIR"] = str(desk.root)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"


def serve(page: gr.Blocks, desk: Desk, *, port: int | None, share: bool, blocks: bool = True) -> str:
    """Serves the page on this machine and returns its address; with `blocks` only when it is stopped."""
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
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
    )
    print(f"the page is at {public or address}", flush=True)
    print("Ctrl-C ends it; photos that were sent are deleted then", file=sys.stderr)
    if blocks:
        page.block_thread()
    return address
