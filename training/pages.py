"""Pages to look at training with: an HTML file and pictures beside it, no scripts and nothing fetched.

What a page says belongs to whoever writes it; text that comes from data has to go through `escape` there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from torch import Tensor

from uare.saving import to_pillow
from uare.writing import write_atomically

STYLE = """
:root { color-scheme: light dark; --ink: #1d232b; --quiet: #5c6673; --paper: #f4f5f7; --card: #ffffff;
  --line: #dadfe5; --accent: #0b6e66; --wash: #e2f1ef; --warning: #a3460a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ed; --quiet: #9aa5b2; --paper: #14171b;
  --card: #1d2127; --line: #333a43; --accent: #5cc9be; --wash: #173431; --warning: #f0a25f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem clamp(1rem, 3vw, 3rem); max-width: 110rem; color: var(--ink);
  background: var(--paper); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .25rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; }
p { margin: .25rem 0; } .quiet, figcaption { color: var(--quiet); font-size: .875rem; }
.warning { color: var(--warning); } code { font: .875em ui-monospace, monospace; overflow-wrap: anywhere; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; }
.cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); }
.tag { display: inline-block; padding: 0 .55em; border: 1px solid var(--line); border-radius: 1em;
  font-size: .8rem; color: var(--quiet); } .tag.strong { color: var(--accent); background: var(--wash);
  border-color: transparent; } .tag.gone { text-decoration: line-through; }
.pictures { display: flex; flex-wrap: wrap; gap: .75rem; margin: .75rem 0; align-items: start; }
figure { margin: 0; min-width: 0; } .pictures figure { flex: 1 1 40%; }
img { display: block; max-width: 100%; height: auto; border-radius: .25rem; }
.said { margin: .5rem 0 0; padding: .35rem .75rem; border-left: 3px solid var(--line); white-space: pre-wrap;
  overflow-wrap: anywhere; } .said.learned { border-color: var(--accent); background: var(--wash); }
.said.gone { color: var(--quiet); text-decoration: line-through; }
.wide { overflow-x: auto; } table { border-collapse: collapse; } th { font-weight: 600; }
th, td { text-align: left; vertical-align: top; padding: .4rem .9rem .4rem 0; }
tbody tr { border-top: 1px solid var(--line); } td { font-variant-numeric: tabular-nums; }
td:first-child { min-width: 10rem; } td img { max-width: min(20rem, 60vw); }
td .said { max-width: 20rem; font-size: .875rem; }
"""


def page(title: str, *parts: str) -> str:
    """A whole page of parts in HTML; the title is plain text."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n" + "\n".join(parts) + "\n</body>\n</html>\n"
    )


def figure(file: str, size: tuple[int, int], caption: str) -> str:
    """A picture of (height, width) pixels at its own size or smaller; it opens alone when clicked."""
    height, width = size
    shown = f'<img src="{file}" alt="{escape(caption)}" width="{width}" height="{height}" loading="lazy">'
    return f'<figure><a href="{file}">{shown}</a><figcaption>{escape(caption)}</figcaption></figure>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells in HTML that scrolls sideways where it is too wide."""
    body = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    columns = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    return (
        f'<div class="wide"><table><thead><tr>{columns}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'
    )


def write_page(path: Path, html: str) -> None:
    """Writes or replaces a page; InputError where the disk does not take it."""
    write_atomically(path, lambda file: file.write(html.encode()), overwrite=True)


def write_picture(path: Path, pixels: Tensor) -> None:
    """Writes an image (3, H, W) in [0, 1] as PNG, which adds no marks of its own to those to be judged."""
    write_atomically(path, lambda file: to_pillow(pixels).save(file, "PNG"), overwrite=True)
