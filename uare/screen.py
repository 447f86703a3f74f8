"""What a command says: results on stdout; progress, notes and failures on stderr."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from uare.errors import UAREError

# The speed is measured over this long (s): a single photo may take minutes.
SPEED_PERIOD_S = 3600.0
_TEXT_WIDTH = 34
_FILE_WIDTH = 160  # columns of a table that goes into a file or a pipe


def printable(text: str) -> str:
    """The text without what could steer a terminal: file names and models may hold anything."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text)


class Screen:
    """The two streams of one command; `is_quiet` leaves results and failures only."""

    def __init__(self, *, is_quiet: bool = False) -> None:
        self.is_quiet = is_quiet
        self._out = Console(highlight=False)
        if not self._out.is_terminal and "COLUMNS" not in os.environ:
            self._out.width = _FILE_WIDTH
        self._err = Console(stderr=True, highlight=False)

    def show(self, what: RenderableType) -> None:
        """A result for people."""
        self._out.print(what)

    def note(self, sentence: str) -> None:
        """Something to know that is no failure."""
        if not self.is_quiet:
            self._err.print(Text(f"note: {printable(sentence)}", style="yellow"), soft_wrap=True)

    def fail(self, sentence: str) -> None:
        """Something that went wrong; also when quiet."""
        self._err.print(Text(f"error: {printable(sentence)}", style="red"), soft_wrap=True)

    def stopped(self, sentence: str) -> None:
        """Why the command ends early; also when quiet."""
        self._err.print(Text(sentence), soft_wrap=True)

    @contextmanager
    def usage_errors(self) -> Iterator[None]:
        """Ends the command with code 2 and one sentence for what no photo can be blamed for."""
        try:
            yield
        except UAREError as error:
            self.fail(str(error))
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            self.stopped("Stopped.")
            raise typer.Exit(130) from None

    @contextmanager
    def progress(self, names: Sequence[str]) -> Iterator["Meter"]:
        """A bar over the photos with these names; on a terminal only, and not when quiet."""
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        bar = Progress(
            *columns,
            console=self._err,
            transient=True,
            speed_estimate_period=SPEED_PERIOD_S,
            disable=self.is_quiet or not self._err.is_terminal,
        )
        with bar:
            yield Meter(bar, names)


class Meter:
    """How far the work is: photos, and steps of the current one."""

    def __init__(self, bar: Progress, names: Sequence[str]) -> None:
        self._bar = bar
        self._names = names
        self._current = 0
        self._photos: TaskID | None = None
        if len(names) > 1:
            self._photos = bar.add_task("photos", total=len(names))
        self._steps = bar.add_task("", total=None)

    def start(self, index: int) -> None:
        """The photo of this index is being worked on."""
        self._current = index
        self._bar.reset(self._steps, total=None, description=_shortened(self._names[index]))
        if self._photos is not None:
            self._bar.update(self._photos, completed=index)

    def step(self, done: int, total: int) -> None:
        """Steps of the current photo."""
        self._bar.update(
            self._steps, completed=done, total=total, description=_shortened(self._names[self._current])
        )

    def text(self, so_far: str) -> None:
        """What the model has written about the current photo."""
        self._bar.update(self._steps, description=_shortened(" ".join(so_far.split())))


def _shortened(text: str) -> str:
    """The end of a text, as wide as every other, so that the bar behind it does not jump."""
    text = printable(text)
    return (text if len(text) <= _TEXT_WIDTH else "…" + text[1 - _TEXT_WIDTH :]).ljust(_TEXT_WIDTH)
