"""`uare compare`: which of two photos is better, or of two folders, photo by photo."""

from pathlib import Path
from typing import Annotated

import typer

from uare.commands.options import (
    DeviceOption,
    DtypeOption,
    JsonFlag,
    JudgeOption,
    ModelOption,
    QuietFlag,
    ReportOption,
    SeedOption,
)
from uare.commands.running import Setup, finish
from uare.screen import Screen


def compare(  # noqa: PLR0913, PLR0917  # typer makes an option of each
    a: Annotated[Path, typer.Argument(metavar="A", help="A photo, or a folder.", show_default=False)],
    b: Annotated[Path, typer.Argument(metavar="B", help="The other one.", show_default=False)],
    reference: Annotated[
        Path | None, typer.Option("--reference", help="What both were made from: a photo, or a folder.")
    ] = None,
    output: ReportOption = None,
    model: ModelOption = "uare-tiny",
    judge: JudgeOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    seed: SeedOption = 0,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Says which of two photos is better, and why.

    They may be about equal. Of two folders, photos of the same name are compared (NAME_restored
    counts as NAME).
    """
    screen = Screen(is_quiet=quiet)
    with screen.usage_errors():
        from uare.batch.jobs import compare_files
        from uare.batch.loop import work_through
        from uare.batch.pairing import find_pairs
        from uare.documents import document, report_path

        report = report_path(output, "compare")
        pairs, problems = find_pairs(a, b, reference)
        pipe, facts = Setup(model=model, device=device, dtype=dtype, seed=seed, judge=judge).open()
        outcome = work_through(
            pairs,
            lambda pair, _: compare_files(pipe, pair, screen),
            names=lambda pair: (str(pair.a), str(pair.b)),
            screen=screen,
            problems=problems,
        )
        finish(screen, document("compare", facts, outcome), as_json=as_json, report=report)
    raise typer.Exit(outcome.exit_code)
