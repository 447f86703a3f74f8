"""Files that are there whole or not at all: written beside the real name, then renamed to it."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from uare.errors import InputError


def write_atomically(path: Path, write: Callable[[BinaryIO], object], *, overwrite: bool = False) -> None:
    """Lets `write` fill the file at `path`, making its folder if need be.

    Whatever goes wrong, Ctrl-C included, leaves no part of it behind and an existing file as it was. Raises
    InputError for a file that exists (unless `overwrite`) and for a folder or disk that does not take it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise InputError(f"{path} is a folder where a file is to be written; name a file in it")
        if not overwrite and path.exists():
            raise InputError(f"{path} exists already; ask for overwriting, or choose another output")
        # The same folder, because a rename is atomic only within one file system.
        temporary = path.parent / f".uare-{secrets.token_hex(8)}.part"
        try:
            with temporary.open("xb") as stream:
                write(stream)
                stream.flush()
                os.fsync(stream.fileno())  # else a power cut could leave the new name on an empty file
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}); choose another output, "
            "or check permissions and free space there"
        ) from error
