"""`uare info`: the model, where it runs and what it takes."""

import typer

from uare.commands.options import DeviceOption, DtypeOption, JsonFlag, ModelOption, QuietFlag, ReportOption
from uare.commands.running import Setup, finish
from uare.screen import Screen


def info(
    model: ModelOption = "uare-tiny",
    output: ReportOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Shows the model, its parameters, device and memory."""
    screen = Screen(is_quiet=quiet)
    with screen.usage_errors():
        from uare.documents import report_path
        from uare.info import describe

        report = report_path(output, "info")
        pipe, facts = Setup(model=model, device=device, dtype=dtype, seed=0).open()
        finish(screen, describe(pipe, facts), as_json=as_json, report=report)
    raise typer.Exit(0)
