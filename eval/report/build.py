"""From a run's records to its report: which sections there are, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

from eval.records import PEER, QUOTED, RESTORE, MetricInfo, Run, SuiteInfo, SuiteRun
from eval.report.cases import gallery
from eval.report.differences import difference_table
from eval.report.judges import judge_plots, judge_tables
from eval.report.means import mean_tables
from eval.report.model import Column, Report, Section, Table, count, word
from eval.report.plots import restoring_plots
from eval.report.scene_tables import scene_section
from eval.scenes import SceneFile, scenes_of, unknown_pictures


def build_report(run: Run, extra: Sequence[Section] = (), scenes: SceneFile | None = None) -> Report:
    """The report of a run: an overview, the suites, by scene, what analyses add, and the metrics.

    In a partial run every table says so.
    """
    ran = [suite for suite in run.suites if suite.items]
    by_scene = scene_section(run, scenes)
    sections = [
        _overview(run),
        *(_suite_section(suite, run, scenes) for suite in ran),
        *([by_scene] if by_scene else []),
        *extra,
        _metrics_section(run.info.metrics),
    ]
    of_scenes = (*scenes.problems, *unknown_pictures(run, scenes)) if scenes else ()
    models = [one.name for one in run.info.subjects if one.source and one.kind not in (PEER, QUOTED)]
    titles = ", ".join(dict.fromkeys(models)) or ", ".join(suite.info.title for suite in ran)
    report = Report(
        title=f"Evaluation of {titles}" if titles else "Evaluation",
        command=run.info.command,
        git_hash=run.info.git_hash,
        versions=run.info.versions,
        seed=run.info.seed,
        partial=partial_run(run),
        data_sha256={suite.info.name: suite.info.data_sha256 for suite in ran},
        sections=tuple(sections),
        problems=(*run.info.problems, *of_scenes),
    )
    return report.with_partial_notes()


def partial_run(run: Run) -> str | None:
    """A sentence for tables of a run that was limited, None for a full one."""
    if run.info.limit is None:
        return None
    return (
        f"Partial run: at most {run.info.limit} pictures of each group (--limit {run.info.limit}); "
        "not comparable with full runs."
    )


def _overview(run: Run) -> Section:
    columns = ("suite", "kind", "pictures", "listed", "groups", "state")
    rows = []
    for suite in run.info.suites:
        whole = "complete" if suite.num_items == suite.num_listed else "partial"
        state = word(suite.missing, "warning") if suite.missing else word(whole)
        rows.append(
            (
                word(suite.title),
                word("restores" if suite.kind == RESTORE else "judges"),
                count(suite.num_items),
                count(suite.num_listed),
                count(len(suite.groups)),
                state,
            )
        )
    table = Table(title="Suites", columns=tuple(Column(name=name) for name in columns), rows=tuple(rows))
    return Section(id="overview", title="What ran", tables=(table,))


def _suite_section(suite: SuiteRun, run: Run, scenes: SceneFile | None) -> Section:
    metrics, seed = run.info.metrics, run.info.seed
    if suite.info.kind == RESTORE:
        tables, details = mean_tables(suite, metrics, seed)
        paired = difference_table(suite, metrics, seed)
        details = [*([paired] if paired else []), *details]
        found = gallery(suite, metrics, run.folder, scenes_of(suite, scenes))
        plots = restoring_plots(suite, metrics)
    else:
        tables, details = judge_tables(suite, metrics, seed)
        found, plots = None, judge_plots(suite, metrics)
    return Section(
        id=suite.info.name,
        title=suite.info.title,
        text=(*_left_out(suite.info), *suite.info.notes),
        tables=tuple(tables),
        details=tuple(details),
        plots=plots,
        gallery=found,
    )


def _left_out(suite: SuiteInfo) -> tuple[str, ...]:
    if suite.num_items == suite.num_listed:
        return ()
    return (f"{suite.num_items} of {suite.num_listed} listed pictures were used.",)


def _metrics_section(metrics: Sequence[MetricInfo]) -> Section:
    """Every metric that was asked for, those that could not be measured with the reason."""
    columns = ("metric", "name", "better", "range", "reference", "version", "protocol", "unavailable")
    rows = tuple(
        (
            word(one.id),
            word(one.name + (f", {one.unit}" if one.unit else "")),
            word("higher" if one.higher_is_better else "lower"),
            word(f"{_end(one.lowest)} to {_end(one.highest)}"),
            word("needed" if one.needs_reference else "no"),
            word(one.version),
            word(one.protocol),
            word(one.unavailable, "warning") if one.unavailable else word(""),
        )
        for one in metrics
    )
    table = Table(title="Protocols", columns=tuple(Column(name=name) for name in columns), rows=rows)
    return Section(
        id="metrics",
        title="Metrics",
        text=("One name under two recipes is two metrics: values of different ids must not be compared.",),
        tables=(table,),
    )


def _end(value: float | None) -> str:
    return "open" if value is None else f"{value:g}"
