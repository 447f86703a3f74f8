"""Votes as a set of pairs for training: the tables and pictures that `data.fgrestore.layout` reads."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data.fgrestore.labels import Consensus, human_labels
from data.fgrestore.layout import IMAGES, OPEN, PAIRS, FineImage, FinePair, write_rows
from data.fgrestore.splits import by_content, by_pair, of_images
from data.votes import Vote, counting
from uare.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written, and a sentence for each pair that was not."""

    num_labelled: int
    num_open: int
    problems: tuple[str, ...]


def export_pairs(votes: Sequence[Vote], pictures: Path, output: Path, rule: Consensus, seed: int) -> Exported:
    """Writes the voted pairs into the folder `output`, those without a consensus as open.

    pictures: folder that the votes' paths start at. InputError where it is `output` itself, or nothing is
    left to write.
    """
    if output.resolve() == pictures.resolve():
        raise InputError(f"{output} is the folder of the pictures themselves; export into another")
    problems: list[str] = []
    firsts: dict[str, Vote] = {}
    for vote in counting(votes):
        firsts.setdefault(vote.pair, vote)
    there = {}
    for pair, vote in firsts.items():
        problem = _problem(vote, pictures)
        if problem:
            problems.append(problem)
        else:
            there[pair] = vote
    if not there:
        raise InputError(
            f"no voted pair has its pictures in {pictures}; give the folder that the votes' paths start at"
        )
    labels = human_labels(votes, rule)
    split_pair = by_pair({pair: vote.task for pair, vote in there.items() if pair in labels}, seed)
    split_content = by_content([vote.content for vote in there.values()], seed)
    rows = []
    for pair, vote in there.items():
        label = labels.get(pair)
        rows.append(
            FinePair(
                id=pair,
                image_a=vote.image_a,
                image_b=vote.image_b,
                label=label.label if label else None,
                task=vote.task,
                content=vote.content,
                source_a=vote.source_a,
                source_b=vote.source_b,
                label_kind=label.kind if label else "",
                label_made_by=label.made_by if label else "",
                votes_a=label.votes_a if label else None,
                votes_b=label.votes_b if label else None,
                votes_equal=label.votes_equal if label else None,
                split_pair=split_pair.get(pair, ""),
                split_content=split_content[vote.content],
            )
        )
    labelled = [row for row in rows if row.label is not None]
    _write(labelled, [row for row in rows if row.label is None], pictures, output)
    return Exported(num_labelled=len(labelled), num_open=len(rows) - len(labelled), problems=tuple(problems))


def _problem(vote: Vote, pictures: Path) -> str | None:
    for name in (vote.image_a, vote.image_b):
        path = pictures / name
        if not path.resolve().is_relative_to(pictures.resolve()):
            return f"pair {vote.pair}: {name} lies outside {pictures}; left out"
        if not path.is_file():
            return f"pair {vote.pair}: there is no file {path}; left out"
    return None


def _write(
    labelled: Sequence[FinePair], unlabelled: Sequence[FinePair], pictures: Path, output: Path
) -> None:
    split = of_images(
        {row.id: (row.image_a, row.image_b) for row in labelled}, {row.id: row.split_pair for row in labelled}
    )
    images: dict[str, FineImage] = {}
    for row in (*labelled, *unlabelled):
        for image, source in ((row.image_a, row.source_a), (row.image_b, row.source_b)):
            images[image] = FineImage(
                image=image,
                task=row.task,
                content=row.content,
                restorer=source,
                split_pair=split.get(image, ""),
                split_content=row.split_content,
            )
    for image in images:
        target = output / image
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(pictures / image, target)
    write_rows(list(images.values()), FineImage, output / IMAGES)
    write_rows(unlabelled, FinePair, output / OPEN)
    write_rows(labelled, FinePair, output / PAIRS)  # last: a set with it is complete
