"""The gaming probes over a run: what harmful edits of its own pictures buy, and whose gains look like that.

Pictures are taken evenly from the suites that restore: references where there are any, else inputs. What was
measured stands in `probes.json` and is measured again only for other pictures, metrics or versions.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from eval.adapters.subject import text_digest
from eval.baselines import BICUBIC, IDENTITY
from eval.gauges import Gauges
from eval.intervals import MeanInterval
from eval.item_pictures import read_input, read_reference
from eval.metrics import Array
from eval.metrics.rows import Metric
from eval.metrics.table import METRICS
from eval.probes import PROBES, ProbedMetric, Suspicion, exploitability, probe_metrics, suspicion
from eval.progress import Progress
from eval.records import MADE_ELSEWHERE, MODEL, RESTORE, Item, Run, SubjectRun, SuiteRun
from eval.report.model import Cell, Column, Section, Table, mean, number, word
from uare.errors import InputError
from uare.writing import write_atomically

FILE = "probes.json"
MOST_PICTURES = 24
RECIPE = "1"  # counted up when an edit changes


def probes_section(run: Run, weights: Path | None) -> Section | None:
    """The section of the report; None without a no-reference metric or with too few pictures."""
    metrics = _metrics(run)
    probed = _probed(run, metrics, weights)
    if not probed:
        return None
    flagged = _suspicions(run, metrics, probed)
    tables = [_exploitability_table(probed, metrics), *([_flags_table(flagged)] if flagged else [])]
    return Section(
        id="probes",
        title="Can the metrics be gamed?",
        text=(
            "Each metric without a reference is measured before and after edits that harm a picture. A gain "
            "of 1 spread lifts the average picture by one standard deviation of honest ones.",
            "No model's gains look like gaming."
            if not flagged
            else "Some gains should not be taken as such.",
        ),
        tables=tuple(tables),
        details=(_gains_table(probed),),
    )


def _metrics(run: Run) -> list[Metric]:
    usable = {one.id for one in run.info.metrics if one.unavailable is None}
    return [metric for metric in METRICS if metric.id in usable]


def _probed(run: Run, metrics: Sequence[Metric], weights: Path | None) -> list[ProbedMetric]:
    blind = [metric for metric in metrics if not metric.needs_reference]
    items = _chosen([item for one in run.suites if one.info.kind == RESTORE for item in one.items])
    if not blind or not items:
        return []
    facts = [(item.id, item.lq_sha256, item.gt_sha256, item.crop) for item in items]
    digest = text_digest(facts, [(one.id, one.version) for one in blind], run.info.seed, RECIPE)
    known = _read(run.folder / FILE, digest)
    if known is not None:
        return known
    gauges = Gauges(weights)
    usable = [metric for metric in blind if gauges.can(metric)]
    pictures = _pictures(items)
    progress = Progress("probing metrics", len(usable) * len(pictures) * 2 * len(PROBES), shown=True)

    def measure(metric: Metric, picture: Array) -> float:
        progress.step(metric.id, worked=True)
        return gauges.measure(metric, picture, None)

    rows = probe_metrics(pictures, usable, measure, run.info.seed)
    content = json.dumps({"digest": digest, "rows": [dataclasses.asdict(row) for row in rows]}, indent=1)
    write_atomically(run.folder / FILE, lambda stream: stream.write(content.encode("utf-8")), overwrite=True)
    return rows


def _chosen(items: Sequence[Item]) -> list[Item]:
    """At most MOST_PICTURES, evenly spread."""
    step = max(1, -(-len(items) // MOST_PICTURES))
    return list(items[::step])


def _pictures(items: Sequence[Item]) -> dict[str, Array]:
    found = {}
    for place, item in enumerate(items):
        try:
            reference = read_reference(item)
            found[f"{place} {item.id}"] = read_input(item) if reference is None else reference
        except InputError:
            continue  # the suite's problems name it
    return found


def _read(path: Path, digest: str) -> list[ProbedMetric] | None:
    """What an earlier run measured of the same things, None if there is no such thing."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["digest"] != digest:
            return None
        return [
            ProbedMetric(
                **(
                    row
                    | {"gain": MeanInterval(**row["gain"])}
                    | {"structure_kept": MeanInterval(**row["structure_kept"])}
                )
            )
            for row in content["rows"]
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _suspicions(
    run: Run, metrics: Sequence[Metric], probed: Sequence[ProbedMetric]
) -> list[tuple[str, Suspicion]]:
    """Title of a suite and what is suspicious in it, for each model and each set of results."""
    found = []
    for suite in run.suites:
        baseline = suite.subject(BICUBIC) or suite.subject(IDENTITY)
        if suite.info.kind != RESTORE or baseline is None:
            continue
        for subject in suite.subjects:
            if subject.info.kind not in (MODEL, MADE_ELSEWHERE):
                continue
            flagged = suspicion(
                subject.info.name,
                _values(suite, subject),
                _values(suite, baseline),
                metrics,
                probed,
                run.info.seed,
            )
            if flagged is not None:
                found.append((suite.info.title, flagged))
    return found


def _values(suite: SuiteRun, subject: SubjectRun) -> dict[str, dict[str, float]]:
    """{metric id: {item: value}}"""
    values: dict[str, dict[str, float]] = {}
    for (item, protocol), score in subject.scores.items():
        if score.value is not None:
            values.setdefault(protocol, {})[item] = score.value
    return values


def _exploitability_table(probed: Sequence[ProbedMetric], metrics: Sequence[Metric]) -> Table:
    columns = [
        Column(name="metric"),
        Column(name="exploitability", about="most that one edit buys, in spreads", better="lower"),
        *(Column(name=one.name, about=f"gain in spreads by {one.about}") for one in PROBES),
    ]
    rows: list[tuple[Cell, ...]] = []
    for metric in metrics:
        by_probe = {row.probe: row for row in probed if row.metric == metric.id}
        if by_probe:
            cells = [_spreads(by_probe.get(one.name)) for one in PROBES]
            rows.append((word(metric.id), number(exploitability(probed, metric.id), 2), *cells))
    return Table(
        title="What a harmful edit buys",
        columns=tuple(columns),
        rows=tuple(rows),
        notes=("Marked: the metric pays for the edit, with its 95 % interval above zero.",),
    )


def _spreads(row: ProbedMetric | None) -> Cell:
    if row is None or row.gain_in_spreads is None:
        return Cell(text="–")
    return number(row.gain_in_spreads, 2, "warning" if row.is_rewarded else "")


def _gains_table(probed: Sequence[ProbedMetric]) -> Table:
    decimals = {metric.id: metric.decimals for metric in METRICS}
    rows = [
        (
            word(row.metric),
            word(row.probe),
            mean(row.gain, decimals[row.metric]),
            number(100 * row.share_rewarded, 0),
            mean(row.structure_kept, 3),
        )
        for row in probed
    ]
    names = ("metric", "edit", "gain in its unit", "pictures rewarded, %", "SSIM left")
    return Table(title="Edits in full", columns=tuple(Column(name=name) for name in names), rows=tuple(rows))


def _flags_table(flagged: Sequence[tuple[str, Suspicion]]) -> Table:
    rows = [
        (word(title), word(one.subject), word(reason, "warning"))
        for title, one in flagged
        for reason in one.reasons
    ]
    return Table(
        title="Gains to be looked at",
        columns=tuple(Column(name=name) for name in ("suite", "subject", "why")),
        rows=tuple(rows),
    )
