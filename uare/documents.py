"""The JSON documents of the command: what is in all of them, and writing them beside the results."""

import json
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uare.batch.loop import Json, Outcome
from uare.errors import InputError
from uare.schema import SCHEMA_VERSION
from uare.writing import write_atomically

if TYPE_CHECKING:
    from uare.pipeline import UAREPipeline


@cache
def _versions() -> dict[str, str]:
    names = ("uare", "torch", "transformers")
    return {name: version(name) for name in names} | {"python": platform.python_version()}


def heading(kind: str, model: Json | None) -> Json:
    """What every document begins with; `kind` is one of the documents in `uare.schema`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "document": kind,
        "versions": dict(_versions()),
        "model": model,
    }


def model_facts(name: str, pipe: "UAREPipeline") -> Json:
    """Which model is at work, and where."""
    return {
        "name": name,
        "device": str(pipe.model.device),
        "dtype": str(pipe.model.dtype).removeprefix("torch."),
    }


def document(kind: str, model: Json | None, outcome: Outcome, **more: Any) -> Json:
    """The document of a command over many inputs."""
    return {
        **heading(kind, model),
        "results": outcome.results,
        **more,
        "failures": outcome.failures,
        "interrupted": outcome.is_interrupted,
    }


def as_text(content: Json) -> str:
    """JSON with two spaces of indent. A NaN would not be JSON and raises ValueError."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)


def write_document(path: Path, content: Json) -> None:
    """Writes a document whole or not at all; replaces an earlier one of ours and no other file."""
    check_replaceable(path)
    text = as_text(content) + "\n"
    write_atomically(path, lambda stream: stream.write(text.encode("utf-8")), overwrite=True)


def check_replaceable(path: Path) -> None:
    """Raises InputError where `path` is a file that this program did not write."""
    if path.is_file() and not _is_ours(path):
        raise InputError(f"{path} exists and is no document of uare; choose another output or move it away")


def _is_ours(path: Path) -> bool:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and {"schema_version", "document"} <= content.keys()


def report_path(output: Path | None, kind: str) -> Path | None:
    """Where `--output` puts the document of a command that writes no photos; None for nowhere.

    Raises InputError for a name that is neither a .json file nor a folder, or a file of somebody else.
    """
    if output is None:
        return None
    if output.suffix.lower() == ".json" and not output.is_dir():
        path = output
    elif output.is_file():
        raise InputError(f"{output} is a file; name a .json file or a folder for the report")
    else:
        path = output / f"{kind}.json"
    check_replaceable(path)
    return path
