"""`uare rank`: photos in order of quality."""

from typing import Annotated

import typer

from uare.commands.options import (
    DeviceOption,
    DtypeOption,
    InputOption,
    JsonFlag,
    JudgeOption,
    ModelOption,
    PhotosArgument,
    QuietFlag,
    ReportOption,
    SeedOption,
    given_photos,
)
from uare.commands.running import Setup, finish
from uare.screen import Screen


def rank(  # noqa: PLR0913, PLR0917  # typer makes an option of each
    photos: PhotosArgument = None,
    input_: InputOption = None,
    output: ReportOption = None,
    comparisons: Annotated[
        int | None,
        typer.Option(
            "--comparisons",
            min=1,
            help="At most this many, between photos that are close; a judge compares all pairs anyway.",
            show_default="all pairs, at most 500",
        ),
    ] = None,
    model: ModelOption = "uare-tiny",
    judge: JudgeOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    seed: SeedOption = 0,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Puts photos in order, best first.

    They are compared in pairs; the strengths that explain the outcomes best have intervals.
    """
    screen = Screen(is_quiet=quiet)
    with screen.usage_errors():
        sources = given_photos(photos, input_)
        from uare.batch.loop import refuse_nothing
        from uare.batch.ranking import rank_files
        from uare.documents import document, report_path
        from uare.folders import find_images

        report = report_path(output, "rank")
        found = find_images(sources)
        refuse_nothing(found.images, found.problems, screen)
        pipe, facts = Setup(model=model, device=device, dtype=dtype, seed=seed, judge=judge).open()
        paths = [image.path for image in found.images]
        outcome = rank_files(pipe, paths, screen, found.problems, comparisons)
        finish(screen, document("rank", facts, outcome), as_json=as_json, report=report)
    raise typer.Exit(outcome.exit_code)
