"""`uare assess`: how good photos are and what is wrong with them."""

import typer

from uare.commands.options import (
    DeviceOption,
    DtypeOption,
    InputOption,
    JsonFlag,
    ModelOption,
    PhotosArgument,
    QuietFlag,
    RegionMaskOption,
    RegionsFlag,
    ReportOption,
    SeedOption,
    SegmenterOption,
    given_photos,
)
from uare.commands.running import Setup, finish
from uare.screen import Screen


def assess(  # noqa: PLR0913, PLR0917  # typer makes an option of each
    photos: PhotosArgument = None,
    input_: InputOption = None,
    output: ReportOption = None,
    regions: RegionsFlag = False,
    region_mask: RegionMaskOption = None,
    segmenter: SegmenterOption = None,
    model: ModelOption = "uare-tiny",
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    seed: SeedOption = 0,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Says how good each photo is and what is wrong with it."""
    screen = Screen(is_quiet=quiet)
    with screen.usage_errors():
        sources = given_photos(photos, input_)
        from uare.batch.jobs import assess_file
        from uare.batch.loop import refuse_nothing, work_through
        from uare.batch.regions import assess_file_by_region, without_heat_maps
        from uare.documents import document, report_path
        from uare.folders import find_images

        report = report_path(output, "assess")
        found = find_images(sources)
        images, pictures = without_heat_maps(found.images, report)
        refuse_nothing(images, found.problems, screen)
        by_region = regions or bool(region_mask) or segmenter is not None
        setup = Setup(model=model, device=device, dtype=dtype, seed=seed, segmenter=segmenter)
        pipe, facts = setup.open()
        outcome = work_through(
            images,
            lambda image, _: (
                assess_file_by_region(pipe, image.path, region_mask or (), pictures.get(image), screen)
                if by_region
                else assess_file(pipe, image.path, screen)
            ),
            names=lambda image: (str(image.path),),
            screen=screen,
            problems=found.problems,
        )
        finish(screen, document("assess", facts, outcome), as_json=as_json, report=report)
    raise typer.Exit(outcome.exit_code)
