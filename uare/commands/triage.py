"""`uare triage`: scores a folder and restores what is below a level."""

from pathlib import Path

import typer

from uare.commands.options import (
    DeviceOption,
    DtypeOption,
    FidelityOption,
    InputOption,
    JsonFlag,
    KeepWorseFlag,
    LevelOption,
    ModelOption,
    PhotosArgument,
    QuietFlag,
    ResultsOption,
    SeedOption,
    StepsOption,
    TileOption,
    check_level,
    given_photos,
)
from uare.commands.running import Setup, finish
from uare.screen import Screen


def triage(  # noqa: PLR0913, PLR0917  # typer makes an option of each
    photos: PhotosArgument = None,
    input_: InputOption = None,
    output: ResultsOption = Path("results"),
    below: LevelOption = "good",
    steps: StepsOption = None,
    fidelity: FidelityOption = None,
    tile: TileOption = None,
    keep_worse: KeepWorseFlag = False,
    model: ModelOption = "uare-tiny",
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    seed: SeedOption = 0,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Scores photos and restores only those below a level.

    OUTPUT/triage.jsonl says what became of each photo; a second call goes on from there.
    """
    screen = Screen(is_quiet=quiet)
    with screen.usage_errors():
        sources = given_photos(photos, input_)
        check_level(below)
        from uare.batch.jobs import Placement
        from uare.batch.triaging import triage_all
        from uare.options import RestoreOptions

        options = RestoreOptions(steps=steps, fidelity=fidelity, tile=tile, seed=seed, keep_worse=keep_worse)
        setup = Setup(model=model, device=device, dtype=dtype, seed=seed)
        content, exit_code = triage_all(sources, Placement(output=output), below, options, setup.open, screen)
        finish(screen, content, as_json=as_json)
    raise typer.Exit(exit_code)
