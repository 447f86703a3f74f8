"""Pairs to train a judge on, as tensors: images, labels, parts, and batches of like scenes."""

from __future__ import annotations

import random
from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from data.fgrestore.layout import FineImage, FinePair, FineSet
from uare.errors import InputError

TRAIN, VALIDATION, TEST = "train", "validation", "test"
PLAIN_GAP = 0.1  # of the range of an origin's scores: pairs further apart are no fine-grained ones


@dataclass(frozen=True, kw_only=True)
class PairTable:
    """n pairs of m images."""

    images: tuple[Path, ...]  # of the set's folder
    tasks: tuple[str, ...]  # of each image
    scores: Tensor  # (m,) float64, of each image; NaN where nobody scored it
    first: Tensor  # (n,) int64, which image is A
    second: Tensor  # (n,) int64, which is B
    labels: Tensor  # (n,) int64, 1 = A better, 0 = B better, 2 = equal: the classes of the head
    scenes: tuple[str, ...]  # of each pair; scores compare within one
    parts: tuple[str, ...]  # TRAIN, VALIDATION or TEST, of each pair
    num_fine: int | None = None  # the pairs behind these are plainly different ones; None: there are none

    def of(self, part: str, *, with_plain: bool = False) -> Tensor:
        """Indices of the pairs of a part: the fine-grained ones, or also those that differ plainly."""
        parts = self.parts if with_plain else self.parts[: self.num_fine]
        return torch.tensor([i for i, one in enumerate(parts) if one == part], dtype=torch.int64)

    def images_of(self, part: str) -> Tensor:
        """Indices of the images in pairs of a part."""
        pairs = self.of(part, with_plain=True)
        return torch.cat([self.first[pairs], self.second[pairs]]).unique()


def table_of(
    fine: FineSet,
    split: Literal["content", "pair"],
    validation_share: float,
    seed: int,
    plain_per_scene: int = 0,
) -> PairTable:
    """The labelled pairs of a set. A share of the contents of its training part becomes the validation part.

    plain_per_scene: so many pairs of one content and task that the set's filter dropped because they differ
    plainly, labelled by their scores, join the training and validation parts.
    Raises InputError where nothing is left to train on.
    """
    pairs = [pair for pair in fine.pairs if pair.label is not None]
    parts = _parts(pairs, split, validation_share, seed)
    if TRAIN not in parts:
        raise InputError(f"{fine.folder} has no labelled pair in its training part; choose another")
    num_fine = len(pairs)
    part_of = {pair.content: part for pair, part in zip(pairs, parts, strict=True) if part != TEST}
    plain = _plain_pairs(fine, part_of, plain_per_scene, seed)
    pairs += plain
    parts += [part_of[pair.content] for pair in plain]
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.image_a, pair.image_b)))
    place = {name: index for index, name in enumerate(names)}
    scores = torch.full((len(names),), torch.nan, dtype=torch.float64)
    tasks = [""] * len(names)
    for pair in pairs:
        for name, score in ((pair.image_a, pair.score_a), (pair.image_b, pair.score_b)):
            tasks[place[name]] = pair.task
            if score is not None:
                scores[place[name]] = score
    return PairTable(
        images=tuple(fine.folder / name for name in names),
        tasks=tuple(tasks),
        scores=scores,
        first=torch.tensor([place[pair.image_a] for pair in pairs]),
        second=torch.tensor([place[pair.image_b] for pair in pairs]),
        labels=torch.tensor([pair.label for pair in pairs]),
        scenes=tuple(f"{pair.origin}/{pair.task}" for pair in pairs),
        parts=tuple(parts),
        num_fine=num_fine,
    )


def _plain_pairs(fine: FineSet, contents: Container[str], per_scene: int, seed: int) -> list[FinePair]:
    """Pairs of one task and content (some of `contents`) whose scores are more than `PLAIN_GAP` apart."""
    scenes: dict[tuple[str, str, str], list[FineImage]] = {}
    ranges: dict[str, list[float]] = {}
    for image in fine.images:
        if image.score is not None:
            ranges.setdefault(image.origin, []).append(image.score)
            if image.content in contents:
                scenes.setdefault((image.origin, image.task, image.content), []).append(image)
    rng = random.Random(f"{seed} plain")
    found = []
    for (origin, task, content), members in sorted(scenes.items()):
        gap = PLAIN_GAP * (max(ranges[origin]) - min(ranges[origin]))
        apart = [
            (a, b)
            for a, b in permutations(members, 2)  # both orders, so that A is as often better as worse
            if abs((a.score or 0.0) - (b.score or 0.0)) > gap
        ]
        found += [
            FinePair(
                image_a=a.image,
                image_b=b.image,
                label=int((a.score or 0.0) > (b.score or 0.0)),
                task=task,
                content=content,
                origin=origin,
                score_a=a.score,
                score_b=b.score,
            )
            for a, b in rng.sample(apart, min(per_scene, len(apart)))
        ]
    return found


def _parts(
    pairs: Sequence[FinePair], split: Literal["content", "pair"], share: float, seed: int
) -> list[str]:
    tests = [(pair.split_content if split == "content" else pair.split_pair) == TEST for pair in pairs]
    contents = sorted({pair.content for pair, test in zip(pairs, tests, strict=True) if not test})
    held_out = set(random.Random(seed).sample(contents, int(share * len(contents))))
    return [
        TEST if test else VALIDATION if pair.content in held_out else TRAIN
        for pair, test in zip(pairs, tests, strict=True)
    ]


def draw_pairs(
    scenes: Sequence[str], among: Tensor, num_pairs: int, num_scenes: int, generator: torch.Generator
) -> Tensor:
    """Indices (num_pairs,) of pairs drawn from some scenes, each scene as likely as it has pairs.

    scenes: of every pair. among: indices of the pairs to draw from. A scene of fewer pairs repeats them.
    """
    by_scene: dict[str, list[int]] = {}
    for index in among.tolist():
        by_scene.setdefault(scenes[index], []).append(index)
    names = list(by_scene)
    sizes = torch.tensor([float(len(by_scene[name])) for name in names])
    chosen = torch.multinomial(sizes, min(num_scenes, len(names)), generator=generator).tolist()
    drawn = []
    for turn, scene in enumerate(chosen):
        members = torch.tensor(by_scene[names[scene]])
        count = num_pairs // len(chosen) + (turn < num_pairs % len(chosen))
        order = torch.randperm(len(members), generator=generator)
        drawn.append(members[order.repeat(-(-count // len(members)))[:count]])
    return torch.cat(drawn)
