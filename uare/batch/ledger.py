"""A JSON Lines file that a long run writes one line at a time, so that the next run can go on."""

import json
import os
from pathlib import Path

from uare.batch.loop import Json
from uare.errors import InputError


class Ledger:
    """What became of each photo of a triage; the last line about a photo counts."""

    def __init__(self, path: Path) -> None:
        """Reads what is there. Raises InputError if the file is no ledger or cannot be read."""
        self.path = path
        self._records = {_key(record): record for record in _read(path)}

    def about(self, photo: Path) -> Json | None:
        """The last record of this photo; None if it is new or has changed since."""
        try:
            return self._records.get(_key(fingerprint(photo)))
        except InputError:
            return None  # the work on it will say why

    @property
    def records(self) -> list[Json]:
        """All that is known, in the order in which photos were first met."""
        return list(self._records.values())

    def add(self, record: Json) -> None:
        """Appends a record that holds the photo's `fingerprint`; on disk when this returns."""
        line = json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b") as stream:
                # A line that a power cut tore must not swallow the next one.
                if stream.seek(0, os.SEEK_END) and _last_byte(self.path) != b"\n":
                    stream.write(b"\n")
                stream.write(line.encode("utf-8"))
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be written ({error.strerror or error}); choose another --output"
            ) from error
        self._records[_key(record)] = record


def fingerprint(photo: Path) -> Json:
    """Name, size and time of change of a photo: another of these, and it is another photo."""
    try:
        status = photo.stat()
    except OSError as error:
        raise InputError(f"{photo} cannot be read ({error.strerror}); check that it is still there") from None
    return {"input": str(photo), "size_bytes": status.st_size, "modified_ns": status.st_mtime_ns}


def _key(record: Json) -> tuple[str, int, int]:
    return str(Path(record["input"]).resolve()), record["size_bytes"], record["modified_ns"]


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1)


def _read(path: Path) -> list[Json]:
    """The whole lines of a ledger; a torn one is left out, since its photo is simply done again."""
    if not path.exists():
        return []
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror or error}); check its permissions"
        ) from error
    records = [record for line in lines if (record := _record(line)) is not None]
    if lines and not records:
        raise InputError(f"{path} exists and is no ledger of a triage; choose another --output")
    return records


def _record(line: bytes) -> Json | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    needed = {"input", "size_bytes", "modified_ns", "action"}
    return record if isinstance(record, dict) and needed <= record.keys() else None
