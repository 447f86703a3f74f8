"""Who is right about pairs that differ a little: accuracies and correlations as in FGRestore's table 3.

Works on the records of the suites `fgrestore-scores` and `fgrestore-pairs`; how pairs count that a judge or
people cannot tell apart stands in `eval.suites.fgrestore`. Tasks are averaged without weights, over those
that have a value: a metric that needs a reference has none where there is no reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from eval.correlations import plcc, srcc
from eval.intervals import MeanInterval, mean_with_interval
from eval.records import COMPARE, Item, Run, SubjectRun, SuiteRun
from eval.report.judges import Judge, judges_of
from eval.suites.fgrestore import NAME_MARK, ORIGIN
from uare.errors import InputError

SCORES, PAIRS = "fgrestore-scores", "fgrestore-pairs"  # suites
FIRST, EQUAL, SECOND = 1.0, 0.5, 0.0  # verdicts
VERDICT_OF = {"A": FIRST, "equal": EQUAL, "B": SECOND}  # in the text of a model's answer


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Shares of right verdicts; None where there is no pair to be right about."""

    over_all: float | None
    without_ties: float | None  # over pairs that people could tell apart


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """One judge on one task."""

    srcc: float | None = None  # within each origin, averaged by numbers of pictures
    plcc: float | None = None
    srcc_pooled: float | None = None  # over all origins at once, whose scales differ
    num_images: int = 0
    accuracy: MeanInterval | None = None  # over all pairs
    accuracy_without_ties: float | None = None
    num_pairs: int = 0


@dataclass(frozen=True, kw_only=True)
class JudgeResult:
    """One row of the table."""

    judge: str
    kind: str
    about: str
    tasks: dict[str, TaskResult]

    def average(self, name: str) -> float | None:
        """Plain mean over the tasks that have a value of this field of `TaskResult`."""
        values = [getattr(one, name) for one in self.tasks.values()]
        known = [one.mean if isinstance(one, MeanInterval) else one for one in values if one is not None]
        return float(np.mean(known)) if known else None


def pair_accuracy(predicted: Sequence[float], truth: Sequence[float]) -> Accuracy:
    """Exact matches of verdicts FIRST, EQUAL and SECOND; InputError where the lengths differ."""
    if len(predicted) != len(truth):
        raise InputError(f"found {len(predicted)} verdicts for {len(truth)} pairs, expected one each")
    right = [said == true for said, true in zip(predicted, truth, strict=True)]
    decided = [hit for hit, true in zip(right, truth, strict=True) if true != EQUAL]
    return Accuracy(
        over_all=float(np.mean(right)) if right else None,
        without_ties=float(np.mean(decided)) if decided else None,
    )


def verdict_of_lead(lead: float) -> float:
    """FIRST where the first is ahead, SECOND where the second is, EQUAL where neither is."""
    return FIRST if lead > 0 else SECOND if lead < 0 else EQUAL


def fine_grained(run: Run, tag: str | None = None) -> list[JudgeResult]:
    """A row for each judge of a run: what compares pairs, then what scores pictures, then metrics.

    tag: only items that carry it, such as those held out by content. Empty where the suites did not run.
    """
    pairs, scores = _suite(run, PAIRS, tag), _suite(run, SCORES, tag)
    rows: list[JudgeResult] = []
    if pairs is not None:
        rows += [_by_verdicts(one, pairs, run.info.seed) for one in pairs.subjects if one.predictions]
    if scores is not None:
        judges = judges_of(scores, run.info.metrics)
        rows += [_by_scores(one, scores, pairs, run.info.seed) for one in judges]
    return [row for row in rows if any(one.num_images or one.num_pairs for one in row.tasks.values())]


def _suite(run: Run, name: str, tag: str | None) -> SuiteRun | None:
    suite = next((one for one in run.suites if one.info.name == name), None)
    if suite is None:
        return None
    items = tuple(item for item in suite.items if tag is None or tag in item.tags)
    return SuiteRun(info=suite.info, items=items, subjects=suite.subjects) if items else None


def _by_verdicts(subject: SubjectRun, pairs: SuiteRun, seed: int) -> JudgeResult:
    """A subject that compared: its verdict over all pairs, and where it leans over those without ties."""
    tasks = {}
    for task, items in _by_task(pairs.items).items():
        found = {item.id: subject.predictions.get(item.id) for item in items}
        answered = [
            (item, one)
            for item, one in ((item, found[item.id]) for item in items)
            if one is not None and one.problem is None and one.score is not None
        ]
        verdicts = [VERDICT_OF.get(one.text or "", verdict_of_lead(one.score or 0)) for _, one in answered]
        leanings = [verdict_of_lead(one.score or 0) for _, one in answered]
        tasks[task] = _accuracies([item for item, _ in answered], verdicts, leanings, seed)
    return JudgeResult(judge=subject.info.name, kind="compares", about="both pictures at once", tasks=tasks)


def _by_scores(judge: Judge, scores: SuiteRun, pairs: SuiteRun | None, seed: int) -> JudgeResult:
    """A judge that scores: correlations with people's scores, and the sign of differences over pairs."""
    by_path = {item.lq: judge.scores[item.id] for item in scores.items if item.id in judge.scores}
    of_pairs = _by_task(pairs.items) if pairs else {}
    tasks = {}
    for task, items in _by_task(scores.items).items():
        known = [item for item in items if item.id in judge.scores and item.mos is not None]
        both = [item for item in of_pairs.get(task, []) if item.lq in by_path and item.gt in by_path]
        verdicts = [verdict_of_lead(by_path[item.lq] - by_path[str(item.gt)]) for item in both]
        of_task = _accuracies(both, verdicts, verdicts, seed)
        said = [judge.scores[item.id] for item in known]
        truth = [float(item.mos or 0) for item in known]
        origins = [_origin(item) for item in known]
        tasks[task] = TaskResult(
            srcc=_within(srcc, said, truth, origins),
            plcc=_within(plcc, said, truth, origins),
            srcc_pooled=_known(srcc(said, truth)),
            num_images=len(known),
            accuracy=of_task.accuracy,
            accuracy_without_ties=of_task.accuracy_without_ties,
            num_pairs=of_task.num_pairs,
        )
    kind = "metric" if judge.kind == "metric" else "scores"
    return JudgeResult(judge=judge.name, kind=kind, about=judge.about, tasks=tasks)


def _accuracies(
    items: Sequence[Item], verdicts: Sequence[float], leanings: Sequence[float], seed: int
) -> TaskResult:
    truth = [verdict_of_lead(item.mos or 0) for item in items]
    if not items:
        return TaskResult()
    right = [float(said == true) for said, true in zip(verdicts, truth, strict=True)]
    return TaskResult(
        accuracy=mean_with_interval(right, seed, [scene_of(item) for item in items]),
        accuracy_without_ties=pair_accuracy(leanings, truth).without_ties,
        num_pairs=len(items),
    )


def scene_of(item: Item) -> Hashable:
    """What an item shows: pairs of one scene depend on each other and are drawn together."""
    parts = item.id.split(NAME_MARK)
    return parts[2] if item.kind == COMPARE and len(parts) == 5 else item.lq_sha256


def _by_task(items: Sequence[Item]) -> dict[str, list[Item]]:
    groups: dict[str, list[Item]] = {}
    for item in items:
        if item.mos is not None:
            groups.setdefault(item.group, []).append(item)
    return groups


def _origin(item: Item) -> str:
    return next((tag for tag in item.tags if tag.startswith(ORIGIN)), "")


def _within(
    coefficient: Callable[[Sequence[float], Sequence[float]], float],
    said: Sequence[float],
    truth: Sequence[float],
    origins: Sequence[str],
) -> float | None:
    """A coefficient within each origin, averaged by the numbers of pictures; None where it is undefined."""
    values, weights = [], []
    for origin in dict.fromkeys(origins):
        places = [place for place, one in enumerate(origins) if one == origin]
        value = _known(coefficient([said[place] for place in places], [truth[place] for place in places]))
        if value is not None:
            values.append(value)
            weights.append(len(places))
    return float(np.average(values, weights=weights)) if values else None


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
