"""Suites that need no download: photos of scikit-image, harmed by every degradation at every severity.

Which harm and how much is known here, as it never is of photographed pairs. The same pictures are restored
(`synthetic`), scored (`synthetic-scores`) and compared two by two (`synthetic-choices`); unharmed ones are
among them, since a good restorer leaves those alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from data.degradations import COMBINATIONS, TYPES, degrade_with
from eval.metrics import Array
from eval.pictures import write_picture
from eval.suites.suite import Candidate, Found, Request
from uare.vocabulary import SEVERITIES

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")  # photographs that come with scikit-image
SIDE_PX = 288  # of the centre that is used; the smallest of them is 300 px high
SEED = 0
LEVELS = tuple(SEVERITIES)  # 1..5
CLEAN = "clean"  # group of the unharmed photos
COMBINED_LEVELS = (2, 4)  # of harms that come together
PAIRS_OF_LEVELS = tuple(itertools.combinations(range(len(LEVELS)), 2))


@dataclass(frozen=True, kw_only=True)
class Harmed:
    """A photo harmed by one type at each severity, as files."""

    photo: str
    type: str
    original: Path
    versions: tuple[Path, ...]  # at severity 1..5


def find_synthetic(request: Request) -> Found:
    """Every harmed picture with its original, by type, then the originals with themselves."""
    series = list(_series(request))
    candidates = [
        Candidate(
            id=f"{one.photo}-{one.type}-{level}",
            group=one.type,
            lq=path,
            gt=one.original,
            tags=(f"severity {level}",),
        )
        for one in series
        for level, path in zip(LEVELS, one.versions, strict=True)
    ]
    clean = [
        Candidate(id=f"{photo}-{CLEAN}", group=CLEAN, lq=path, gt=path)
        for photo, path in _originals(request.made_dir).items()
    ]
    return Found(candidates=(*candidates, *clean))


def find_synthetic_combinations(request: Request) -> Found:
    """Photos with several harms at once: the groups of FoundIR's test set, every harm at one severity."""
    candidates = []
    for place, combination in enumerate(COMBINATIONS):
        for index, (photo, original) in enumerate(_originals(request.made_dir).items()):
            for level in COMBINED_LEVELS:
                path = request.made_dir / f"{photo}-{combination.name}-{level}.png"
                seed = SEED + 1000 * index + 100 * level + place
                write_picture(_harmed_together(photo, combination.types, level, seed), path)
                candidates.append(
                    Candidate(
                        id=path.stem,
                        group=combination.name,
                        lq=path,
                        gt=original,
                        tags=(f"severity {level}",),
                    )
                )
    return Found(candidates=tuple(candidates))


def find_synthetic_scores(request: Request) -> Found:
    """The same pictures to be scored; a lower severity stands for a better opinion, originals have none."""
    candidates = [
        Candidate(
            id=f"{one.photo}-{one.type}-{level}",
            group=one.type,
            lq=path,
            mos=float(LEVELS[-1] + 1 - level),
        )
        for one in _series(request)
        for level, path in zip(LEVELS, one.versions, strict=True)
    ]
    clean = [
        Candidate(id=f"{photo}-{CLEAN}", group=CLEAN, lq=path)
        for photo, path in _originals(request.made_dir).items()
    ]
    return Found(
        candidates=(*candidates, *clean),
        notes=("In place of people's opinions stands 6 - severity: what is harmed more has to score lower.",),
    )


def find_synthetic_choices(request: Request) -> Found:
    """Every two severities of a photo and type; the opinion is 1 where the first is better, else -1."""
    candidates = []
    for one in _series(request):
        for index, (mild, severe) in enumerate(PAIRS_OF_LEVELS):
            # Each is the first equally often: who always says "first" is right in half of the cases.
            mild_first = bool(index % 2)
            first, second = (mild, severe) if mild_first else (severe, mild)
            candidates.append(
                Candidate(
                    id=choice_id(one.photo, one.type, mild, severe),
                    group=one.type,
                    lq=one.versions[first],
                    gt=one.versions[second],
                    mos=1.0 if mild_first else -1.0,
                )
            )
    return Found(candidates=tuple(candidates))


def choice_id(photo: str, degradation: str, mild: int, severe: int) -> str:
    """Name of a comparison of two severities, counted from 0."""
    return f"{photo}-{degradation}-{LEVELS[mild]}or{LEVELS[severe]}"


def harm(image: Array, degradation: str, seed: int) -> list[Array]:
    """The picture (H, W, 3) harmed at severity 1..5; the same seed gives the same harms."""
    batch = torch.from_numpy(image).float().permute(2, 0, 1).repeat(len(LEVELS), 1, 1, 1)  # (5, 3, H, W)
    harmed, _ = degrade_with(
        batch,
        [[degradation]] * len(LEVELS),
        [[level] for level in LEVELS],
        torch.Generator().manual_seed(seed),
    )
    return [one.permute(1, 2, 0).double().numpy() for one in harmed]


def _harmed_together(photo: str, types: tuple[str, ...], level: int, seed: int) -> Array:
    """A photo (H, W, 3) with all of these harms at one severity."""
    image = torch.from_numpy(sample_photo(photo)).float().permute(2, 0, 1)[None]
    harmed, _ = degrade_with(image, [types], [[level] * len(types)], torch.Generator().manual_seed(seed))
    return harmed[0].permute(1, 2, 0).double().numpy()


def _series(request: Request) -> Iterator[Harmed]:
    """By type, then photo: as many photos as the limit can use."""
    originals = _originals(request.made_dir)
    for place, kind in enumerate(TYPES):
        for index, (photo, original) in enumerate(originals.items()):
            # Seeds by place, so that a photo's harms do not depend on the photos before it.
            versions = harm(sample_photo(photo), kind, SEED + 1000 * index + place)
            paths = tuple(request.made_dir / f"{photo}-{kind}-{level}.png" for level in LEVELS)
            for path, version in zip(paths, versions, strict=True):
                write_picture(version, path)
            yield Harmed(photo=photo, type=kind, original=original, versions=paths)


def _originals(folder: Path) -> dict[str, Path]:
    paths = {photo: folder / f"{photo}.png" for photo in PHOTOS}
    for photo, path in paths.items():
        if not path.is_file():
            write_picture(sample_photo(photo), path)
    return paths


def sample_photo(name: str) -> Array:
    """The centre of a photo of scikit-image, (SIDE_PX, SIDE_PX, 3) in [0, 1]."""
    import skimage.data

    pixels = np.asarray(getattr(skimage.data, name)())
    top, left = ((side - SIDE_PX) // 2 for side in pixels.shape[:2])
    return pixels[top : top + SIDE_PX, left : left + SIDE_PX].astype(np.float64) / 255
