"""Puts pages that lie elsewhere in the checkout onto the site: one text, read in both places."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

CHECKOUT = Path(__file__).resolve().parents[2]

# File of the checkout -> page of the site.
PAGES: dict[str, str] = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "eval/METRICS.md": "metrics.md",
    "eval/DATASETS.md": "datasets.md",
    "uare/models/uare-tiny/MODEL_CARD.md": "model-card.md",
    # under the name that makes it the first page of its section
    "docs/results/README.md": "results/index.md",
}


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Adds the pages."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(CHECKOUT / source)))
    return files
