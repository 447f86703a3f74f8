"""From candidates to items: the limit, the checks that need no pixels, the hashes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from eval.metrics import psnr
from eval.pictures import read_picture
from eval.records import Box, Item
from eval.suites.suite import Candidate, Listing, Request, Suite
from uare.errors import InputError
from uare.folders import IMAGE_SUFFIXES

# Factors by which a reference may be larger than its input; UARE enlarges by no others.
ENLARGEMENTS = (1, 2, 4)
# Stated values are rounded to 3 decimals, and JPEG decoders differ by a little more than that.
STATED_PSNR_TOLERANCE_DB = 0.02
SIDEWAYS = range(5, 9)  # values of EXIF's orientation that exchange width and height
ORIENTATION_TAG = 0x0112


def list_items(suite: Suite, request: Request) -> Listing:
    """The items of a suite, at most `request.limit` of each group; DataMissing if nothing is there."""
    found = suite.find(request)
    items: list[Item] = []
    problems = list(found.problems)
    notes = list(found.notes)
    taken: set[str] = set()
    used: Counter[str] = Counter()
    for candidate in found.candidates:
        if request.limit is not None and used[candidate.group] >= request.limit:
            continue
        try:
            if candidate.id in taken:
                raise InputError(
                    f"the name {candidate.id!r} is taken already; give each picture its own name"
                )
            item = make_item(candidate, suite.kind)
        except InputError as error:
            problems.append(f"{suite.name}, {candidate.id}: {error}")
            continue
        taken.add(item.id)
        used[item.group] += 1
        items.append(item)
        if problem := _wrong_files(candidate, item):
            problems.append(f"{suite.name}, {item.id}: {problem}")
        if item.crop and candidate.centre_px and item.crop[2] - item.crop[0] < candidate.centre_px:
            side = item.crop[2] - item.crop[0]
            notes.append(f"{item.id} is smaller than {candidate.centre_px} px; its centre {side} px are used")
    return Listing(
        items=tuple(items),
        num_listed=len(found.candidates),
        problems=tuple(problems),
        notes=tuple(notes),
    )


def make_item(candidate: Candidate, kind: str) -> Item:
    """The item of a candidate; InputError if a file is missing, unreadable or of a size that does not fit."""
    # The id becomes a file name under the output folder and must not lead out of it.
    if not candidate.id or candidate.id in {".", ".."} or any(mark in candidate.id for mark in "/\\\0"):
        raise InputError(f"the name {candidate.id!r} is not a plain file name; rename the picture")
    lq_size = picture_size(candidate.lq)
    scale = candidate.scale or 1
    if candidate.gt is not None:
        gt_size = picture_size(candidate.gt)
        scale = _scale(lq_size, gt_size, candidate.scale)
    return Item(
        id=candidate.id,
        group=candidate.group,
        kind=kind,
        lq=str(candidate.lq),
        gt=None if candidate.gt is None else str(candidate.gt),
        scale=scale,
        mos=candidate.mos,
        labels=candidate.labels,
        tags=candidate.tags,
        lq_sha256=sha256_of(candidate.lq),
        gt_sha256=None if candidate.gt is None else sha256_of(candidate.gt),
        crop=None if candidate.centre_px is None else centre_box(lq_size, candidate.centre_px),
    )


def centre_box(size: tuple[int, int], side_px: int) -> Box | None:
    """The centre square of a picture (width, height), smaller than `side_px` if need be; None: all of it."""
    width, height = size
    side = min(side_px, width, height)
    if (width, height) == (side, side):
        return None
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def picture_size(path: Path) -> tuple[int, int]:
    """Upright (width, height) from a file's head; InputError if it is missing or no picture."""
    if not path.is_file():
        raise InputError(f"there is no file {path}; add it, or take its entry out of the list")
    try:
        with Image.open(path) as image:
            width, height = image.size
            sideways = image.getexif().get(ORIENTATION_TAG) in SIDEWAYS
    except Exception as error:  # Pillow's parsers raise anything on files that are broken
        raise InputError(f"{path} is no readable picture ({error}); replace the file") from error
    return (height, width) if sideways else (width, height)


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}); check it") from error


def pictures_by_stem(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """The pictures right in `folder` by stem, sorted; a sentence for each stem that is there twice."""
    found: dict[str, Path] = {}
    problems = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in found:
            problems.append(f"{folder} holds both {found[path.stem].name} and {path.name}; leave one of them")
        else:
            found[path.stem] = path
    return found, problems


def pair_by_stem(lq_folder: Path, gt_folder: Path) -> tuple[list[tuple[str, Path, Path]], list[str]]:
    """Stem, input and reference of each stem that both folders hold; a sentence for every other one."""
    lq, lq_problems = pictures_by_stem(lq_folder)
    gt, gt_problems = pictures_by_stem(gt_folder)
    problems = lq_problems + gt_problems
    problems += [f"{lq[stem]} has no reference of that name in {gt_folder}" for stem in lq if stem not in gt]
    problems += [f"{gt[stem]} has no input of that name in {lq_folder}" for stem in gt if stem not in lq]
    return [(stem, lq[stem], gt[stem]) for stem in lq if stem in gt], problems


def data_digest(items: Iterable[Item]) -> str:
    """SHA-256 over all that makes the items: the same digest, and two runs measured the same data."""
    digest = hashlib.sha256()
    for item in sorted(items, key=lambda one: one.id):
        facts: tuple[object, ...] = (item.id, item.group, item.lq_sha256, item.gt_sha256)
        facts += (item.scale, item.mos, item.crop)
        if item.labels:
            facts += (sorted(item.labels.items()),)
        digest.update(repr(facts).encode("utf-8"))
    return digest.hexdigest()


def _wrong_files(candidate: Candidate, item: Item) -> str | None:
    """A sentence if the input's PSNR is not what the set's list states: it is another file."""
    if candidate.stated_psnr_db is None or candidate.gt is None or item.scale != 1:
        return None
    try:
        measured = psnr(read_picture(candidate.lq), read_picture(candidate.gt))
    except InputError:
        return None  # predicting will say so
    if abs(measured - candidate.stated_psnr_db) <= STATED_PSNR_TOLERANCE_DB:
        return None
    return (
        f"the list states {candidate.stated_psnr_db:.3f} dB for the input, measured {measured:.3f} dB; check "
        "that these are the listed files"
    )


def _scale(lq: tuple[int, int], gt: tuple[int, int], expected: int | None) -> int:
    for scale in ENLARGEMENTS if expected is None else (expected,):
        if gt == (lq[0] * scale, lq[1] * scale):
            return scale
    wanted = (
        "equal sizes or a reference exactly 2 or 4 times as large"
        if expected is None
        else f"a reference exactly {expected} times as large"
    )
    raise InputError(
        f"the input is {lq[0]}x{lq[1]} px and the reference {gt[0]}x{gt[1]} px, expected {wanted}; "
        "crop or resize one of them"
    )
