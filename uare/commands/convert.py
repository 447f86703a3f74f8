"""`uare convert`: a BAGEL folder into the format of this project."""

from pathlib import Path
from typing import Annotated

import typer

from uare.commands.options import JsonFlag, QuietFlag
from uare.commands.running import finish
from uare.screen import Screen


def convert(
    bagel_dir: Annotated[
        Path, typer.Argument(metavar="BAGEL_DIR", help="The folder to read.", show_default=False)
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write.", show_default=False)],
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Converts a BAGEL folder into the format of UARE, bit for bit."""
    screen = Screen(is_quiet=quiet)
    with screen.usage_errors():
        from uare.conversion import convert_folder

        finish(screen, convert_folder(bagel_dir, out), as_json=as_json)
