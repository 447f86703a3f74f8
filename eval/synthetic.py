"""Does the judge see what was done? Clean photos harmed by each degradation at each severity, then assessed.

The truth is known here, as it never is for photographed pairs: which harm, how much, which of two is worse.
Values of one photo depend on each other, so intervals draw whole photos.
"""

import itertools
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from scipy.stats import spearmanr

from data.degradations import TYPES, degrade_with
from eval.intervals import MeanInterval, mean_with_interval
from eval.metrics import Array, psnr
from eval.pictures import read_picture, to_array, to_bytes
from eval.subjects import Pipeline
from uare.errors import InputError, UAREError
from uare.results import Degradation
from uare.vocabulary import SEVERITIES

LEVELS = tuple(SEVERITIES)  # 1..5
NOTHING = "none"  # what a photo without a named degradation is called


@dataclass(frozen=True, kw_only=True)
class Series:
    """One photo harmed by one type at each severity 1..5: what the judge said of it, in that order."""

    photo: str
    type: str
    named: tuple[str, ...]  # main degradation, NOTHING if none was named
    scores: tuple[float, ...]
    worse_by_compare: tuple[bool, ...]  # per pair of severities: was the more degraded one recognised?
    worse_by_score: tuple[bool, ...]

    @property
    def rank_agreement(self) -> float:
        """Spearman correlation of severity with falling score, 1 is best; five equal scores count as 0."""
        if len(set(self.scores)) == 1:
            return 0.0
        return -float(spearmanr(LEVELS, self.scores).statistic)


@dataclass(frozen=True, kw_only=True)
class CleanResult:
    """What happened to an unharmed photo."""

    photo: str
    psnr_db: float  # of the restored photo to itself
    named: str


@dataclass(frozen=True, kw_only=True)
class SyntheticRow:
    """Means over the series of one type, or of all; shares are in [0, 1]."""

    type: str
    named_correctly: MeanInterval
    rank_agreement: MeanInterval
    worse_by_compare: MeanInterval
    worse_by_score: MeanInterval


@dataclass(frozen=True, kw_only=True)
class SyntheticReport:
    """The measures of a run, and how often each harm was called what."""

    rows: tuple[SyntheticRow, ...]  # one per type, then "all"
    named_by_severity: tuple[MeanInterval, ...]  # share named correctly at severity 1..5, all types
    called: dict[str, dict[str, int]]  # true type -> named type -> count
    clean_psnr_db: MeanInterval
    called_clean: MeanInterval


def main_degradation(degradations: Sequence[Degradation]) -> str:
    """The type of the most severe degradation, the first of equals; no severity counts as the mildest."""
    if not degradations:
        return NOTHING
    return max(degradations, key=lambda one: one.severity or 0).type


def harm(image: Array, degradation: str, seed: int) -> list[Image.Image]:
    """The picture (H, W, 3) harmed at severity 1..5; the same seed gives the same harms."""
    batch = torch.from_numpy(image).float().permute(2, 0, 1).repeat(len(LEVELS), 1, 1, 1)  # (5, 3, H, W)
    harmed, _ = degrade_with(
        batch,
        [[degradation]] * len(LEVELS),
        [[level] for level in LEVELS],
        torch.Generator().manual_seed(seed),
    )
    return [Image.fromarray(to_bytes(one.permute(1, 2, 0).double().numpy())) for one in harmed]


def judge_series(pipeline: Pipeline, photo: str, degradation: str, versions: Sequence[Image.Image]) -> Series:
    """Assesses each version and compares every two of them; a verdict of "equal" recognises nothing."""
    assessments = [pipeline.assess(version) for version in versions]
    by_compare, by_score = [], []
    for index, (mild, severe) in enumerate(itertools.combinations(range(len(versions)), 2)):
        # Each is A equally often, so that a model that always says A is right in half of the cases.
        if index % 2:
            by_compare.append(pipeline.compare(versions[mild], versions[severe]).verdict == "A")
        else:
            by_compare.append(pipeline.compare(versions[severe], versions[mild]).verdict == "B")
        by_score.append(assessments[severe].score < assessments[mild].score)
    return Series(
        photo=photo,
        type=degradation,
        named=tuple(main_degradation(one.degradations) for one in assessments),
        scores=tuple(one.score for one in assessments),
        worse_by_compare=tuple(by_compare),
        worse_by_score=tuple(by_score),
    )


def judge_clean(pipeline: Pipeline, photo: str, image: Array, seed: int) -> CleanResult:
    """Restores and assesses an unharmed photo: a good restorer leaves it alone and says so."""
    picture = Image.fromarray(to_bytes(image))
    restored = to_array(pipeline.restore(picture, seed=seed, upscale=1).image)
    return CleanResult(
        photo=photo,
        psnr_db=psnr(restored, image),
        named=main_degradation(pipeline.assess(picture).degradations),
    )


def run_synthetic(
    pipeline: Pipeline, photos: Sequence[Path], seed: int
) -> tuple[SyntheticReport | None, list[str]]:
    """Harms and judges each photo; gives the report (None without photos) and a sentence per failed photo."""
    series: list[Series] = []
    clean: list[CleanResult] = []
    problems: list[str] = []
    for index, path in enumerate(photos):
        print(f"[{index + 1}/{len(photos)}] harming {path.name}", file=sys.stderr)
        try:
            image = read_picture(path)
            of_photo = [
                # Seeds by place, so that a photo's harms do not depend on the photos before it.
                judge_series(pipeline, path.name, one, harm(image, one, seed + 1000 * index + place))
                for place, one in enumerate(TYPES)
            ]
            unharmed = judge_clean(pipeline, path.name, image, seed)
        # RuntimeError is what torch raises on a lack of memory; one photo must not end the run.
        except (UAREError, RuntimeError, MemoryError) as error:
            problems.append(f"clean photo {path.name}: {error}; it is left out of the synthetic table")
            continue
        series += of_photo
        clean.append(unharmed)
    return (summarise(series, clean, seed) if clean else None), problems


def summarise(series: Sequence[Series], clean: Sequence[CleanResult], seed: int) -> SyntheticReport:
    """Means and intervals over photos, per type and over all; InputError if there is nothing to average."""
    if not series or not clean:
        raise InputError("no judged photo to average; give a folder whose clean photos can be read")
    types = list(dict.fromkeys(one.type for one in series))
    rows = [_row(one, [s for s in series if s.type == one], seed) for one in types]
    return SyntheticReport(
        rows=(*rows, _row("all", series, seed)),
        named_by_severity=tuple(
            _share([(s.photo, s.named[place] == s.type) for s in series], seed)
            for place in range(len(LEVELS))
        ),
        called={one: dict(Counter(n for s in series if s.type == one for n in s.named)) for one in types},
        clean_psnr_db=mean_with_interval([one.psnr_db for one in clean], seed),
        called_clean=mean_with_interval([float(one.named == NOTHING) for one in clean], seed),
    )


def _row(title: str, series: Sequence[Series], seed: int) -> SyntheticRow:
    return SyntheticRow(
        type=title,
        named_correctly=_share([(s.photo, name == s.type) for s in series for name in s.named], seed),
        rank_agreement=mean_with_interval(
            [s.rank_agreement for s in series], seed, [s.photo for s in series]
        ),
        worse_by_compare=_share([(s.photo, hit) for s in series for hit in s.worse_by_compare], seed),
        worse_by_score=_share([(s.photo, hit) for s in series for hit in s.worse_by_score], seed),
    )


def _share(hits: Sequence[tuple[str, bool]], seed: int) -> MeanInterval:
    """Share of hits among (photo, hit), its interval drawn over photos."""
    return mean_with_interval([float(hit) for _, hit in hits], seed, [photo for photo, _ in hits])
