"""`uare restore`: better photos, beside a file that says how each came about."""

from pathlib import Path

import typer

from uare.commands.options import (
    AdaptiveFlag,
    AnalyseFlag,
    BestOfOption,
    DeviceOption,
    DtypeOption,
    FidelityOption,
    FormatOption,
    GuidanceImageOption,
    GuidanceTextOption,
    InputOption,
    InstructionOption,
    JsonFlag,
    JudgeOption,
    KeepWorseFlag,
    MaskOption,
    ModelOption,
    OverwriteFlag,
    PhotosArgument,
    QuietFlag,
    ResultsOption,
    SeedOption,
    SegmenterOption,
    StepsOption,
    SuffixOption,
    TileOption,
    UpscaleOption,
    VerifyFlag,
    given_photos,
)
from uare.commands.running import Setup, finish
from uare.screen import Screen


def restore(  # noqa: PLR0913, PLR0917  # typer makes an option of each
    photos: PhotosArgument = None,
    input_: InputOption = None,
    output: ResultsOption = Path("results"),
    instruction: InstructionOption = None,
    analyse: AnalyseFlag = True,
    steps: StepsOption = None,
    fidelity: FidelityOption = None,
    upscale: UpscaleOption = 1,
    guidance_text: GuidanceTextOption = None,
    guidance_image: GuidanceImageOption = None,
    tile: TileOption = None,
    best_of: BestOfOption = 1,
    verify: VerifyFlag = True,
    keep_worse: KeepWorseFlag = False,
    adaptive: AdaptiveFlag = False,
    segmenter: SegmenterOption = None,
    mask: MaskOption = None,
    format_: FormatOption = None,
    suffix: SuffixOption = "_restored",
    overwrite: OverwriteFlag = False,
    model: ModelOption = "uare-tiny",
    judge: JudgeOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    seed: SeedOption = 0,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Repairs photos.

    Writes beside each what was wrong, what was planned and how the result was judged.
    A second call goes on where the first stopped: results that are there are left out.
    """
    screen = Screen(is_quiet=quiet)
    with screen.usage_errors():
        sources = given_photos(photos, input_)
        from uare.batch.jobs import Placement
        from uare.batch.restoring import restore_all
        from uare.options import RestoreOptions

        options = RestoreOptions(
            instruction=instruction,
            analyse=analyse,
            steps=steps,
            fidelity=fidelity,
            upscale=upscale,
            guidance_text=guidance_text,
            guidance_image=guidance_image,
            tile=tile,
            seed=seed,
            adaptive=adaptive,
            mask=mask,
            verify=verify,
            best_of=best_of,
            keep_worse=keep_worse,
        )
        place = Placement(output=output, suffix=suffix, extension=format_, overwrite=overwrite, mask=mask)
        setup = Setup(model=model, device=device, dtype=dtype, seed=seed, segmenter=segmenter, judge=judge)
        content, exit_code = restore_all(sources, place, options, setup.open, screen)
        finish(screen, content, as_json=as_json)
    raise typer.Exit(exit_code)
