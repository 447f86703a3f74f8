"""Many photos one after the other: one that fails never stops the rest, and Ctrl-C keeps what is done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from uare.errors import UAREError
from uare.screen import Meter, Screen

Json = dict[str, Any]
Item = TypeVar("Item")


@dataclass(kw_only=True)
class Outcome:
    """What became of the inputs of one command."""

    results: list[Json] = field(default_factory=list)
    failures: list[Json] = field(default_factory=list)  # {"input": ..., "error": one sentence}
    is_interrupted: bool = False

    @property
    def exit_code(self) -> int:
        if self.is_interrupted:
            return 130  # 128 + SIGINT, as shells have it
        return 1 if self.failures else 0


def work_through(
    items: Sequence[Item],
    work: Callable[[Item, Meter], Json],
    *,
    names: Callable[[Item], tuple[str, ...]],
    screen: Screen,
    problems: Sequence[UAREError] = (),
    resumes: bool = False,
) -> Outcome:
    """Does the work on each item and collects results and failures.

    names: the files of an item, for failures and progress. problems: inputs that failed before the work.
    resumes: whether the same command leaves out what is done, so that it may be said.
    A failure is told at once on stderr. Ctrl-C ends the loop after whatever was written is whole.
    """
    outcome = told(problems, screen)
    files = [names(item) for item in items]
    try:
        with screen.progress([" and ".join(one) for one in files]) as meter:
            for index, item in enumerate(items):
                meter.start(index)
                _work_on(item, files[index], work, meter, screen, outcome)
    except KeyboardInterrupt:
        outcome.is_interrupted = True
        rest = " and kept; the same command goes on from there" if resumes else ""
        screen.stopped(f"Stopped by Ctrl-C: {len(outcome.results)} of {len(items)} done{rest}.")
    return outcome


def told(problems: Sequence[UAREError], screen: Screen) -> Outcome:
    """Tells the problems; an outcome that holds them and no results yet."""
    for problem in problems:
        screen.fail(str(problem))
    return Outcome(failures=[{"input": None, "error": str(problem)} for problem in problems])


def refuse_nothing(items: Sequence[object], problems: Sequence[UAREError], screen: Screen) -> None:
    """Raises the last problem, having told the others, where there is nothing to work on."""
    if not items and problems:
        for problem in problems[:-1]:
            screen.fail(str(problem))
        raise problems[-1]


def _work_on(
    item: Item,
    files: tuple[str, ...],
    work: Callable[[Item, Meter], Json],
    meter: Meter,
    screen: Screen,
    outcome: Outcome,
) -> None:
    name = " and ".join(files)
    try:
        outcome.results.append(work(item, meter))
    except Exception as error:  # a thousand other photos are waiting: say what happened and go on
        sentence = sentence_about(error, name)
        screen.fail(sentence if any(file in sentence for file in files) else f"{name}: {sentence}")
        outcome.failures.append({"input": name, "error": sentence})


def sentence_about(error: Exception, name: str) -> str:
    """What went wrong with this input, in one sentence."""
    if isinstance(error, UAREError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"memory does not suffice for {name}; close other programs or make the photo smaller"
    first_line = str(error).partition("\n")[0]
    return f"{name} failed for a reason that was not foreseen ({type(error).__name__}: {first_line})"
