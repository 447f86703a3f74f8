"""The documentation site: built without a warning, with every verb, asking no other host for anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason="the extra docs is not installed")
pytest.importorskip("mkdocstrings", reason="the extra docs is not installed")

from tests.conftest import CHECKOUT
from uare.cli import app

LOADS = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """What a page loads, and its pictures that lack a text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.mute: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in LOADS and given.get(LOADS[tag]) and given.get("rel") not in ("canonical", "prev", "next"):
            self.loads.append(str(given[LOADS[tag]]))
        if tag == "img" and not given.get("alt"):
            self.mute.append(str(given.get("src")))


def build(config: Path, site: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(config), "-d", str(site)]
    return subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(CHECKOUT / "mkdocs.yml", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, str]:
    return {str(p.relative_to(site)): p.read_text(encoding="utf-8") for p in site.rglob("*.html")}


def test_every_verb_has_a_page_with_its_help(pages: dict[str, str]) -> None:
    for command in app.registered_commands:
        assert command.callback is not None
        verb = command.name or command.callback.__name__
        page = pages.get(f"verbs/{verb}.html", "")
        assert f"Usage: uare {verb}" in page, f"docs/verbs/{verb}.md lacks the line <!-- help: {verb} -->"
        assert "--help" in page


def test_docstrings_become_pages(pages: dict[str, str]) -> None:
    page = pages["python.html"]
    for name in ("uare.pipeline.UAREPipeline.restore", "uare.options.RestoreOptions", "uare.results.Verdict"):
        assert f'id="{name}"' in page
    assert "output size = input size times this" in page  # the comment behind a field


def test_no_page_loads_anything_from_another_host(pages: dict[str, str]) -> None:
    wrong = {
        (name, load)
        for name, html in pages.items()
        for load in Page(html).loads
        if re.match(r"^(\w+:)?//", load)
    }
    assert not wrong


def test_pictures_have_texts(pages: dict[str, str]) -> None:
    assert not {(name, picture) for name, html in pages.items() for picture in Page(html).mute}


def test_pages_of_the_checkout_are_included_and_their_links_fit(pages: dict[str, str]) -> None:
    assert "make restore" in pages["index.html"] and "images/restored.jpg" in pages["index.html"]
    assert 'href="results/index.html"' in pages["index.html"]
    assert "../../../docs" not in pages["model-card.html"]


def test_a_broken_link_fails_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Page\n\n[gone](nowhere.md)\n")
    config = (CHECKOUT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[0]
    config = config.replace("docs/hooks/", f"{CHECKOUT}/docs/hooks/").replace(
        f"  - {CHECKOUT}/docs/hooks/pages.py\n", ""
    )
    (tmp_path / "mkdocs.yml").write_text(config, encoding="utf-8")
    done = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert done.returncode != 0 and "nowhere.md" in done.stdout + done.stderr
