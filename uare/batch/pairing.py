"""Which photo belongs to which in two folders: the same place and the same name, whatever the extension."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uare.errors import InputError
from uare.folders import find_images

SUFFIX = "_restored"  # what `uare restore` puts behind a name


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two photos to compare, and what both were made from."""

    a: Path
    b: Path
    reference: Path | None


def find_pairs(a: Path, b: Path, reference: Path | None) -> tuple[list[Pair], Sequence[InputError]]:
    """The pairs of two photos, or of two folders by name; photos that lack a partner are problems.

    Raises InputError where one is a folder and the other is not, or where nothing fits.
    """
    if a.is_dir() != b.is_dir():
        folder, photo = (a, b) if a.is_dir() else (b, a)
        raise InputError(f"{folder} is a folder and {photo} is not; compare two photos or two folders")
    if not a.is_dir():
        return [Pair(a=a, b=b, reference=reference)], ()
    ours, theirs = photos_by_name(a), photos_by_name(b)
    originals = photos_by_name(reference) if reference is not None and reference.is_dir() else {}
    pairs, problems = [], []
    for name, photo in ours.items():
        partner = _partner(name, theirs)
        if partner is None:
            problems.append(InputError(f"{photo} has no partner of its name in {b}; it was left out"))
            continue
        original = _partner(name, originals) if originals else reference
        if reference is not None and original is None:
            problems.append(
                InputError(f"{photo} has no reference of its name in {reference}; it was left out")
            )
            continue
        pairs.append(Pair(a=photo, b=partner, reference=original))
    if not pairs:
        raise InputError(f"{a} and {b} have no photos of the same name; check the folders")
    return pairs, problems


def photos_by_name(folder: Path) -> dict[Path, Path]:
    """Place and name without extension -> photo, for all photos in a folder; the first of equal names."""
    named: dict[Path, Path] = {}
    for image in find_images([folder]).images:
        place = image.path.relative_to(folder)
        named.setdefault(place.with_name(place.stem), image.path)
    return named


def _partner(name: Path, others: dict[Path, Path]) -> Path | None:
    """The photo of this name, or of the name that restoring gives or takes."""
    candidates = (name.name, name.name + SUFFIX, name.name.removesuffix(SUFFIX) or name.name)
    return next((others[found] for one in candidates if (found := name.with_name(one)) in others), None)
