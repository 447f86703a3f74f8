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
