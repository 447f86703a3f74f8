"""What a command would tell a terminal, told to the page: `uare.batch` then works for both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from demo.desk import Stopped
from uare.screen import Meter, Screen


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far work on many files is."""

    done: int  # files
    total: int
    name: str  # of the file that is worked on
    stage: str = ""  # of the work on it, in words

    @property
    def sentence(self) -> str:
        return f"{self.done + 1} of {self.total}: {self.name}{self.stage and ', '}{self.stage}"


class PageScreen(Screen):
    """Collects notes and failures, and says `Progress`, which is also where the work stops."""

    def __init__(self, say: Callable[[Progress | None], None], named: Callable[[str], str]) -> None:
        """`named` puts the visitor's names in place of paths."""
        super().__init__(is_quiet=True)
        self.notes: list[str] = []
        self._say = say
        self._named = named

    def note(self, sentence: str) -> None:
        self.notes.append(self._named(sentence))

    def fail(self, sentence: str) -> None:
        """Nothing: failures are in the outcome too."""

    def stopped(self, sentence: str) -> None:
        """Nothing: the page says how far it came."""

    @contextmanager
    def progress(self, names: Sequence[str]) -> Iterator[Meter]:
        yield _PageMeter(self._say, [self._named(name) for name in names])


class _PageMeter(Meter):
    def __init__(self, say: Callable[[Progress | None], None], names: Sequence[str]) -> None:
        self._say = say
        self._names = names
        self._current = 0

    def start(self, index: int) -> None:
        self._current = index
        self._tell("")

    def step(self, done: int, total: int) -> None:
        self._tell(f"step {done} of {total}")

    def text(self, so_far: str) -> None:
        self._tell("looking at it")

    def _tell(self, stage: str) -> None:
        name, total = self._names[self._current], len(self._names)
        try:
            self._say(Progress(done=self._current, total=total, name=name, stage=stage))
        except Stopped:
            raise KeyboardInterrupt from None  # after which `work_through` leaves everything whole
