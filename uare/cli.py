"""The command `uare`: one subcommand a verb, each in its own file of `uare.commands`.

Nothing here loads torch: `--help` and a mistyped option answer at once. Exit codes: 0 all done; 1 some inputs
failed and the rest is done; 2 the call itself was wrong; 130 stopped by Ctrl-C.
"""

from typing import Annotated

import typer

from uare.commands.assess import assess
from uare.commands.compare import compare
from uare.commands.convert import convert
from uare.commands.demo import demo
from uare.commands.info import info
from uare.commands.rank import rank
from uare.commands.restore import restore
from uare.commands.serve import serve
from uare.commands.triage import triage

app = typer.Typer(
    name="uare",
    help="Says what is wrong with photos, repairs them, and judges the repair.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help has room for sentences in 80 columns, and brackets mean themselves
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,  # its tracebacks print every local variable
)
for command in (assess, compare, restore, rank, triage, serve, demo, convert, info):
    app.command()(command)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(version("uare"))
        raise typer.Exit


@app.callback(
    epilog="uare COMMAND --help lists the options of a command. Exit codes: 0 all done, 1 some photos "
    "failed, 2 the call was wrong, 130 stopped by Ctrl-C."
)
def _uare(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Shows the version.")
    ] = False,
) -> None:
    """Says what is wrong with photos, repairs them, and judges the repair."""


def main() -> None:
    """What the installed command `uare` runs."""
    app()
