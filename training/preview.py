"""Shows what a phase's mixture yields: a page with rows as the network will get them.

    python training/preview.py --config training/configs/tiny/stage1_single.yaml --output runs/preview

The folder holds `index.html` and its pictures, nothing else is needed to read it.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

import torch
from torch import Tensor

from data.drafts import ConditionPicture, Draft, Part, TargetPicture
from data.records import DegradationRecord
from data.rows import Row, Rows, Tally
from training.command import exit_code
from training.harming import harm_drafts
from training.mixture import make_rows
from training.pages import figure, page, table, write_page, write_picture
from training.settings import TrainSettings, read_settings
from training.start import configuration_of
from uare.config import UAREConfig
from uare.errors import InputError
from uare.packing import Text, VisionImage, unpatchify_latent
from uare.tokenizer import TextTokenizer


@dataclass(frozen=True, kw_only=True)
class Share:
    """A group of the mixture: its share of the samples as wanted and as drawn, 0..1."""

    group: str
    wanted: float
    drawn: float
    samples: int


def shares_of(rows: Rows, tally: Tally) -> list[Share]:
    """Every group's shares, those that were never drawn too."""
    groups = rows.settings.groups
    total, drawn = sum(group.weight for group in groups), tally.shares()
    return [
        Share(
            group=group.name,
            wanted=group.weight / total,
            drawn=drawn.get(group.name, 0.0),
            samples=tally.samples[group.name],
        )
        for group in groups
    ]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """Writes rows into a folder, each sample as a card with its pictures and words."""

    folder: Path
    config: UAREConfig
    tokenizer: TextTokenizer

    def row(self, row: Row) -> str:
        """A row's heading and its cards."""
        cards = [self.card(draft, f"{row.index}-{place}") for place, draft in enumerate(row.drafts)]
        heading = f"Row {row.index}: {len(row.drafts)} samples, {row.num_tokens} tokens"
        return f'<h2>{heading}</h2>\n<div class="cards">\n' + "\n".join(cards) + "\n</div>"

    def card(self, draft: Draft, stem: str) -> str:
        """One sample; its pictures are written under names that begin with `stem`."""
        num_tokens = draft.num_tokens(self.config)
        tags = [_tag(draft.group, "strong"), _tag(f"{num_tokens} tokens"), *map(_tag_of, draft.parts)]
        pictures = [
            self._figure(f"{stem}-{place}", pixels, caption)
            for place, (caption, pixels) in enumerate(self._pictures(draft))
        ]
        return "\n".join(
            (
                '<article class="card">',
                f"<p>{' '.join(filter(None, tags))}</p>",
                f"<p><code>{escape(draft.id)}</code></p>",
                f'<div class="pictures">{"".join(pictures)}</div>',
                *map(_recorded, draft.records),
                *(self._said(part) for part in draft.parts if isinstance(part, Text)),
                "</article>",
            )
        )

    def _pictures(self, draft: Draft) -> list[tuple[str, Tensor]]:
        """Captions and images (3, H, W): what is to be restored and the aim, or the views that are judged."""
        targets = [part for part in draft.parts if isinstance(part, TargetPicture)]
        if not targets:
            views = [part for part in draft.parts if isinstance(part, VisionImage)]
            return [
                (f"view {number} of {len(views)}", self._seen(view)) for number, view in enumerate(views, 1)
            ]
        return [
            (caption, pixels)
            for target in targets
            for caption, pixels in (
                ("LQ", target.base),
                (f"HQ, timestep {target.timestep:.3f}", target.pixels),
            )
        ]

    def _seen(self, view: VisionImage) -> Tensor:
        """The image (3, H, W) in [0, 1] that a view's patches were cut from."""
        return unpatchify_latent(view.patches, view.grid, self.config.vision.patch_size) * 0.5 + 0.5

    def _figure(self, name: str, pixels: Tensor, caption: str) -> str:
        file = f"pictures/{name}.png"
        write_picture(self.folder / file, pixels)
        height, width = pixels.shape[-2:]
        return figure(file, (height, width), f"{caption}, {width}x{height}")

    def _said(self, text: Text) -> str:
        words = escape(self.tokenizer.decode(text.ids))
        if text.loss:
            return f'<p class="said learned">{_tag("learned", "strong")} {words}</p>'
        return f'<p class="said{" gone" if text.dropped else ""}">{words}</p>'


def _recorded(records: Sequence[DegradationRecord]) -> str:
    """What harmed one picture, with all that was drawn."""
    lines = [
        f"{record.type} {record.severity}: "
        + ", ".join(f"{name} {_rounded(value)}" for name, value in record.parameters.items())
        for record in records
    ]
    return f'<p class="quiet">{"<br>".join(escape(line.rstrip(": ")) for line in lines) or "not harmed"}</p>'


def _rounded(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def _tag(words: str, kind: str = "") -> str:
    return f'<span class="{f"tag {kind}".strip()}">{escape(words)}</span>'


def _tag_of(part: Part) -> str:
    """Whether the network may look at a condition; empty for texts that it may, which are on the card."""
    match part:
        case ConditionPicture():
            name = "latent"
        case VisionImage():
            name = "view"
        case Text(dropped=True):
            name = "text"
        case _:
            return ""
    return _tag(f"{name} dropped", "gone") if part.dropped else _tag(name)


def write_preview(settings: TrainSettings, num_rows: int, folder: Path) -> Path:
    """Writes the first rows of a phase as a page; returns its `index.html`.

    InputError or ConfigError where the data or the model's folder cannot be read.
    """
    if num_rows < 1:
        raise InputError(f"--rows is {num_rows}, expected at least 1")
    config, tokenizer = configuration_of(settings)
    rows = make_rows(settings, config, tokenizer)
    preview = Preview(folder=folder, config=config, tokenizer=tokenizer)
    tally, shown = Tally(), []
    for index in range(num_rows):
        row = rows[index]
        row = replace(row, drafts=harm_drafts(row.drafts, config, torch.device("cpu")))
        tally.add(row)
        shown.append(preview.row(row))
    title = f"What the phase {settings.phase} is trained on"
    write_page(folder / "index.html", page(title, _overview(settings, rows, tally), *shown))
    return folder / "index.html"


def _overview(settings: TrainSettings, rows: Rows, tally: Tally) -> str:
    """How rows were filled, the mixture's shares beside the wanted ones, and what could not be read."""
    facts = (
        f"Seed {settings.seed}: {tally.rows} rows of {tally.num_tokens / tally.rows:.0f} tokens on average, "
        f"none of them padding; each was filled until it had {settings.data.tokens_per_row}."
    )
    shares = table(
        ("group", "samples", "share drawn", "share wanted"),
        [
            (escape(one.group), str(one.samples), f"{one.drawn:.1%}", f"{one.wanted:.1%}")
            for one in shares_of(rows, tally)
        ],
    )
    return f'<p class="quiet">{facts}</p>\n{shares}\n{_faults(tally)}'


def _faults(tally: Tally) -> str:
    if not tally.faults:
        return '<p class="quiet">Every source could be read.</p>'
    listed = "".join(f"<li>{escape(fault)}</li>" for fault in tally.listed)
    return f'<p class="warning">Sources that could not be read: {tally.faults}</p>\n<ul>{listed}</ul>'


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Shows what a phase of training learns from.")
    parser.add_argument("--config", type=Path, required=True, help="a YAML file of training/configs")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one setting")
    parser.add_argument("--rows", type=int, default=4, help="rows to show")
    parser.add_argument("--output", type=Path, required=True, help="folder for the page")
    args = parser.parse_args(argv)
    return exit_code(
        lambda: print(write_preview(read_settings(args.config, args.set), args.rows, args.output))
    )


if __name__ == "__main__":
    raise SystemExit(main())
