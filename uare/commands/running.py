"""What commands do before and after their work: open the pipeline, hand over the document."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from uare.batch.loop import Json
from uare.screen import Screen

if TYPE_CHECKING:
    from uare.pipeline import UAREPipeline


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Which model a command runs, and where."""

    model: str
    device: str | None
    dtype: str | None
    seed: int
    judge: Path | None = None
    segmenter: Path | None = None

    def open(self) -> tuple["UAREPipeline", Json]:
        """The loaded pipeline, and the facts about it that documents hold."""
        import torch

        from uare.documents import model_facts
        from uare.pipeline import UAREPipeline

        torch.manual_seed(self.seed)
        pipe = UAREPipeline.from_pretrained(
            self.model, device=self.device, dtype=self.dtype, judge=self.judge, segmenter=self.segmenter
        )
        return pipe, model_facts(self.model, pipe)


def finish(screen: Screen, content: Json, *, as_json: bool, report: Path | None = None) -> None:
    """Shows a document to people, or prints it as JSON, and writes it to `report` where that is a path."""
    from uare.documents import as_text, write_document
    from uare.report import rendered

    if report is not None:
        write_document(report, content)
    if as_json:
        typer.echo(as_text(content))
    else:
        screen.show(rendered(content))
