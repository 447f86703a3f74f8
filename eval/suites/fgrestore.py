"""FGRestore and sets like it: restored pictures with scores, and pairs of them with preferences.

Two suites read one set (`data.fgrestore.layout` has its form), the folder itself or a folder right below:
`fgrestore-scores` has each picture once, to be scored and measured; `fgrestore-pairs` has the pairs, to be
compared. `eval.fine_grained` puts both together into the paper's table 3.

Used is what is held out, by pairs or by contents, and every item says by which; a set without splits is used
whole. The opinion of a pair is 1 where A is better, -1 where B is, 0 where both are equal. A pair that a
judge cannot tell apart (equal scores, or the verdict "equal") is right where people could not either, and
wrong elsewhere; it is never left out and never counted half. Beside that stands the accuracy over pairs that
people could tell apart, for which judges with a verdict "equal" have to lean to one side.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from data.fgrestore.labels import A_BETTER, B_BETTER, EQUAL, PSEUDO
from data.fgrestore.layout import MAPPING, PAIRS, FineImage, FinePair, FineSet, read_fgrestore
from data.fgrestore.splits import TEST
from eval.records import file_name
from eval.suites.suite import Candidate, DataMissing, Found, Request

BY_PAIR, BY_CONTENT = "held out by pair", "held out by content"  # tags
ORIGIN = "origin: "  # begins a tag
NAME_MARK = "--"  # between the parts of an item's name: origin, task, content, restorers
OPINION_OF = {A_BETTER: 1.0, B_BETTER: -1.0, EQUAL: 0.0}
ALL = "all"  # group of a set without tasks

Row = TypeVar("Row", FinePair, FineImage)


def find_fgrestore_scores(request: Request) -> Found:
    """Every held-out picture that has a score, by task."""
    found = _set(request.data_root)
    images = [image for image in _held_out(found.images) if image.score is not None]
    candidates = [
        Candidate(
            id=_name(image.image.removeprefix("images/")),
            group=image.task or ALL,
            lq=found.folder / image.image,
            gt=found.folder / image.reference if image.reference else None,
            mos=image.score,
            tags=_tags(image),
            scale=1 if image.reference else None,
        )
        for image in images
    ]
    return Found(candidates=tuple(candidates), notes=_notes(found))


def find_fgrestore_pairs(request: Request) -> Found:
    """Every held-out pair, by task."""
    found = _set(request.data_root)
    candidates = [
        Candidate(
            id=file_name(pair.id or f"pair{number}"),
            group=pair.task or ALL,
            lq=found.folder / pair.image_a,
            gt=found.folder / pair.image_b,
            mos=OPINION_OF[pair.label] if pair.label is not None else None,
            tags=_tags(pair),
            scale=1,
        )
        for number, pair in enumerate(_held_out(found.pairs), start=1)
    ]
    return Found(candidates=tuple(candidates), notes=_notes(found))


def _set(root: Path) -> FineSet:
    for folder in (root, *sorted(path for path in root.glob("*") if path.is_dir())):
        if (folder / PAIRS).is_file() or (folder / MAPPING).is_file():
            return read_fgrestore(folder)
    raise DataMissing(f"no {PAIRS} and no {MAPPING} in {root} or in a folder right below it")


def _held_out(rows: tuple[Row, ...]) -> list[Row]:
    has_splits = any(row.split_pair or row.split_content for row in rows)
    return [row for row in rows if not has_splits or TEST in (row.split_pair, row.split_content)]


def _tags(row: FinePair | FineImage) -> tuple[str, ...]:
    tags = [ORIGIN + row.origin] if row.origin else []
    tags += [BY_PAIR] if row.split_pair == TEST else []
    return (*tags, *([BY_CONTENT] if row.split_content == TEST else []))


def _name(path: str) -> str:
    return file_name(str(Path(path).with_suffix("")).replace("/", NAME_MARK))


def _notes(found: FineSet) -> tuple[str, ...]:
    pseudo = [pair for pair in found.pairs if pair.label_kind == PSEUDO]
    if not pseudo:
        return ()
    makers = ", ".join(dict.fromkeys(pair.label_made_by for pair in pseudo))
    return (
        f"No people here: {len(pseudo)} of {len(found.pairs)} labels are pseudo-preferences ({makers}), and "
        "metrics that took part in them are judged by themselves.",
    )
