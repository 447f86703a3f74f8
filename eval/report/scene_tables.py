"""Results by what the pictures show, because averages hide losses."""

from __future__ import annotations

from collections.abc import Sequence

from eval.records import MADE_ELSEWHERE, MODEL, RESTORE, Item, MetricInfo, Run, SubjectRun, SuiteRun
from eval.report.differences import NOTE, verdict_mark
from eval.report.means import compare_values, marked_means, measured_metrics, metric_column, values_of
from eval.report.model import Cell, Column, Section, Table, count, mean, word
from eval.scenes import SceneFile, Scenes, scenes_of

NO_KIND = "nothing named"
NUM_METRICS = 2  # tables to read at once: one metric with a reference and one without; the rest are details


def scene_section(run: Run, file: SceneFile | None) -> Section | None:
    """The tables of every restoring suite of which more than one kind is known; None if there is none."""
    tables: list[Table] = []
    details: list[Table] = []
    for suite in run.suites:
        scenes = scenes_of(suite, file)
        if suite.info.kind != RESTORE or len({kind for kinds in scenes.values() for kind in kinds}) < 2:
            continue
        metrics = _telling_first(measured_metrics(suite, run.info.metrics))
        by_metric = [_table(suite, scenes, metric, run.info.seed) for metric in metrics]
        lost = [row for metric in metrics for row in _hidden(suite, scenes, metric, run.info.seed)]
        tables.append(_hidden_table(suite, lost))
        tables += by_metric[:NUM_METRICS]
        details += by_metric[NUM_METRICS:]
    if not tables:
        return None
    return Section(
        id="scenes",
        title="By what the pictures show",
        text=(
            "A picture may be of several kinds and counts in each. Who is ahead on average may be behind in "
            "a kind of pictures: such cases stand first.",
        ),
        tables=tuple(tables),
        details=tuple(details),
    )


def _members(suite: SuiteRun, scenes: Scenes) -> dict[str, list[Item]]:
    """Kind -> its pictures, the largest kinds first, pictures without any last."""
    members: dict[str, list[Item]] = {}
    for item in suite.items:
        for kind in scenes[item.id] or (NO_KIND,):
            members.setdefault(kind, []).append(item)
    return dict(sorted(members.items(), key=lambda entry: (entry[0] == NO_KIND, -len(entry[1]))))


def _telling_first(metrics: Sequence[MetricInfo]) -> list[MetricInfo]:
    """One metric with a reference, one without, then the others."""
    first = [next((one for one in metrics if one.needs_reference is needs), None) for needs in (True, False)]
    ahead = [one for one in first if one]
    return [*ahead, *(one for one in metrics if one not in ahead)]


def _table(suite: SuiteRun, scenes: Scenes, metric: MetricInfo, seed: int) -> Table:
    subjects = [one for one in suite.subjects if values_of(one, suite.items, metric.id)]
    better = metric_column(metric).better
    columns = [Column(name="kind"), Column(name="n")]
    columns += [Column(name=one.info.name, better=better) for one in subjects]
    rows = []
    for kind, items in {"all": list(suite.items), **_members(suite, scenes)}.items():
        cells = marked_means(subjects, items, metric, seed)
        rows.append((word(kind), count(len(items)), *cells))
    title = f"{suite.info.title}: {metric.id} by kind"
    notes = ("In each row, the best is bold and = marks its ties.",)
    return Table(title=title, columns=tuple(columns), rows=tuple(rows), notes=notes)


def _hidden(suite: SuiteRun, scenes: Scenes, metric: MetricInfo, seed: int) -> list[tuple[Cell, ...]]:
    """Kinds in which a model is worse than another subject, although over all pictures it is not.

    Only where the interval there leaves zero out: what may be chance is no loss.
    """
    rows: list[tuple[Cell, ...]] = []
    members = _members(suite, scenes)
    for a in suite.subjects:
        if a.info.kind not in (MODEL, MADE_ELSEWHERE):
            continue
        for b in suite.subjects:
            overall = _difference(a, b, suite.items, metric, seed)
            if a is b or overall.value is None or overall.mark == "worse":
                continue
            for kind, items in members.items():
                there = _difference(a, b, items, metric, seed)
                if there.mark == "worse":
                    head = (word(a.info.name), word(b.info.name), word(metric.id), word(kind))
                    rows.append((*head, count(len(items)), overall, there))
    return rows


def _difference(a: SubjectRun, b: SubjectRun, items: Sequence[Item], metric: MetricInfo, seed: int) -> Cell:
    """Mean of a - b, turned so that above zero a is better; marked where its interval leaves zero out."""
    of_a, of_b = (values_of(one, items, metric.id) for one in (a, b))
    found = compare_values(of_a, of_b, items, metric, seed)
    return word("–") if found is None else mean(found.difference, metric.decimals, verdict_mark(found))


def _hidden_table(suite: SuiteRun, rows: Sequence[tuple[Cell, ...]]) -> Table:
    columns = ("subject", "against", "metric", "kind", "n", "difference over all", "difference there")
    return Table(
        title=f"{suite.info.title}: what the average hides",
        columns=tuple(Column(name=name) for name in columns),
        rows=tuple(rows),
        notes=(NOTE,) if rows else ("No kind of pictures turns the average round.",),
    )
