"""The one table of suites. A new one is a file beside this one, and a row here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches

from eval.records import COMPARE, RESTORE, SCORE
from eval.suites import super_resolution as sr
from eval.suites.attributes import find_synthetic_attributes
from eval.suites.blur_context import find_blur_context
from eval.suites.fgrestore import find_fgrestore_pairs, find_fgrestore_scores
from eval.suites.foundir import find_foundir
from eval.suites.pairs import find_pairs
from eval.suites.regions import find_synthetic_regions
from eval.suites.scored_folder import find_scored_folder
from eval.suites.scored_sets import FINDERS
from eval.suites.suite import Found, Request, Suite
from eval.suites.synthetic import (
    find_synthetic,
    find_synthetic_choices,
    find_synthetic_combinations,
    find_synthetic_scores,
)
from uare.errors import InputError

OWN, SR, RESTORATION, IQA, FINE, MADE = "own", "sr", "restoration", "iqa", "fgrestore", "made"
CROPS_FROM = "huggingface.co/datasets/Iceclear/StableSR-TestSets (research only)"


def _crops(name: str, crops: sr.CropSet, lq: str, gt: str) -> Suite:
    finders = {"realsr": sr.find_realsr, "drealsr": sr.find_drealsr, "div2k": sr.find_div2k}
    return Suite(
        name=name,
        family=SR,
        title=f"{crops.title}, centre crops, x4",
        kind=RESTORE,
        find=finders[name],
        where_to_get=CROPS_FROM,
        layout=(
            f"{crops.folders[0]}/{lq} and /{gt} with the same names, also as {', '.join(crops.folders[1:])}"
        ),
    )


def _scored(name: str, title: str, where_to_get: str, layout: str) -> Suite:
    return Suite(
        name=name,
        family=IQA,
        title=title,
        kind=SCORE,
        find=FINDERS[name],
        where_to_get=where_to_get,
        layout=layout,
    )


def _fine(name: str, title: str, kind: str, find: Callable[[Request], Found]) -> Suite:
    return Suite(
        name=name,
        family=FINE,
        title=title,
        kind=kind,
        find=find,
        where_to_get="huggingface.co/datasets/orpheus0429/FGRestore, or data/build_fgrestore.py",
        layout="FOLDER/pairs.parquet and what it names, or FOLDER/fgrestore.yaml (data/fgrestore/layout.py)",
    )


def _made(name: str, title: str, kind: str, find: Callable[[Request], Found]) -> Suite:
    return Suite(
        name=name,
        family=MADE,
        title=title,
        kind=kind,
        find=find,
        where_to_get="scikit-image, which brings the photos along",
        layout="nothing",
    )


SUITES: tuple[Suite, ...] = (
    Suite(
        name="pairs",
        family=OWN,
        title="Degraded/clean pairs of a folder",
        kind=RESTORE,
        find=find_pairs,
        where_to_get="any pairs of your own",
        layout="pairs.json or FOLDER/pairs.json, with the files that it names beside it",
    ),
    _crops("realsr", sr.REALSR, "test_LR", "test_HR"),
    _crops("drealsr", sr.DREALSR, "test_LR", "test_HR"),
    _crops("div2k", sr.DIV2K, "lq", "gt"),
    Suite(
        name="realset80",
        family=SR,
        title="RealSet80, x4, no reference",
        kind=RESTORE,
        find=sr.find_realset80,
        where_to_get="github.com/zsyOAOA/ResShift, testdata/RealSet80 (non-commercial)",
        layout="RealSet80 with the pictures",
    ),
    Suite(
        name="foundir",
        family=RESTORATION,
        title="FoundIR test set, centre crops of 1024 px",
        kind=RESTORE,
        find=find_foundir,
        where_to_get="the links in github.com/House-Leo/FoundIR (GT and LQ apart)",
        layout=(
            "FoundIR/01Blur/GT/0001.png and /LQ/0001.png to 20Lowlight_Noise_JPEG, or all in FoundIR/GT and "
            "FoundIR/LQ"
        ),
    ),
    _scored(
        "koniq",
        "KonIQ-10k, official test split",
        "database.mmsp-kn.de (free for research)",
        "KONIQ/koniq10k_distributions_sets.csv and KONIQ/1024x768",
    ),
    _scored(
        "spaq",
        "SPAQ",
        "the links in github.com/h4nwei/SPAQ (research only)",
        "SPAQ/Annotations/MOS and Image attribute scores.xlsx and SPAQ/TestImage",
    ),
    _scored(
        "kadid",
        "KADID-10k, split by reference",
        "database.mmsp-kn.de (free for research)",
        "KADID10K/dmos.csv and KADID10K/images",
    ),
    _scored(
        "pipal",
        "PIPAL",
        "the links in github.com/HaomingCai/PIPAL-dataset, training part (research only)",
        "PIPAL/Train_Label, PIPAL/Train_Ref and PIPAL/Distortion_1 to Distortion_4",
    ),
    _scored(
        "livew",
        "LIVE in the Wild",
        "live.ece.utexas.edu/research/ChallengeDB (research only, by request)",
        "LIVE-WILD/Data/AllMOS_release.mat, AllImages_release.mat and LIVE-WILD/Images",
    ),
    _scored(
        "agiqa",
        "AGIQA-3K, quality",
        "github.com/lcysyzxdxc/AGIQA-3k-Database (non-commercial)",
        "AGIQA3K/data.csv and AGIQA3K/images",
    ),
    _scored(
        "csiq",
        "CSIQ",
        "s2.smu.edu/~eclarson/csiq.html or the mirror of pyiqa (research only)",
        "CSIQ/csiq_label.txt or meta_info_CSIQDataset.csv, CSIQ/dst_imgs and CSIQ/src_imgs",
    ),
    _scored(
        "tid2013",
        "TID2013",
        "ponomarenko.info/tid2013.htm (research only)",
        "TID2013/mos_with_names.txt, TID2013/distorted_images and TID2013/reference_images",
    ),
    _scored(
        "bid",
        "BID",
        "the authors of BID (Ciancio et al., 2011) or the mirror of pyiqa (research only)",
        "BID/DatabaseGrades.xlsx or meta_info_BIDDataset.csv, and BID/ImageDatabase",
    ),
    Suite(
        name="scored-pictures",
        family=OWN,
        title="Scored pictures of a folder",
        kind=SCORE,
        find=find_scored_folder,
        where_to_get="any scored pictures of your own",
        layout="scores.json or FOLDER/scores.json, with the files that it names beside it",
    ),
    _fine("fgrestore-scores", "Fine-grained restorations, scored", SCORE, find_fgrestore_scores),
    _fine("fgrestore-pairs", "Fine-grained restorations, compared", COMPARE, find_fgrestore_pairs),
    _made("synthetic", "Harmed photos, restored", RESTORE, find_synthetic),
    _made(
        "synthetic-combinations", "Photos with several harms, restored", RESTORE, find_synthetic_combinations
    ),
    _made("synthetic-regions", "Photos harmed in one part, restored", RESTORE, find_synthetic_regions),
    _made("synthetic-scores", "Harmed photos, scored", SCORE, find_synthetic_scores),
    _made("synthetic-attributes", "Harmed photos, attributes", SCORE, find_synthetic_attributes),
    _made("synthetic-choices", "Harmed photos, compared", COMPARE, find_synthetic_choices),
    _made("blur-context", "Photos with blur that belongs to them", RESTORE, find_blur_context),
)


def suites_named(names: Sequence[str] | None) -> list[Suite]:
    """The suites of these names and families in the order of the table, None: all; InputError if unknown."""
    if names is None:
        return list(SUITES)
    known = dict.fromkeys([row.name for row in SUITES] + [row.family for row in SUITES])
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(known)}"
            raise InputError(f"there is no suite {name!r}; {hint}")
    return [row for row in SUITES if row.name in names or row.family in names]
