"""A real browser for tests of pages: a headless Chromium behind its own driver, without further packages."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key under which WebDriver names an element
PATIENCE_S = 30
RIGHT, LEFT, TAB, ENTER = "\ue014", "\ue012", "\ue004", "\ue007"


class Browser:
    """One window: what a reader can do, and what the page looks like then."""

    def __init__(self, session: str) -> None:
        self._session = session

    def open(self, page: Path) -> None:
        self.visit(page.resolve().as_uri())

    def visit(self, address: str) -> None:
        self._post("url", {"url": address})

    def resize(self, width: int, height: int) -> None:
        self._post("window/rect", {"width": width, "height": height})

    def run(self, script: str, *arguments: object) -> Any:
        """What a JavaScript function body returns; elements are strings that `click` and `type` take."""
        found = self._post("execute/sync", {"script": script, "args": list(arguments)})
        return found[ELEMENT] if isinstance(found, dict) and ELEMENT in found else found

    def find(self, selector: str) -> str:
        """The first element of a CSS selector."""
        return str(self._post("element", {"using": "css selector", "value": selector})[ELEMENT])

    def click(self, element: str) -> None:
        self._post(f"element/{element}/click", {})

    def type(self, element: str, keys: str) -> None:
        self._post(f"element/{element}/value", {"text": keys})

    def drag(self, element: str, share: float) -> None:
        """Presses in the middle of an element and lets go at a share of its width."""
        box = self.run(
            "const b = arguments[0].getBoundingClientRect(); return [b.left, b.top, b.width, b.height]",
            {ELEMENT: element},
        )
        middle, goal = int(box[0] + box[2] / 2), int(box[0] + box[2] * share)
        height = int(box[1] + box[3] / 2)
        move = {"type": "pointerMove", "duration": 50, "origin": "viewport"}
        steps = [
            {**move, "x": middle, "y": height},
            {"type": "pointerDown", "button": 0},
            {**move, "x": goal, "y": height},
            {"type": "pointerUp", "button": 0},
        ]
        self._post("actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": steps}]})

    def _post(self, path: str, content: dict[str, Any]) -> Any:
        return post(f"{self._session}/{path}", content)


def post(address: str, content: dict[str, Any] | None) -> Any:
    """Sends JSON to the driver and gives its `value`; None: a DELETE."""
    method = "DELETE" if content is None else "POST"
    request = urllib.request.Request(address, json.dumps(content or {}).encode(), method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return json.load(answer)["value"]


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser whose traces stay in `folder`; skips where Chromium or its driver is not installed."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("no chromium with chromedriver is installed")
    log = folder / "driver.log"
    with (
        log.open("wb") as output,
        subprocess.Popen([driver, "--port=0"], stdout=output, stderr=output) as process,
    ):
        try:
            address = f"http://127.0.0.1:{_port(log)}"
            flags = [*FLAGS, f"--user-data-dir={folder / 'profile'}"]
            options = {
                "browserName": "chrome",
                "goog:chromeOptions": {"binary": chromium, "args": flags},
                "goog:loggingPrefs": {"browser": "ALL"},
            }
            opened = post(f"{address}/session", {"capabilities": {"alwaysMatch": options}})
            session = f"{address}/session/{opened['sessionId']}"
            try:
                yield Browser(session)
            finally:
                post(session, None)
        finally:
            process.terminate()


def _port(log: Path) -> str:
    """The port that the driver says it listens at."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = re.search(r"successfully on port (\d+)", log.read_text(errors="replace"))
        if found:
            return found[1]
        time.sleep(0.05)
    raise TimeoutError(f"chromedriver did not start: {log.read_text(errors='replace')}")
