"""Sets of pictures that people scored: how each lies on disk, its direction, and its split.

Opinions come from the first of these that is there: a list of DeQA-Score or Q-Align (`metas/test_*.json`),
the set's own table, pyiqa's table. Where a set publishes no split, a fifth by its clean photos is used, the
same that training leaves out; sets that nobody trains on are used whole. For KADID-10k the lists are not
used: they part versions of one photo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from data.readers.sets import spaq
from data.readers.sets.table import read_set
from data.samples import ScoreSource
from eval.suites import opinions
from eval.suites.opinions import Opinion
from eval.suites.suite import Candidate, DataMissing, Found, Request
from eval.suites.super_resolution import first_folder
from uare.folders import IMAGE_SUFFIXES

GROUP = "all"


@dataclass(frozen=True, kw_only=True)
class ScoredSet:
    """A set: where it may lie, where its pictures and table are in there, and how to read them."""

    name: str
    folders: tuple[str, ...]
    pictures: tuple[str, ...]  # folders below the set's, searched at any depth
    tables: tuple[tuple[str, Callable[[Path], list[Opinion]]], ...] = ()
    published_reader: str | None = None  # a set that `data.readers` reads and parts
    higher_is_better: bool = True
    references: str | None = None  # folder of the clean photos
    reference_of: Callable[[str], str] | None = None  # stem of a picture -> stem of its clean photo
    takes_lists: bool = True
    attributes: Mapping[str, str] = field(default_factory=dict)  # attribute -> column that is its label


SCORED_SETS: tuple[ScoredSet, ...] = (
    ScoredSet(
        name="koniq",
        folders=("KONIQ", "koniq10k", "KonIQ-10k"),
        pictures=("1024x768", "images", "512x384"),
        published_reader="koniq10k",
    ),
    ScoredSet(
        name="spaq",
        folders=("SPAQ", "spaq"),
        pictures=("TestImage", "images"),
        published_reader="spaq",
        attributes=spaq.COLUMNS,
    ),
    ScoredSet(
        name="kadid",
        folders=("KADID10K", "kadid10k"),
        pictures=("images",),
        published_reader="kadid10k",
        references="images",
        reference_of=lambda stem: stem.split("_")[0],
        takes_lists=False,
    ),
    ScoredSet(
        name="pipal",
        folders=("PIPAL", "pipal"),
        pictures=("Dist_Imgs", "Distortion_1", "Distortion_2", "Distortion_3", "Distortion_4", "images"),
        published_reader="pipal",
        references="Train_Ref",
        reference_of=lambda stem: stem.split("_")[0],
    ),
    ScoredSet(
        name="livew",
        folders=("LIVE-WILD", "LIVEC", "ChallengeDB_release"),
        pictures=("images", "Images"),
        tables=(("Data/AllMOS_release.mat", opinions.read_live_wild),),
    ),
    ScoredSet(
        name="agiqa",
        folders=("AGIQA3K", "AGIQA-3K"),
        pictures=("images",),
        tables=(("data.csv", opinions.read_agiqa),),
    ),
    ScoredSet(
        name="csiq",
        folders=("CSIQ", "csiq"),
        pictures=("images/dst_imgs", "dst_imgs", "dst_imgs_all", "images"),
        tables=(("csiq_label.txt", opinions.read_name_first),),
        higher_is_better=False,
        references="src_imgs",
        reference_of=lambda stem: stem.split(".")[0],
    ),
    ScoredSet(
        name="tid2013",
        folders=("TID2013", "tid2013"),
        pictures=("images/distorted_images", "distorted_images", "images"),
        tables=(("mos_with_names.txt", opinions.read_value_first),),
        references="reference_images",
        reference_of=lambda stem: stem.split("_")[0],
    ),
    ScoredSet(
        name="bid",
        folders=("BID", "bid"),
        pictures=("ImageDatabase", "images", "."),
        tables=(("DatabaseGrades.xlsx", opinions.read_bid),),
    ),
)


def find_scored(row: ScoredSet, request: Request) -> Found:
    """The scored pictures of a set, higher scores for better ones."""
    root = first_folder(request.data_root, row.folders)
    lists = sorted(root.glob("metas/test_*.json")) if row.takes_lists else []
    pyiqa = sorted(root.glob("meta_info_*.csv"))
    own = [(root / name, read) for name, read in row.tables if (root / name).is_file()]
    if lists:
        return _from_table(row, root, lists[0], opinions.read_list(lists[0]))
    if row.published_reader is not None:
        sources = read_set(row.published_reader, root, "test")
        published = [sources[index] for index in range(len(sources))]
        return _from_sources(row, root, [one for one in published if isinstance(one, ScoreSource)])
    if own:
        return _from_table(row, root, own[0][0], own[0][1](own[0][0]))
    if pyiqa:
        return _from_table(row, root, pyiqa[0], opinions.read_pyiqa_table(pyiqa[0]))
    expected = " or ".join(name for name, _ in row.tables)
    raise DataMissing(f"{root} holds neither {expected} nor metas/test_*.json nor meta_info_*.csv")


FINDERS = {row.name: partial(find_scored, row) for row in SCORED_SETS}


def _from_sources(row: ScoredSet, root: Path, sources: Sequence[ScoreSource]) -> Found:
    """From our training readers: opinions on 1 to 5 already, and the part that training leaves out."""
    clean = _clean_photos(row, root)
    return Found(
        candidates=tuple(
            replace(_candidate(row, one.picture.path, one.mos, clean), labels=one.attributes)
            for one in sources
            if one.picture.path is not None
        ),
        notes=(
            f"scores brought to 1..5; split: the test part of {row.published_reader} in data/readers",
            *_attribute_notes(row, sources),
        ),
    )


def _attribute_notes(row: ScoredSet, sources: Sequence[ScoreSource]) -> tuple[str, ...]:
    """Which column stands for which attribute, where the set has any."""
    named = dict.fromkeys(name for one in sources for name in one.attributes)
    columns = ", ".join(f"{name} by {row.attributes[name]}" for name in named)
    return (f"people's ratings stand for attributes as far as they are near: {columns}",) if named else ()


def _from_table(row: ScoredSet, root: Path, table: Path, rows: Iterable[Opinion]) -> Found:
    pictures = _by_name(root / folder for folder in row.pictures)
    clean = _clean_photos(row, root)
    candidates: list[Candidate] = []
    missing: list[str] = []
    for one in rows:
        path = pictures.get(one.picture.lower())
        if path is None:
            missing.append(one.picture)
            continue
        value = one.value if row.higher_is_better else -one.value
        candidates.append(_candidate(row, path, value, clean))
    if not candidates:
        raise DataMissing(f"{root} holds none of the pictures that {table.name} names")
    problems = (
        (f"{row.name}: {len(missing)} pictures that {table} names are missing, the first is {missing[0]}",)
        if missing
        else ()
    )
    turned = "" if row.higher_is_better else "; signs exchanged, since its scores fall with quality"
    return Found(
        candidates=tuple(candidates), problems=problems, notes=(f"scores and split of {table.name}{turned}",)
    )


def _candidate(row: ScoredSet, path: Path, mos: float, clean: dict[str, Path]) -> Candidate:
    reference = None if row.reference_of is None else clean.get(row.reference_of(path.stem).lower())
    return Candidate(
        id=path.stem,
        group=GROUP,
        lq=path,
        gt=reference,
        mos=mos,
    )


def _by_name(folders: Iterable[Path]) -> dict[str, Path]:
    """Pictures at any depth by file name in small letters: TID2013 mixes I and i."""
    found: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            for path in sorted(folder.rglob("*")):
                if path.suffix.lower() in IMAGE_SUFFIXES:
                    found.setdefault(path.name.lower(), path)
    return found


def _clean_photos(row: ScoredSet, root: Path) -> dict[str, Path]:
    if row.references is None:
        return {}
    return {Path(name).stem: path for name, path in _by_name([root / row.references]).items()}
