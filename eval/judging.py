"""Does the judge see what was done? Names, scores and choices on photos harmed by each type and severity.

Works on the records of the synthetic suites. Values of one photo depend on each other, so intervals draw
whole photos.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import spearmanr

from eval.intervals import MeanInterval, mean_with_interval
from eval.records import MODEL, Run, SubjectRun
from eval.suites.synthetic import CLEAN, LEVELS, PAIRS_OF_LEVELS, choice_id
from uare.analysis import parse_analysis
from uare.errors import InputError
from uare.results import Degradation

RESTORED, SCORED, CHOSEN = "synthetic", "synthetic-scores", "synthetic-choices"  # suites
NOTHING = "none"  # what a photo without a named degradation is called
PSNR = "psnr_rgb"


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
    psnr_db: float | None  # of the restored photo to itself, None if it was not restored
    named: str


@dataclass(frozen=True, kw_only=True)
class JudgingRow:
    """Means over the series of one type, or of all; shares are in [0, 1]."""

    type: str
    named_correctly: MeanInterval
    rank_agreement: MeanInterval
    worse_by_compare: MeanInterval | None  # None where nothing was compared
    worse_by_score: MeanInterval


@dataclass(frozen=True, kw_only=True)
class Judging:
    """The measures of one subject, and how often each harm was called what."""

    subject: str
    rows: tuple[JudgingRow, ...]  # one per type, then "all"
    named_by_severity: tuple[MeanInterval, ...]  # share named correctly at severity 1..5, all types
    called: dict[str, dict[str, int]]  # true type -> named type -> count
    clean_psnr_db: MeanInterval | None
    called_clean: MeanInterval | None


def main_degradation(degradations: Sequence[Degradation]) -> str:
    """The type of the most severe degradation, the first of equals; no severity counts as the mildest."""
    if not degradations:
        return NOTHING
    return max(degradations, key=lambda one: one.severity or 0).type


def named_in(text: str | None) -> str:
    """The main degradation of a written analysis."""
    return main_degradation(parse_analysis(text or "").degradations)


def judgings(run: Run) -> list[Judging]:
    """The measures of each model that scored harmed photos, those whose five severities are complete."""
    found = []
    for subject in run.info.subjects:
        if subject.kind == MODEL:
            series, clean = series_of(run, subject.name), clean_of(run, subject.name)
            if series:
                found.append(summarise(subject.name, series, clean, run.info.seed))
    return found


def series_of(run: Run, subject: str) -> list[Series]:
    """What a subject said of each photo and type that it scored at every severity."""
    scored, chosen = _subject(run, SCORED, subject), _subject(run, CHOSEN, subject)
    suite = next((one for one in run.suites if one.info.name == SCORED), None)
    if scored is None or suite is None:
        return []
    heads = dict.fromkeys(
        (item.id.rsplit("-", 2)[0], item.group) for item in suite.items if item.group != CLEAN
    )
    series = []
    for photo, kind in heads:
        of_levels = [scored.predictions.get(f"{photo}-{kind}-{level}") for level in LEVELS]
        known = [one for one in of_levels if one is not None and one.score is not None]
        if len(known) < len(LEVELS):
            continue
        scores = [float(one.score or 0) for one in known]
        series.append(
            Series(
                photo=photo,
                type=kind,
                named=tuple(named_in(one.text) for one in known),
                scores=tuple(scores),
                worse_by_compare=_recognised(chosen, photo, kind),
                worse_by_score=tuple(scores[severe] < scores[mild] for mild, severe in PAIRS_OF_LEVELS),
            )
        )
    return series


def clean_of(run: Run, subject: str) -> list[CleanResult]:
    """What a subject did to each unharmed photo that it scored."""
    scored, restored = _subject(run, SCORED, subject), _subject(run, RESTORED, subject)
    if scored is None:
        return []
    return [
        CleanResult(
            photo=name.removesuffix(f"-{CLEAN}"),
            psnr_db=restored.value(name, PSNR) if restored else None,
            named=named_in(one.text),
        )
        for name, one in scored.predictions.items()
        if name.endswith(f"-{CLEAN}") and one.problem is None
    ]


def _recognised(chosen: SubjectRun | None, photo: str, kind: str) -> tuple[bool, ...]:
    """Per pair of severities: was the milder one chosen? A verdict of "equal" recognises nothing."""
    if chosen is None:
        return ()
    hits = []
    for index, (mild, severe) in enumerate(PAIRS_OF_LEVELS):
        found = chosen.predictions.get(choice_id(photo, kind, mild, severe))
        if found is None or found.problem is not None:
            return ()
        hits.append(found.text == ("A" if index % 2 else "B"))
    return tuple(hits)


def _subject(run: Run, suite: str, subject: str) -> SubjectRun | None:
    found = next((one for one in run.suites if one.info.name == suite), None)
    return found.subject(subject) if found else None


def summarise(subject: str, series: Sequence[Series], clean: Sequence[CleanResult], seed: int) -> Judging:
    """Means and intervals over photos, per type and over all; InputError if there is nothing to average."""
    if not series:
        raise InputError("no judged photo to average; score the harmed photos at every severity first")
    types = list(dict.fromkeys(one.type for one in series))
    rows = [_row(one, [s for s in series if s.type == one], seed) for one in types]
    restored = [one.psnr_db for one in clean if one.psnr_db is not None]
    return Judging(
        subject=subject,
        rows=(*rows, _row("all", series, seed)),
        named_by_severity=tuple(
            _share([(s.photo, s.named[place] == s.type) for s in series], seed)
            for place in range(len(LEVELS))
        ),
        called={one: dict(Counter(n for s in series if s.type == one for n in s.named)) for one in types},
        clean_psnr_db=mean_with_interval(restored, seed) if restored else None,
        called_clean=(
            mean_with_interval([float(one.named == NOTHING) for one in clean], seed) if clean else None
        ),
    )


def _row(title: str, series: Sequence[Series], seed: int) -> JudgingRow:
    compared = [(s.photo, hit) for s in series for hit in s.worse_by_compare]
    return JudgingRow(
        type=title,
        named_correctly=_share([(s.photo, name == s.type) for s in series for name in s.named], seed),
        rank_agreement=mean_with_interval(
            [s.rank_agreement for s in series], seed, [s.photo for s in series]
        ),
        worse_by_compare=_share(compared, seed) if compared else None,
        worse_by_score=_share([(s.photo, hit) for s in series for hit in s.worse_by_score], seed),
    )


def _share(hits: Sequence[tuple[str, bool]], seed: int) -> MeanInterval:
    """Share of hits among (photo, hit), its interval drawn over photos."""
    return mean_with_interval([float(hit) for _, hit in hits], seed, [photo for photo, _ in hits])
