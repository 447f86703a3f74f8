"""A real browser and the real page for tests: whom it asks for what, what axe finds, how wide it is."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
PATIENCE_MS = 90_000  # the machine may be busy
DESKTOP, PHONE = (1280, 900), (390, 844)

# What axe finds in gradio's own fields once they hold something (6.31): the button around a picture has no
# name, and the upload button holds a second button.
KNOWN_TO_AXE = frozenset({"button-name", "nested-interactive"})


@contextmanager
def running_app(*arguments: str) -> Iterator[str]:
    """The address of the page, served by `demo/app.py` in a process of its own; ended as Ctrl-C ends it."""
    settings = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, str(CHECKOUT / "demo" / "app.py"), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=settings, cwd=CHECKOUT,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if found := re.search(r"the page is at (http\S+)", line):
                break
        else:
            raise AssertionError(f"the page did not come up: {said}")
        yield found[1].rstrip("/")
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@contextmanager
def running_browser() -> Iterator[Any]:
    """Chromium; skips where it or Playwright is not installed."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium is installed")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, headless=True, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """One window with the page in it."""

    def __init__(self, context: Any, address: str) -> None:
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.address = address
        self.requests: list[str] = []
        self.mistakes: list[str] = []  # of scripts on the page
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.mistakes.append(str(error)))
        self.open()

    def open(self) -> None:
        """Loads the page and waits until it can be used."""
        self.page.goto(self.address)
        self.page.get_by_role("tab", name="Restore").wait_for()

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name, exact=True)

    def sees(self, text: str) -> Any:
        """Waits until a text is on the page; returns the element."""
        found = self.page.get_by_text(text).locator("visible=true").first
        found.wait_for()
        return found

    def drop(self, selector: str, *files: Path) -> None:
        """Gives files to the upload field inside an element."""
        self.page.locator(f"{selector} input[type=file]").set_input_files([str(file) for file in files])

    @property
    def other_hosts(self) -> set[str]:
        """Hosts that were asked for something and are not the page's own."""
        hosts = {urlsplit(url).netloc for url in self.requests if url.startswith(("http", "ws"))}
        return hosts - {urlsplit(self.address).netloc}

    @property
    def overflow_px(self) -> int:
        """How far the page can be scrolled sideways."""
        return int(
            self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        )

    def axe(self) -> dict[str, list[str]]:
        """Serious findings of axe: rule -> the elements it means; gradio's own left out."""
        axe = pytest.importorskip("axe_playwright_python.sync_playwright")
        found = axe.Axe().run(self.page).response["violations"]
        return {
            one["id"]: [node["html"][:160] for node in one["nodes"]]
            for one in found
            if one["impact"] in ("serious", "critical") and one["id"] not in KNOWN_TO_AXE
        }


@contextmanager
def visiting(
    browser: Any, address: str, size: tuple[int, int] = DESKTOP, *, is_dark: bool = False
) -> Iterator[Visit]:
    """A window of a visitor who was never there before."""
    scheme = "dark" if is_dark else "light"
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, accept_downloads=True
    )
    try:
        yield Visit(context, address)
    finally:
        context.close()


def wait_until(fact: Any, seconds: float = PATIENCE_MS / 1000) -> bool:
    """Whether `fact()` becomes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if fact():
            return True
        time.sleep(0.2)
    return bool(fact())
