"""Runs restorers over degraded pictures: filters in this process, any other program through a template.

A template is a command line in which `{input}` and `{output}` stand for a picture and its result, or
`{inputs}` and `{outputs}` for folders, of which the second is to be filled as the first is laid out. No shell
is involved. What fails or takes too long is told in a sentence, and the others go on. What lies there already
and was made by the same command from the same pixels is not made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from data.fgrestore.classical import FILTERS, Filter, restored
from data.fgrestore.inputs import MADE, Inputs
from data.fgrestore.results import NAME, Gathered, Result
from data.samples import Picture
from uare.errors import InputError
from uare.folders import IMAGE_SUFFIXES

LEDGER = "restorations.jsonl"
GRACE_S = 5.0  # between asking a program to end and ending it


@dataclass(frozen=True, kw_only=True)
class Command:
    """A program that restores: a template, and how long it may take for one picture."""

    name: str
    template: str
    timeout_s: float
    is_for: Callable[[str], bool] = lambda task: True  # which tasks it restores
    made_by: str = ""  # what its results depend on; empty: the template

    def __post_init__(self) -> None:
        one = "{input}" in self.template and "{output}" in self.template
        if one == self.is_for_folders or not NAME.fullmatch(self.name):
            raise InputError(
                f"found the restorer {self.name}={self.template!r}, expected a plain name and a command with "
                "{input} and {output}, or with {inputs} and {outputs}"
            )
        if not self.timeout_s > 0:
            raise InputError(f"found a timeout of {self.timeout_s} s, expected more than 0; give another")

    @property
    def is_for_folders(self) -> bool:
        return "{inputs}" in self.template and "{outputs}" in self.template

    def words(self, **places: Path) -> list[str]:
        """The command with paths in place of its marks; a path with spaces stays one word."""
        words = shlex.split(self.template)
        for name, path in places.items():
            words = [word.replace("{" + name + "}", str(path)) for word in words]
        return words


def our_restorer(seed: int, fidelity: float, words: str, model: str, timeout_s: float) -> Command:
    """UARE with this seed and fidelity, through its command line, as users meet it.

    With `words` it is told what to do and does not analyse; without, its own analysis tells it.
    """
    told = f"--no-analyse --instruction {shlex.quote(words)} " if words else ""
    template = (
        f"{shlex.quote(sys.executable)} -c 'from uare.cli import main; main()' restore {{inputs}} "
        f"--output {{outputs}} --suffix '' --format png --no-verify --quiet {told}"
        f"--model {shlex.quote(model)} --seed {seed} --fidelity {fidelity:g}"
    )
    name = f"uare-seed{seed}-fidelity{fidelity:g}"
    if words:
        name += "-" + re.sub(r"\W+", "-", words.lower()).strip("-")
    return Command(name=name, template=template, timeout_s=timeout_s)


def filters_named(names: Sequence[str]) -> list[Filter]:
    """The filters of these names, `all` for every one; InputError if one is unknown."""
    known = list(dict.fromkeys(row.name for row in FILTERS))
    for name in names:
        if name != "all" and name not in known:
            raise InputError(f"there is no filter {name!r}; choose from all, {', '.join(known)}")
    return [row for row in FILTERS if "all" in names or row.name in names]


def run_filters(rows: Sequence[Filter], inputs: Inputs, output: Path) -> Gathered:
    """`output/images/made/task/content/filter.png` for each picture and each filter meant for its task."""
    results: list[Result] = []
    problems: list[str] = []
    ledger = _Ledger(output)
    for (task, content), path in inputs.paths.items():
        for row in rows:
            if not row.is_for(task):
                continue
            place = _place(output, (task, content), row.name)
            made_by = f"filter {row.name}"
            try:
                if not ledger.has(place, path, made_by):
                    pixels = Picture(name=str(path), path=path).pixels()
                    place.parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(restored(pixels, row)).save(place)
                    ledger.add(place, path, made_by)
            except Exception as error:  # whatever a filter raises on one picture, the others go on
                problems.append(f"{row.name} failed on {task}, {content}: {_readable(error)}")
                continue
            results.append(inputs.result(task, content, row.name, place, made_by))
    return Gathered(results=tuple(results), problems=tuple(problems))


def run_command(command: Command, inputs: Inputs, output: Path) -> Gathered:
    """The same for a program; a sentence for each picture that it did not restore."""
    ledger = _Ledger(output)
    made_by = command.made_by or command.template
    paths = {key: path for key, path in inputs.paths.items() if command.is_for(key[0])}
    jobs = {
        key: _place(output, key, command.name)
        for key, path in paths.items()
        if not ledger.has(_place(output, key, command.name), path, made_by)
    }
    for place in jobs.values():  # of another command or another picture
        place.unlink(missing_ok=True)
    run = _for_folders if command.is_for_folders else _one_by_one
    problems = list(run(command, inputs, jobs, output)) if jobs else []
    results = []
    for key, path in paths.items():
        place = _place(output, key, command.name)
        if key in jobs and place.is_file():
            ledger.add(place, path, made_by)
        if place.is_file():
            results.append(inputs.result(*key, command.name, place, made_by))
    return Gathered(results=tuple(results), problems=tuple(problems))


def _place(output: Path, key: tuple[str, str], restorer: str) -> Path:
    task, content = key
    return output / "images" / MADE / task / content / f"{restorer}.png"


def _one_by_one(
    command: Command, inputs: Inputs, jobs: dict[tuple[str, str], Path], output: Path
) -> Iterator[str]:
    for key, place in jobs.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        # a name of its own, so that a program that is ended half way leaves no half picture in place
        made = place.with_name(f".{place.stem}.part.png")
        made.unlink(missing_ok=True)
        failure = _run(command.words(input=inputs.paths[key], output=made), command.timeout_s)
        failure = failure or _unusable(made)
        if failure:
            made.unlink(missing_ok=True)
            yield f"{command.name} failed on {key[0]}, {key[1]}: {failure}"
        else:
            made.replace(place)


def _for_folders(
    command: Command, inputs: Inputs, jobs: dict[tuple[str, str], Path], output: Path
) -> Iterator[str]:
    # a name that changes with the command: nothing of an earlier one is taken for its results
    digest = hashlib.sha256((command.made_by or command.template).encode()).hexdigest()[:8]
    outputs = output / "work" / f"{command.name}-{digest}"
    outputs.mkdir(parents=True, exist_ok=True)
    failure = _run(command.words(inputs=inputs.folder, outputs=outputs), command.timeout_s * len(jobs))
    if failure:
        yield f"{command.name}: {failure}"
    for key, place in jobs.items():
        stem = outputs / key[0] / key[1]
        found = [stem.with_name(stem.name + suffix) for suffix in sorted(IMAGE_SUFFIXES)]
        made = next((path for path in found if path.is_file()), None)
        wrong = "there is no result" if made is None else _unusable(made)
        if made is None or wrong:
            yield f"{command.name} failed on {key[0]}, {key[1]}: {wrong}"
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(Picture(name=str(made), path=made).pixels()).save(place)


def _run(words: Sequence[str], timeout_s: float) -> str | None:
    """Runs a program; None if it ended well, else what happened. Its children are ended with it."""
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return f"{words[0]} cannot be started ({error.strerror or error}); check the command"
    try:
        _, said = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        _end(process)
        return f"ended after {timeout_s:g} s; give it more time, or leave it out"
    if process.returncode:
        lines = said.strip().splitlines()
        return f"exit code {process.returncode}" + (f" ({lines[-1][:200]})" if lines else "")
    return None


def _end(process: subprocess.Popen[str]) -> None:
    """Ends a program and all that it started."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
        except ProcessLookupError:
            return
        try:
            process.wait(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            continue


def _unusable(path: Path) -> str | None:
    if not path.is_file():
        return "it ended well, and there is no result"
    try:
        pixels = Picture(name=str(path), path=path).pixels()
    except InputError as error:
        return str(error)
    return None if np.ndim(pixels) == 3 else f"{path} is no colour picture"


def _readable(error: Exception) -> str:
    return str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"


class _Ledger:
    """What was made by which command from which pixels, a line for each result."""

    def __init__(self, output: Path) -> None:
        self._output = output
        self._path = output / LEDGER
        self._digests: dict[str, str] = {}
        if self._path.is_file():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                try:
                    entry = json.loads(line)
                    self._digests[entry["image"]] = entry["made_of"]
                except (ValueError, KeyError, TypeError):
                    continue  # a line torn by a kill: its picture is made again

    def has(self, place: Path, source: Path, made_by: str) -> bool:
        name = place.relative_to(self._output).as_posix()
        return place.is_file() and self._digests.get(name) == _made_of(source, made_by)

    def add(self, place: Path, source: Path, made_by: str) -> None:
        entry = {
            "image": place.relative_to(self._output).as_posix(),
            "made_by": made_by,
            "made_of": _made_of(source, made_by),
        }
        self._output.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def _made_of(source: Path, made_by: str) -> str:
    return hashlib.sha256(made_by.encode() + b"\n" + source.read_bytes()).hexdigest()[:16]
