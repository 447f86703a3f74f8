"""Puts a table of a dataclass's fields in the place of `<!-- fields: MODULE.CLASS -->`.

What a field means stands in the comment behind it, which documentation generators do not read.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
MARK = re.compile(r"^<!-- fields: (?P<module>[\w.]+)\.(?P<name>\w+) -->$", re.MULTILINE)


def table(module: str, name: str) -> str:
    """The fields of the class as a Markdown table: name, type, default, what its comment says."""
    text = CHECKOUT.joinpath(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8")
    found = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef) and node.name == name]
    if not found:
        raise ValueError(f"{module} has no class {name}; mend the mark in the page")
    lines = text.splitlines()
    rows = ["| field | type | default | what |", "|---|---|---|---|"]
    for field in found[0].body:
        if isinstance(field, ast.AnnAssign):
            about = lines[(field.end_lineno or field.lineno) - 1][field.end_col_offset or 0 :]
            default = f"`{ast.unparse(field.value)}`" if field.value is not None else ""
            cells = (
                f"`{ast.unparse(field.target)}`",
                f"`{_type(field)}`",
                default,
                about.strip().lstrip("# "),
            )
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def _type(field: ast.AnnAssign) -> str:
    written = field.annotation
    return str(written.value) if isinstance(written, ast.Constant) else ast.unparse(written)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with the tables in it."""
    return MARK.sub(lambda mark: table(mark["module"], mark["name"]), markdown)
