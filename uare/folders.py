"""Which photos a command was given, and where each result goes."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from uare.errors import InputError
from uare.saving import FORMATS, format_of

# What counts as a photo inside a folder; a file that is named is read whatever it is called.
_JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo")
_HEIF_SUFFIXES = (".heic", ".heif")
_OTHER_SUFFIXES = (
    ".png",
    ".apng",
    ".tif",
    ".tiff",
    ".webp",
    ".avif",
    ".gif",
    ".bmp",
    ".ppm",
    ".pgm",
    ".tga",
    ".jp2",
)
IMAGE_SUFFIXES = frozenset(_JPEG_SUFFIXES + _HEIF_SUFFIXES + _OTHER_SUFFIXES)


@dataclass(frozen=True, kw_only=True)
class FoundImage:
    """A photo to work on."""

    path: Path
    folder: Path | None = None  # the given folder in which it was found; None if the file itself was named


@dataclass(frozen=True, kw_only=True)
class FoundImages:
    """What was found, and what could not be looked into (the rest still gets done)."""

    images: tuple[FoundImage, ...]
    problems: tuple[InputError, ...]


def find_images(sources: Iterable[Path], *, exclude: Path | None = None) -> FoundImages:
    """Files as named and, in folders, all photos at any depth, sorted by path.

    Hidden files and folders, `__MACOSX`, what is no photo by its extension, and everything inside `exclude`
    (the output folder, lest a second run restores the results of the first) are left out. Linked folders are
    followed, each folder once. A folder without photos is a problem.
    """
    images: list[FoundImage] = []
    problems: list[InputError] = []
    for source in sources:
        if source.is_dir():
            num_problems = len(problems)
            paths = sorted(_files_below(source, exclude, problems))
            images += [FoundImage(path=path, folder=source) for path in paths]
            if not paths and len(problems) == num_problems:
                problems.append(InputError(f"{source} holds no photos; name another folder, or a file"))
        elif source.exists():
            images.append(FoundImage(path=source))
        else:
            problems.append(InputError(f"there is no file or folder {source}; check the name"))
    return FoundImages(images=tuple(dict.fromkeys(images)), problems=tuple(problems))


def output_paths(
    images: Sequence[FoundImage], output: Path, *, suffix: str = "_restored", extension: str | None = None
) -> list[Path]:
    """Where each result goes: `<stem><suffix>.<ext>` below `output`, in the folder tree of the input.

    `output` may name the file itself if there is one input. extension: of the results, e.g. "png"; if None
    the input's own, or JPEG for HEIC, or PNG for what else is not written (GIF, BMP). Of two inputs that
    differ in extension only, the later one's goes into the stem, so that their sidecar files stay apart too.
    Raises InputError for an extension that is not written and for two inputs with one result.
    """
    wanted = None if extension is None else "." + extension.lower().removeprefix(".")
    if wanted is not None:
        format_of(Path(f"photo{wanted}"))
    if output.suffix.lower() in _writable_suffixes() and not output.is_dir():
        if len(images) != 1:
            raise InputError(f"{output} is one file for {len(images)} results; name a folder as the output")
        return [output]
    taken: dict[Path, Path] = {}  # result without extension -> its input
    results = []
    for image in images:
        folder = output if image.folder is None else output / image.path.parent.relative_to(image.folder)
        stem = folder / f"{image.path.stem}{suffix}"
        if stem in taken:
            stem = folder / f"{image.path.stem}_{image.path.suffix[1:].lower()}{suffix}"
        if stem in taken:
            raise InputError(
                f"{taken[stem]} and {image.path} would both become {stem.name}; give them separate outputs"
            )
        taken[stem] = image.path
        results.append(stem.with_name(stem.name + (wanted or _result_suffix(image.path))))
    return results


def _result_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in _writable_suffixes():
        return suffix
    return ".jpg" if suffix in _JPEG_SUFFIXES + _HEIF_SUFFIXES else ".png"


def _writable_suffixes() -> frozenset[str]:
    return frozenset(suffix for row in FORMATS for suffix in row.suffixes)


def _files_below(folder: Path, exclude: Path | None, problems: list[InputError]) -> Iterator[Path]:
    """Photos in a folder at any depth; folders that cannot be read are added to `problems`."""
    excluded = None if exclude is None else exclude.resolve()
    visited: set[Path] = set()

    def report(error: OSError) -> None:
        problems.append(
            InputError(f"{error.filename} cannot be read ({error.strerror}); check its permissions")
        )

    for parent, folders, files in os.walk(folder, followlinks=True, onerror=report):
        real = Path(parent).resolve()
        # A link that leads back, or the results of an earlier run (unless that very folder was asked for).
        if real in visited or (real == excluded and Path(parent) != folder):
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__MACOSX")
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES:
                yield Path(parent, name)
