"""`uare triage`: scores a folder and restores what is below a level."""

from pathlib import Path

import typer

from uare.commands.options import (
    AddressOption,
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
    RayFlag,
    ResultsOption,
    SeedOption,
    StepsOption,
    TileOption,
    WorkersOption,
    check_cluster,
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
    on_ray: RayFlag = False,
    workers: WorkersOption = 1,
    address: AddressOption = None,
    model: ModelOption = "uare-tiny",
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    seed: SeedOption = 0,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Scores photos and restores only those below a level.

    OUTPUT/triage.jsonl says what became of each photo, OUTPUT/triage.html shows it; a
    second call goes on from there.
    """
    screen = Screen(is_quiet=quiet)
    with screen.usage_errors():
        sources = given_photos(photos, input_)
        check_level(below)
        check_cluster(is_on_ray=on_ray, workers=workers, address=address)
        from uare.batch.jobs import Placement
        from uare.batch.triaging import Criteria, in_this_process, triage_all
        from uare.batch.triaging_on_ray import on_ray_cluster
        from uare.options import RestoreOptions
        from uare.ray_cluster import Cluster

        options = RestoreOptions(steps=steps, fidelity=fidelity, tile=tile, seed=seed, keep_worse=keep_worse)
        setup = Setup(model=model, device=device, dtype=dtype, seed=seed)
        cluster = Cluster(address=address, workers=workers)
        crew = on_ray_cluster(setup.open, cluster, device) if on_ray else in_this_process(setup.open)
        criteria = Criteria(below=below, options=options)
        content, exit_code = triage_all(sources, Placement(output=output), criteria, crew, screen)
        finish(screen, content, as_json=as_json)
    raise typer.Exit(exit_code)
