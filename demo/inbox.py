"""Many files from one visitor, some of them zips: checked, and put where `uare.batch` can work on them.

A photo's file is named after its name and content, so that the same photo sent again is the same file. What
is wrong with one photo is a sentence and the rest is taken; a zip that means harm is refused as a whole.
"""

from __future__ import annotations

import hashlib
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import gradio as gr

from demo.desk import MAX_NAME, MEBIBYTE, Desk, called
from uare.errors import InputError
from uare.folders import IMAGE_SUFFIXES
from uare.screen import printable

MAX_ENTRIES = 1000  # of a zip, with what is no photo
MAX_UNPACKED = 256 * MEBIBYTE  # of all photos in one zip
ZIP_HEADS = (b"PK\x03\x04", b"PK\x05\x06")  # the second: an empty one
_UNPACKING = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError)


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A photo that was sent."""

    name: str  # as the visitor knows it; in a zip with its folders
    path: Path  # its copy


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What could be taken in, and a sentence for each file that could not."""

    photos: tuple[Sent, ...]
    problems: tuple[str, ...]

    def named(self, sentence: str) -> str:
        """A sentence with the visitor's names in place of our paths."""
        for photo in self.photos:
            sentence = sentence.replace(str(photo.path), photo.name).replace(photo.path.name, photo.name)
        return sentence


@dataclass(frozen=True, kw_only=True)
class _Found:
    """A file that seems to be a photo, not read yet."""

    name: str
    read: Callable[[], bytes]


def take_in(desk: Desk, files: Sequence[str] | None, folder: Path, request: gr.Request) -> Taken:
    """Checks what was sent and writes it into `folder`; photos that are there already stay untouched.

    Raises InputError where nothing was sent, for too many photos, and for a zip that is broken, too large or
    leads out of its folder.
    """
    if not files:
        raise InputError("there is no photo yet; drop some first, or a zip of them")
    problems: list[str] = []
    photos: dict[Path, Sent] = {}
    with ExitStack() as opened:
        found: list[_Found] = []
        for file in files:
            path = desk.upload(file, request)
            found += _photos_of_zip(path, opened, problems) if _is_zip(path) else [_alone(path)]
        if len(found) > desk.limits.max_files:
            raise InputError(
                f"these are {len(found)} photos and {desk.limits.max_files} are taken at a time; send fewer"
            )
        names: set[str] = set()
        for one in found:
            try:
                content = one.read()
                _check(desk, content, one.name)
            except InputError as error:
                sentence = str(error)
                problems.append(sentence if one.name in sentence else f"{one.name}: {sentence}")
                continue
            name = _other_than(names, one.name)
            names.add(name)
            sent = Sent(name=name, path=folder / _file_name(name, content))
            if not sent.path.exists():  # the time of change tells the ledger of a triage that it is the same
                sent.path.write_bytes(content)
            photos[sent.path] = sent
    return Taken(photos=tuple(photos.values()), problems=tuple(problems))


@contextmanager
def passing_folder(folder: Path) -> Iterator[Path]:
    """A folder inside `folder` that is deleted in the end."""
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as inside:
        yield Path(inside)


def _check(desk: Desk, content: bytes, name: str) -> None:
    if len(content) > desk.limits.max_bytes:
        raise InputError(
            f"{name} has {len(content) / MEBIBYTE:.0f} MiB and {desk.limits.max_bytes / MEBIBYTE:.0f} are "
            "taken; save it smaller first"
        )
    desk.check_photo(content, name)


def _is_zip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) in ZIP_HEADS


def _alone(path: Path) -> _Found:
    return _Found(name=called(path), read=path.read_bytes)


def _photos_of_zip(path: Path, opened: ExitStack, problems: list[str]) -> list[_Found]:
    """The photos of a zip by their names; what else is in it is told once. InputError as `take_in`."""
    zip_name = called(path)
    try:
        archive = opened.enter_context(zipfile.ZipFile(path))
    except _UNPACKING as error:
        raise InputError(f"{zip_name} cannot be opened as a zip ({error}); pack it anew") from error
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > MAX_ENTRIES:
        raise InputError(f"{zip_name} holds {len(entries)} files and {MAX_ENTRIES} are taken; send fewer")
    for entry in entries:
        if _leads_out(entry):
            shown = printable(entry.filename)[:MAX_NAME]
            raise InputError(
                f"{zip_name} holds a link or a path that leads out of it ({shown}); pack the photos anew"
            )
    visible = [entry for entry in entries if not _is_hidden(entry.filename)]
    photos = [entry for entry in visible if Path(entry.filename).suffix.lower() in IMAGE_SUFFIXES]
    num_bytes = sum(entry.file_size for entry in photos)
    if num_bytes > MAX_UNPACKED:
        raise InputError(
            f"{zip_name} unpacks to {num_bytes / MEBIBYTE:.0f} MiB and {MAX_UNPACKED / MEBIBYTE:.0f} are "
            "taken; send fewer photos at a time"
        )
    if not photos:
        raise InputError(f"{zip_name} holds no photos; put some in, or drop them without a zip")
    others = [printable(entry.filename)[:MAX_NAME] for entry in visible if entry not in photos]
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        problems.append(f"no photo by its name and left out: {others[0]}{more}")
    return [_in_zip(archive, entry) for entry in photos]


def _in_zip(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> _Found:
    name = printable(entry.filename)[-MAX_NAME:]

    def read() -> bytes:
        try:
            return archive.read(entry)  # never more than `file_size`, whatever is packed
        except _UNPACKING as error:
            raise InputError(f"{name} cannot be unpacked ({error}); pack it anew") from error

    return _Found(name=name, read=read)


def _leads_out(entry: zipfile.ZipInfo) -> bool:
    """Links, and paths that are not below the zip's own folder on every system."""
    name = entry.orig_filename.replace("\\", "/")
    return (
        stat.S_ISLNK(entry.external_attr >> 16)
        or name.startswith("/")
        or ".." in PurePosixPath(name).parts
        or name[1:2] == ":"
        or "\0" in name
    )


def _is_hidden(name: str) -> bool:
    """What systems add by themselves, as `uare.folders` leaves it out."""
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _other_than(taken: set[str], name: str) -> str:
    """The name, with a number if it is taken."""
    path, number = PurePosixPath(name), 2
    while name in taken:
        name = str(path.with_name(f"{path.stem} ({number}){path.suffix}"))
        number += 1
    return name


def _file_name(name: str, content: bytes) -> str:
    digest = hashlib.sha256(name.encode() + b"\0" + content).hexdigest()[:32]
    suffix = PurePosixPath(name).suffix.lower()
    return digest + (suffix if suffix in IMAGE_SUFFIXES else "")
