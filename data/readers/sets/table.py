"""The one table of published sets: what each yields, where it is to be had and how it must lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from data.readers.scales import Scale
from data.readers.sets import df2k, diffiqa, dq495k, fgrestore, foundir, kadid, koniq, lsdir, pipal, spaq
from data.samples import (
    ChoiceSource,
    QuestionSource,
    RestorationSource,
    ScoreSource,
    Source,
    Sources,
)
from uare.errors import InputError


@dataclass(frozen=True, kw_only=True)
class SetReader:
    """A published set."""

    name: str  # as configurations write it
    read: Callable[[Path, str], Sources]  # from the folder in which it lies, and a split
    yields: type[Source]
    splits: tuple[str, ...]
    published: Mapping[str, int] = field(
        default_factory=dict
    )  # split -> sources in the whole set, where known
    scale: Scale | None = None  # of the published opinions
    origin: str
    layout: str


READERS: tuple[SetReader, ...] = (
    SetReader(
        name="foundir",
        read=foundir.foundir,
        yields=RestorationSource,
        splits=("train", "train-single", "train-mixed", "test"),
        published={"test": 1500},
        origin="links in github.com/House-Leo/FoundIR; for the training set (4.85 TB) the request form there",
        layout=f"train: {foundir.TRAIN_LAYOUT}; test: {foundir.TEST_LAYOUT}",
    ),
    SetReader(
        name="lsdir",
        read=lsdir.lsdir,
        yields=RestorationSource,
        splits=("train", "val"),
        published={"train": 84_991, "val": 1000},
        origin="data.vision.ee.ethz.ch/yawli or huggingface.co/ofsoundof/LSDIR; research only",
        layout=lsdir.LAYOUT,
    ),
    SetReader(
        name="div2k",
        read=df2k.div2k,
        yields=RestorationSource,
        splits=("train", "val"),
        published={"train": 800, "val": 100},
        origin="data.vision.ee.ethz.ch/cvl/DIV2K; academic use",
        layout=df2k.DIV2K_LAYOUT,
    ),
    SetReader(
        name="flickr2k",
        read=df2k.flickr2k,
        yields=RestorationSource,
        splits=("train",),
        published={"train": 2650},
        origin="the link in github.com/limbee/NTIRE2017; research only",
        layout=df2k.FLICKR2K_LAYOUT,
    ),
    SetReader(
        name="df2k",
        read=df2k.df2k,
        yields=RestorationSource,
        splits=("train",),
        published={"train": 3450},
        origin="DIV2K and Flickr2K side by side",
        layout=df2k.DF2K_LAYOUT,
    ),
    SetReader(
        name="koniq10k",
        read=koniq.koniq,
        yields=ScoreSource,
        splits=("train", "val", "test"),
        published={"train": 7058, "val": 1000, "test": 2015},
        scale=koniq.NORMALISED,
        origin="database.mmsp-kn.de, the table also in github.com/subpic/koniq; free for research",
        layout=koniq.LAYOUT,
    ),
    SetReader(
        name="kadid10k",
        read=kadid.kadid,
        yields=ScoreSource,
        splits=("train", "test"),
        published={"train": 8125, "test": 2000},
        scale=kadid.SCALE,
        origin="database.mmsp-kn.de; free for research",
        layout=kadid.LAYOUT,
    ),
    SetReader(
        name="spaq",
        read=spaq.spaq,
        yields=ScoreSource,
        splits=("train", "test"),
        scale=spaq.SCALE,
        origin="the links in github.com/h4nwei/SPAQ; research only",
        layout=spaq.LAYOUT,
    ),
    SetReader(
        name="pipal",
        read=pipal.pipal,
        yields=ScoreSource,
        splits=("train", "test"),
        scale=pipal.SCALE,
        origin="the links in github.com/HaomingCai/PIPAL-dataset (training part); research only",
        layout=pipal.LAYOUT,
    ),
    SetReader(
        name="dq495k",
        read=dq495k.dq495k,
        yields=QuestionSource,
        splits=("train", "test"),
        origin="huggingface.co/datasets/zhiyuanyou/DataDepictQA; research only",
        layout=dq495k.LAYOUT,
    ),
    SetReader(
        name="diffiqa",
        read=diffiqa.diffiqa,
        yields=ChoiceSource,
        splits=("train", "val", "test"),
        origin="the links in github.com/ChrisDud0257/AFINE; non-commercial",
        layout=diffiqa.LAYOUT,
    ),
    SetReader(
        name="fgrestore",
        read=fgrestore.fgrestore,
        yields=ChoiceSource,
        splits=fgrestore.SPLITS,
        origin="huggingface.co/datasets/orpheus0429/FGRestore with a mapping, or data/build_fgrestore.py",
        layout=fgrestore.LAYOUT,
    ),
)


def read_set(name: str, root: Path, split: str) -> Sources:
    """The sources of a published set that lies in `root`; InputError for an unknown set or split."""
    rows = {row.name: row for row in READERS}
    if name not in rows:
        near = get_close_matches(name, rows, n=1)
        hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(rows)}"
        raise InputError(f"there is no reader for the set {name!r}; {hint}")
    row = rows[name]
    if split not in row.splits:
        raise InputError(f"{name} has no split {split!r}; choose from {', '.join(row.splits)}")
    return row.read(root, split)
