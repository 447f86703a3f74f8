"""Folders of pictures: clean ones to be harmed on the way, or two folders of pairs with the same stems."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from data.readers.compact import CompactTexts
from data.readers.files import RestorationFiles
from uare.errors import InputError
from uare.folders import find_images


def clean_folder(folder: Path, name: str | None = None) -> RestorationFiles:
    """All pictures below `folder`, at any depth, sorted by path; InputError if there are none."""
    return RestorationFiles(name=name or folder.name, root=folder, hq=CompactTexts(_pictures_below(folder)))


def paired_folders(
    hq: Path, lq: Path, types: tuple[str, ...] = (), name: str | None = None
) -> RestorationFiles:
    """Pictures of `hq` and of `lq` with the same path but for the extension (`a/1.png` and `a/1.jpg`).

    types: the known harms of all in `lq`. Raises InputError if a picture has no partner.
    """
    pairs = match_stems(hq, _pictures_below(hq), lq, _pictures_below(lq))
    return RestorationFiles(
        name=name or lq.name,
        root=Path(),
        hq=CompactTexts(str(hq / first) for first, _ in pairs),
        lq=CompactTexts(str(lq / second) for _, second in pairs),
        kinds=(types,),
    )


def match_stems(
    hq: Path, hq_paths: Iterable[str], lq: Path, lq_paths: Iterable[str]
) -> list[tuple[str, str]]:
    """Paths below `hq` with their partners below `lq`, sorted; InputError for a stem alone or twice."""
    first, second = _by_stem(hq, hq_paths), _by_stem(lq, lq_paths)
    alone = sorted(first.keys() ^ second.keys())
    if alone:
        there, lacking = (hq, lq) if alone[0] in first else (lq, hq)
        raise InputError(
            f"{len(alone)} pictures have no partner of the same name: {there} has {alone[0]}, {lacking} has "
            "not; add the partners or take the pictures out"
        )
    return [(first[stem], second[stem]) for stem in sorted(first)]


def _by_stem(folder: Path, paths: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in paths:
        stem = path.rpartition(".")[0]
        if stem in found:
            raise InputError(f"{folder} has both {found[stem]} and {path}; leave one of them")
        found[stem] = path
    return found


def _pictures_below(folder: Path) -> list[str]:
    found = find_images([folder])
    if found.problems:
        raise found.problems[0]
    return [image.path.relative_to(folder).as_posix() for image in found.images]
