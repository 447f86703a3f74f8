"""`uare serve`: the pipeline over HTTP, for programs."""

from pathlib import Path
from typing import Annotated

import typer

from uare.commands.options import (
    AddressOption,
    DeviceOption,
    DtypeOption,
    JudgeOption,
    ModelOption,
    QuietFlag,
    RayFlag,
    WorkersOption,
    check_cluster,
)
from uare.commands.running import Setup
from uare.screen import Screen


def serve(  # noqa: PLR0913, PLR0917  # typer makes an option of each
    host: Annotated[
        str, typer.Option("--host", help="Address to listen at; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("-p", "--port", min=0, max=65535, help="0 takes any that is free.")
    ] = 8000,
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            "--api-key-file",
            help="File with the key that clients have to send.",
            show_default="the variable UARE_API_KEY, else no key",
        ),
    ] = None,
    waiting: Annotated[
        int, typer.Option("--waiting", min=0, help="Requests that may wait; more are told 429.")
    ] = 8,
    batch: Annotated[
        int,
        typer.Option(
            "--batch", min=1, help="Requests of one kind that are worked on at once; 1: each alone."
        ),
    ] = 4,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, help="Seconds that a request may take, waiting included.")
    ] = 300,
    max_mb: Annotated[int, typer.Option("--max-mb", min=1, help="Largest request.")] = 32,
    max_megapixels: Annotated[
        int, typer.Option("--max-megapixels", min=1, help="Largest photo, and largest result.")
    ] = 40,
    on_ray: RayFlag = False,
    replicas: WorkersOption = 1,
    address: AddressOption = None,
    model: ModelOption = "uare-tiny",
    judge: JudgeOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    quiet: QuietFlag = False,
) -> None:
    """Serves assess, compare and restore over HTTP.

    Ends on Ctrl-C or SIGTERM after the requests that it has taken. /docs lists the paths.
    """
    screen = Screen(is_quiet=quiet)
    with screen.usage_errors():
        check_cluster(is_on_ray=on_ray, workers=replicas, address=address)
        from uare.errors import ConfigError

        try:
            from uare.service.app import create_app
            from uare.service.limits import MEBIBYTE, Limits
            from uare.service.server import allowed_hosts, bound_socket, read_key, run
        except ImportError as error:
            raise ConfigError(
                f'{error.name} is not installed; the service needs: pip install "uare[serve]"'
            ) from error

        limits = Limits(
            max_bytes=max_mb * MEBIBYTE,
            max_pixels=max_megapixels * 1_000_000,
            waiting=waiting,
            batch=batch,
            timeout_s=timeout,
        )
        key = read_key(api_key_file)
        listener = bound_socket(host, port)  # before the model: a port that is taken is known at once
        setup = Setup(model=model, device=device, dtype=dtype, seed=0, judge=judge)
        if on_ray:
            from uare.ray_cluster import Cluster
            from uare.service.on_ray import Recipe, run_on_ray

            hosts, place = allowed_hosts(listener), listener.getsockname()[:2]
            listener.close()  # it was bound only to know that the port is free
            recipe = Recipe(open_pipeline=setup.open, limits=limits, api_key=key, hosts=hosts)
            run_on_ray(recipe, Cluster(address=address, workers=replicas), place, device, screen)
            return
        pipe, facts = setup.open()
        app = create_app(pipe, facts, limits, api_key=key, hosts=allowed_hosts(listener))
        run(app, listener, limits, screen, has_key=key is not None)
