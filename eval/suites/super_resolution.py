"""Super-resolution by 4: the published crops of RealSR, DRealSR and DIV2K, and RealSet80 without references.

The crops are fixed files (128 px in, 512 px out); whoever cuts his own gets other numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.suites.items import pair_by_stem, pictures_by_stem
from eval.suites.suite import Candidate, DataMissing, Found, Request

SCALE = 4
CROPS = "StableSR_testsets"  # the folder in the archive of the published crops
SUBFOLDERS = (("test_LR", "test_HR"), ("lq", "gt"))


@dataclass(frozen=True, kw_only=True)
class CropSet:
    """A published set of crops: its name in tables, where it may lie, and how many pairs it has."""

    title: str
    folders: tuple[str, ...]
    published: int


REALSR = CropSet(
    title="RealSR",
    folders=(f"{CROPS}/RealSRVal_crop128", "RealSRVal_crop128", "benchmark_realsr", "realsr-osediff"),
    published=100,
)
DREALSR = CropSet(
    title="DRealSR",
    folders=(f"{CROPS}/DrealSRVal_crop128", "DrealSRVal_crop128", "benchmark_drealsr"),
    published=93,
)
DIV2K = CropSet(title="DIV2K-Val", folders=(f"{CROPS}/DIV2K_V2_val", "DIV2K_V2_val"), published=3000)
REALSET80_FOLDERS = ("RealSet80", "testdata/RealSet80")
REALSET80_PUBLISHED = 80


def find_realsr(request: Request) -> Found:
    """100 pairs; the tag is the camera."""
    return _find_crops(REALSR, request)


def find_drealsr(request: Request) -> Found:
    """93 pairs."""
    return _find_crops(DREALSR, request)


def find_div2k(request: Request) -> Found:
    """3000 pairs, harmed by the Real-ESRGAN degradation."""
    return _find_crops(DIV2K, request)


def find_realset80(request: Request) -> Found:
    """80 pictures from the web, whole and without reference."""
    folder = first_folder(request.data_root, REALSET80_FOLDERS)
    pictures, problems = pictures_by_stem(folder)
    candidates = [
        Candidate(id=stem, group="RealSet80", lq=path, scale=SCALE) for stem, path in pictures.items()
    ]
    return Found(
        candidates=tuple(candidates),
        problems=tuple(problems),
        notes=_count_note(folder, len(candidates), REALSET80_PUBLISHED),
    )


def first_folder(root: Path, names: Sequence[str]) -> Path:
    """The first of these folders below `root` that is there; DataMissing if none is."""
    for name in names:
        if (root / name).is_dir():
            return root / name
    raise DataMissing(f"{root} holds no folder {' or '.join(names)}")


def _find_crops(crops: CropSet, request: Request) -> Found:
    folder = first_folder(request.data_root, crops.folders)
    for lq, gt in SUBFOLDERS:
        if (folder / lq).is_dir() and (folder / gt).is_dir():
            pairs, problems = pair_by_stem(folder / lq, folder / gt)
            break
    else:
        raise DataMissing(f"{folder} holds neither test_LR and test_HR nor lq and gt")
    candidates = [
        Candidate(id=stem, group=crops.title, lq=lq_file, gt=gt_file, scale=SCALE, tags=(stem.split("_")[0],))
        for stem, lq_file, gt_file in pairs
    ]
    return Found(
        candidates=tuple(candidates),
        problems=tuple(problems),
        notes=_count_note(folder, len(candidates), crops.published),
    )


def _count_note(folder: Path, found: int, published: int) -> tuple[str, ...]:
    return () if found == published else (f"{folder} holds {found} of the {published} published",)
