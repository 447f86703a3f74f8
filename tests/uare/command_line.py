"""Running the command in this process, as a user would call it, on the tiny model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from typer.testing import CliRunner

from tests.uare.pictures import random_array
from uare.cli import app

QUICK = ("--no-analyse", "--no-verify", "--steps", "1")  # for tests that are not about the result


@dataclass(frozen=True)
class Ran:
    """What a call of the command said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on stdout, which must hold nothing else."""
        return json.loads(self.out)

    @property
    def results(self) -> list[dict[str, Any]]:
        return self.document["results"]


def run(*arguments: str | Path) -> Ran:
    """Calls `uare` with these arguments; an exception that the command lets through fails the test."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    return Ran(done.exit_code, done.stdout, done.stderr)


class Command:
    """`uare` with a model of its own; float32, so that results equal those of the pipeline exactly."""

    def __init__(self, model: Path) -> None:
        self.model = model

    def __call__(self, verb: str, *arguments: str | Path) -> Ran:
        return run(verb, *arguments, "--model", self.model, "--dtype", "float32", "--device", "cpu")


def write_photo(path: Path, seed: int = 0, height: int = 32, width: int = 48) -> Path:
    """A small picture of noise at `path`, its folder made; the extension chooses the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(random_array(height, width, seed=seed)).save(path)
    return path


def files_below(folder: Path) -> set[str]:
    """All files in a folder at any depth, hidden ones too."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def the_error(ran: Ran) -> str:
    """The one sentence of a call that failed."""
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, ran.err
    assert "Traceback" not in ran.err and "Traceback" not in ran.out
    return errors[0].removeprefix("error: ")


def assert_wrong_call(ran: Ran, *words: str) -> None:
    """Exit code 2, nothing on stdout, and a sentence with these words."""
    assert (ran.code, ran.out) == (2, "")
    sentence = the_error(ran)
    assert all(word in sentence for word in words), sentence
