"""Which metrics and models take belonging blur for a fault, as a section of reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from eval.adapters.subject import text_digest
from eval.blur_context import (
    ContextCase,
    MetricContext,
    ModelContext,
    context_cases,
    judge_metric,
    judge_restored,
    scenes,
)
from eval.gauges import Gauges
from eval.intervals import MeanInterval
from eval.metrics import Array
from eval.metrics.rows import Metric
from eval.metrics.table import METRICS
from eval.pictures import read_picture
from eval.records import Run, SubjectRun, SuiteRun, picture_of
from eval.report.model import Column, Section, Table, mean, number, word
from eval.suites.blur_context import case_id
from uare.errors import InputError
from uare.writing import write_atomically

SUITE = "blur-context"
FILE = "blur_context.json"
RECIPE = "1"  # counted up when the cases change


def blur_context_section(run: Run, weights: Path | None) -> Section | None:
    """The section; None where the suite was not run."""
    suite = next((one for one in run.suites if one.info.name == SUITE and one.items), None)
    if suite is None:
        return None
    cases = context_cases(scenes())
    restorers = [row for one in suite.subjects for row in _restorer(run, suite, one, cases)]
    metrics = _metrics(run, weights, cases)
    tables = []
    if restorers:
        tables.append(_restorers_table(restorers))
    if metrics:
        tables.append(_metrics_table(metrics))
    if not tables:
        return None
    return Section(
        id=SUITE + "-probe",
        title="Blur that belongs to the photo",
        text=(
            "Backgrounds were put out of focus or panned on purpose. Beside each photo stand one with its "
            "background sharpened, and one with the blur on its subject: a judge that understands the photo "
            "prefers it to both, and a restorer leaves it alone.",
        ),
        tables=tuple(tables),
    )


def _restorer(
    run: Run, suite: SuiteRun, subject: SubjectRun, cases: Sequence[ContextCase]
) -> list[ModelContext]:
    """What a subject made of the photos; nothing if it lacks one of those in the run."""
    folder = run.folder / suite.info.name / subject.info.folder
    there = {item.id for item in suite.items}
    used = [case for case in cases if case_id(case) in there]
    restored: list[Array] = []
    for case in used:
        prediction = subject.predictions.get(case_id(case))
        file = picture_of(prediction, folder) if prediction else None
        if file is None:
            return []
        try:
            restored.append(read_picture(file))
        except InputError:
            return []
    return judge_restored(subject.info.name, restored, used, run.info.seed)


def _metrics(run: Run, weights: Path | None, cases: Sequence[ContextCase]) -> list[MetricContext]:
    usable = {one.id for one in run.info.metrics if one.unavailable is None}
    blind = [metric for metric in METRICS if metric.id in usable and not metric.needs_reference]
    digest = text_digest([(one.id, one.version) for one in blind], run.info.seed, RECIPE)
    known = _read(run.folder / FILE, digest)
    if known is not None:
        return known
    gauges = Gauges(weights)
    rows = [row for one in blind if gauges.can(one) for row in _judged(one, gauges, cases, run.info.seed)]
    content = json.dumps({"digest": digest, "rows": [asdict(row) for row in rows]}, indent=1)
    write_atomically(run.folder / FILE, lambda stream: stream.write(content.encode("utf-8")), overwrite=True)
    return rows


def _judged(metric: Metric, gauges: Gauges, cases: Sequence[ContextCase], seed: int) -> list[MetricContext]:
    return judge_metric(metric, lambda picture: gauges.measure(metric, picture, None), cases, seed)


def _read(path: Path, digest: str) -> list[MetricContext] | None:
    """What an earlier run measured by the same metrics, None if there is no such thing."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["digest"] != digest:
            return None
        return [
            MetricContext(**(row | {"punishes_by": MeanInterval(**row["punishes_by"])}))
            for row in content["rows"]
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _restorers_table(rows: Sequence[ModelContext]) -> Table:
    return Table(
        title="What restorers make of it",
        columns=(
            Column(name="subject"),
            Column(name="blur"),
            Column(name="detail of the background", about="strength after over before; 1: left alone"),
            Column(name="mended, %", about="photos whose background was sharpened", better="lower"),
        ),
        rows=tuple(
            (word(one.subject), word(one.kind), mean(one.added, 3), number(100 * one.mends, 0))
            for one in rows
        ),
    )


def _metrics_table(rows: Sequence[MetricContext]) -> Table:
    decimals = {metric.id: metric.decimals for metric in METRICS}
    return Table(
        title="What metrics make of it",
        columns=(
            Column(name="metric"),
            Column(name="blur"),
            Column(name="punished, %", about="photos that score lower than sharpened ones", better="lower"),
            Column(name="gain by sharpening", about="in the unit of the metric"),
            Column(name="sees harm, %", about="photos that score higher than harmed ones", better="higher"),
        ),
        rows=tuple(
            (
                word(one.metric),
                word(one.kind),
                number(100 * one.punishes, 0),
                mean(one.punishes_by, decimals[one.metric]),
                number(100 * one.sees_harm, 0),
            )
            for one in rows
        ),
    )
