"""Makes the links of a page fit the site: they are written for whoever reads the files in the checkout.

A link to a file that is a page of the site leads there. A link to another file of the checkout loses its
target and keeps its words, since the site has no code to show. A link to nothing stays and fails the build.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

CHECKOUT = Path(__file__).resolve().parents[2]
_LINK = re.compile(r"(?P<opening>!?)\[(?P<words>[^\]]*)\]\((?P<target>[^)\s]+)\)")
_ELSEWHERE = re.compile(r"^([a-z][a-z0-9+.-]*:|#|/)")
_CODE = re.compile(r"(^```.*?^```\s*$)", re.MULTILINE | re.DOTALL)


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page with links that fit the site; fenced code stays as it is."""
    homes = {Path(file.abs_src_path): file.src_uri for file in files if file.abs_src_path is not None}
    if page.file.abs_src_path is None:
        return markdown
    source = Path(page.file.abs_src_path)

    def fitting(link: re.Match[str]) -> str:
        target, hash_, anchor = link["target"].partition("#")
        if _ELSEWHERE.match(link["target"]):
            return link[0]
        wanted = Path(os.path.normpath(source.parent / target))
        if wanted.is_dir() and (wanted / "README.md") in homes:
            wanted = wanted / "README.md"
        if wanted in homes:
            here = PurePosixPath(page.file.src_uri).parent
            place = os.path.relpath(homes[wanted], here)
            return f"{link['opening']}[{link['words']}]({place}{hash_}{anchor})"
        is_ours = wanted.exists() and wanted.is_relative_to(CHECKOUT)
        return link["words"] if is_ours and not link["opening"] else link[0]

    parts = _CODE.split(markdown)
    return "".join(part if part.startswith("```") else _LINK.sub(fitting, part) for part in parts)
