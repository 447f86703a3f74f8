"""Puts what `uare VERB --help` prints in the place of `<!-- help: VERB -->`, fresh at every build."""

from __future__ import annotations

import re
from typing import Any

from typer.testing import CliRunner

from uare.cli import app

WIDTH = 76  # columns that fit beside the navigation
MARK = re.compile(r"^<!-- help: (?P<verb>[a-z-]*) -->$", re.MULTILINE)


def help_of(verb: str) -> str:
    """What the command prints; `verb` is empty for the command itself."""
    arguments = [*([verb] if verb else []), "--help"]
    environment = {"COLUMNS": str(WIDTH), "TERMINAL_WIDTH": str(WIDTH), "NO_COLOR": "1"}
    done = CliRunner().invoke(
        app, arguments, prog_name="uare", env=environment, terminal_width=WIDTH, catch_exceptions=False
    )
    if done.exit_code:
        raise ValueError(f"`uare {' '.join(arguments)}` ended with {done.exit_code}: {done.output}")
    return done.stdout.strip()


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with the help in it."""
    return MARK.sub(lambda mark: f"```text\n{help_of(mark['verb'])}\n```", markdown)
