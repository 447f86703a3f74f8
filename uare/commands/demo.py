"""`uare demo`: the page to try it on in a browser, which only a checkout has."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from uare.commands.options import DeviceOption, ModelOption, QuietFlag
from uare.screen import Screen

APP = Path(__file__).resolve().parents[2] / "demo" / "app.py"


def demo(
    model: ModelOption = "uare-tiny",
    device: DeviceOption = None,
    port: Annotated[
        int | None,
        typer.Option("-p", "--port", min=1, max=65535, show_default="the first free one from 7860"),
    ] = None,
    share: Annotated[
        bool, typer.Option("--share", help="A public address too, through gradio's servers.")
    ] = False,
    quiet: QuietFlag = False,
) -> None:
    """Opens a page to try it on, in a browser.

    Photos stay on this machine. Ctrl-C ends it.
    """
    screen = Screen(is_quiet=quiet)
    with screen.usage_errors():
        from uare.errors import ConfigError

        if not APP.is_file():
            raise ConfigError(
                "the page is part of the checkout and not of the installed package; clone the repository "
                "and run uare demo, or python demo/app.py, from there"
            )
        if importlib.util.find_spec("gradio") is None:
            raise ConfigError('gradio is not installed; the page needs: pip install "uare[demo]"')
    given = {"--model": model, "--device": device, "--port": port}
    options = [word for name, value in given.items() if value is not None for word in (name, str(value))]
    flags = [name for name, is_set in {"--share": share, "--quiet": quiet}.items() if is_set]
    try:
        done = subprocess.run([sys.executable, str(APP), *options, *flags], check=False)
    except KeyboardInterrupt:  # the page has heard it too, and cleans up
        raise typer.Exit(130) from None
    raise typer.Exit(done.returncode)
