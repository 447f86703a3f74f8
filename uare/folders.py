"""Which photos a command was given, and where each result goes."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from uare.errors import InputError
from uare.saving import FORMATS, format_of

# What counts as a photo inside a folder; a file that is named is read whatever it is called.
IMAGE_SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .mpo .png .apng .tif .tiff .webp .avif .heic .heif .gif .bmp .ppm .pgm .tga .jp2".split()
)

# Formats that are read but not written, and lossy like JPEG; everything else becomes PNG.
_BECOME_JPEG = (".jpe", ".jfif", ".mpo", ".heic", ".heif")


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

    Hidden files and folders, `__MACOSX`, what is no photo by its extension, and everything inside `exclude` (the
    output folder, lest a second run restores the results of the first) are left out. Linked folders are followed,
    each folder once.
    """
    images: list[FoundImage] = []
    problems: list[InputError] = []
    for source in sources:
        if source.is_dir():
            paths = sorted(_files_below(source, exclude, problems))
            images += [FoundImage(path=path, folder=source) for path in paths]
        elif source.exists():
            images.append(FoundImage(path=source))
        else:
            problems.append(InputError(f"there is no file or folder {source}; check the name"))
    return FoundImages(images=tuple(dict.fromkeys(images)), problems=tuple(problems))


def output_paths(
    images: Sequence[FoundImage], output: Path, *, suffix: str = "_restored", extension: str | None = None
) -> list[Path]:
    """Where each result goes: `<stem><suffix>.<ext>` below `output`, in the folder tree of the input.

    `output` may name the file itself if there is one input. extension: of the results, e.g. "png"; the input's own
    if None, or JPEG for HEIC and its like, or PNG for what is not written (GIF, BMP). Of two inputs that differ in
    extension only, the later keeps its extension in the stem, so that results and their sidecar files stay apart.
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
                f"{taken[stem]} and {image.path} would both become {stem.name}; restore them to separate outputs"
            )
        taken[stem] = image.path
        results.append(stem.with_name(stem.name + (wanted or _result_suffix(image.path))))
    return results


def _result_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in _writable_suffixes():
        return suffix
    return ".jpg" if suffix in _BECOME_JPEG else ".png"


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
        if real in visited or real == excluded:  # a link that leads back, or the results of an earlier run
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__MACOSX")
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES:
                yield Path(parent, name)
