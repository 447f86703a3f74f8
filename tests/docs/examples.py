"""The code blocks of a Markdown page, and which of their lines are marked as not to be run.

A comment before a block, which readers do not see, says why it or some of its lines are not run:

    <!-- not run: needs a GPU -->
    <!-- not run, uare convert: needs a BAGEL folder -->
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

_MARK = re.compile(r"<!-- not run(?:, (?P<start>[^:]+))?: (?P<reason>\S.*?) -->", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Lines that begin with `start` (all where it is empty) are not run, for this reason."""

    start: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Example:
    """One fenced block."""

    line: int  # of the page, from 1, where the block opens
    language: str
    code: str
    marks: tuple[Mark, ...]

    @property
    def is_left_out(self) -> bool:
        return any(not mark.start for mark in self.marks)

    @property
    def commands(self) -> list[str]:
        """The lines of a shell block, continued ones joined, without empty lines and comments."""
        lines = self.code.replace("\\\n", " ").splitlines()
        return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]

    def is_run(self, command: str) -> bool:
        """Whether no mark speaks of this line."""
        return not any(command.startswith(mark.start) for mark in self.marks)


def examples_of(page: Path) -> list[Example]:
    """The fenced blocks of a page, in their order."""
    found: list[Example] = []
    marks: list[Mark] = []
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block":
            marks += [
                Mark(start=match["start"] or "", reason=match["reason"])
                for match in _MARK.finditer(token.content)
            ]
        elif token.type == "fence" and token.map is not None:
            language = token.info.partition(" ")[0]
            line = token.map[0] + 1
            found.append(Example(line=line, language=language, code=token.content, marks=tuple(marks)))
            marks = []
        else:
            marks = []  # a mark stands right before its block
    return found
