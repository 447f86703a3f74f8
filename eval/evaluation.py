"""A run from its options to its records: list, predict, score, and say what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eval.adapters.classical import classical_subjects
from eval.adapters.elsewhere import FolderSubject
from eval.adapters.judge import judge_subject
from eval.adapters.measures import PicturesThemselves
from eval.adapters.model import ModelSubject, model_subject
from eval.adapters.peers import peer_subjects
from eval.adapters.prompting import prompted_subjects
from eval.adapters.subject import Contender, Subject
from eval.environment import git_hash, package_versions
from eval.gauges import Gauges
from eval.journal import fold
from eval.metrics.rows import Metric
from eval.metrics.table import default_metrics, find_metrics
from eval.options import DEFAULT_MODEL, Named, Options, check_baselines, check_names
from eval.quoted import Quoted, check_quoted, read_quoted, write_quoted
from eval.ranks import Ranks
from eval.records import (
    MADE_ELSEWHERE,
    MEASURES,
    OWN_SCORE,
    RESTORE,
    SCORE,
    Item,
    MetricInfo,
    Run,
    RunInfo,
    SubjectInfo,
    SuiteInfo,
    read_lines,
    read_run,
    read_run_info,
    write_lines,
    write_run_info,
)
from eval.runner import predict_suite, score_suite
from eval.suites.items import data_digest, list_items
from eval.suites.suite import Request, Suite
from eval.suites.table import suites_named
from uare.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A suite as it was found on disk."""

    info: SuiteInfo
    items: tuple[Item, ...]
    problems: tuple[str, ...]


def evaluate(options: Options, ranks: Ranks) -> Run | None:
    """Does what the options ask for; gives the run in the process that leads, None in the others.

    Raises InputError for options that make no sense and where not one item is there.
    """
    metrics = default_metrics() if options.metrics is None else find_metrics(options.metrics)
    gauges = Gauges(options.metric_weights)
    quoted = read_quoted(options.quoted) if options.quoted else {}
    if options.score_only:
        listed, subjects = _recorded(options)
        problems: list[str] = []
    else:
        listed, subjects, problems = _predict(options, ranks)
    if ranks.leads:
        subjects += _write_quoted(quoted, options, listed)
    protocols = [OWN_SCORE, *(metric.id for metric in metrics)]
    for suite in listed:
        folder = options.output / suite.info.name
        folders = [folder / one.folder for one in subjects if (folder / one.folder).is_dir()]
        _fold(folders, suite.items, protocols, ranks)
        score_suite(suite.items, folders, metrics, gauges, ranks)
        ranks.wait()
        _fold(folders, suite.items, protocols, ranks)
    if not ranks.leads:
        return None
    info = RunInfo(
        command=options.command,
        git_hash=git_hash(),
        versions=package_versions(),
        seed=options.seed,
        limit=options.limit,
        suites=tuple(suite.info for suite in listed),
        subjects=tuple(subjects),
        metrics=tuple(gauges.info(metric) for metric in metrics),
        problems=tuple(problem for suite in listed for problem in suite.problems) + tuple(problems),
    )
    write_run_info(info, options.output)
    run = read_run(options.output)
    problems = [*_failures(run), *check_quoted(run, quoted)]
    infos = tuple(_tried(metric, run, gauges) for metric in metrics)
    problems += [f"{one.id} is unavailable: {one.unavailable}" for one in infos if one.unavailable]
    info = replace(info, metrics=infos, problems=(*info.problems, *problems))
    write_run_info(info, options.output)
    return replace(run, info=info)


def _predict(options: Options, ranks: Ranks) -> tuple[list[Listed], list[SubjectInfo], list[str]]:
    """Lists every suite and predicts; the suites, all subjects, a sentence for each that had to be idle."""
    suites = suites_named(options.suites)
    contenders, problems = _contenders(options, ranks)
    infos: dict[str, SubjectInfo] = {}
    busy: set[str] = set()
    listed = [ranks.share(_list(suite, options) if ranks.leads else None) for suite in suites]
    if not any(suite.items for suite in listed):
        raise InputError(
            " ".join(["no item of any suite could be used."] + [p for s in listed for p in s.problems])
        )
    for suite in listed:
        folder = options.output / suite.info.name
        subjects: list[Subject] = [make(suite.info.name, suite.items) for make in contenders]
        if suite.info.kind == SCORE:
            subjects.append(PicturesThemselves())
        infos |= {one.info.name: one.info for one in subjects}
        meant = [one for one in subjects if any(one.takes(item) for item in suite.items)]
        busy |= {one.info.name for one in meant}
        _fold([folder / one.info.folder for one in meant], suite.items, [], ranks)
        predict_suite(suite.items, meant, folder, ranks)
        ranks.wait()
        _fold([folder / one.info.folder for one in meant], suite.items, [], ranks)
    problems += [
        f"{one.name}: {one.source} holds no result for any item of this run; name them like the inputs"
        for one in infos.values()
        if one.kind == MADE_ELSEWHERE and one.name not in busy
    ]
    return listed, list(infos.values()), problems


def _list(suite: Suite, options: Options) -> Listed:
    """Lists a suite and writes its items; one whose data is missing has none, and says where to get it."""
    folder = options.output / suite.name
    request = Request(data_root=options.data_root, limit=options.limit, made_dir=folder / "made")
    info = SuiteInfo(
        name=suite.name,
        title=suite.title,
        kind=suite.kind,
        num_items=0,
        num_listed=0,
        groups=(),
        data_sha256=data_digest(()),
        missing=None,
    )
    try:
        listing = list_items(suite, request)
    except InputError as error:
        missing = (
            f"{suite.name} was left out: {error}; get it from {suite.where_to_get}; expected in "
            f"{options.data_root}: {suite.layout} (eval/DATASETS.md)"
        )
        return Listed(info=replace(info, missing=missing), items=(), problems=(missing,))
    write_lines(folder / "items.jsonl", listing.items)
    return Listed(
        info=replace(
            info,
            num_items=len(listing.items),
            num_listed=listing.num_listed,
            groups=tuple(dict.fromkeys(item.group for item in listing.items)),
            data_sha256=data_digest(listing.items),
            notes=listing.notes,
        ),
        items=listing.items,
        problems=listing.problems,
    )


def _recorded(options: Options) -> tuple[list[Listed], list[SubjectInfo]]:
    """The suites and subjects of the run in the output folder, without looking at the data again."""
    info = read_run_info(options.output)
    wanted = None if options.suites is None else {suite.name for suite in suites_named(options.suites)}
    listed = [
        Listed(
            info=suite,
            items=tuple(read_lines(options.output / suite.name / "items.jsonl", Item)),
            problems=() if suite.missing is None else (suite.missing,),
        )
        for suite in info.suites
        if wanted is None or suite.name in wanted
    ]
    return listed, list(info.subjects)


def _contenders(options: Options, ranks: Ranks) -> tuple[list[Contender], list[str]]:
    """What the options name, in the order of tables (baselines to judges), and what is left out."""
    check_baselines(options.baselines)
    peers, problems = peer_subjects(options.baselines, options.peer_weights)
    baselines: list[Subject] = [*classical_subjects(options.baselines), *peers]
    models = _models(options, ranks)
    judges = [judge_subject(one.name, one.source, DEFAULT_MODEL) for one in options.judges]
    elsewhere = [(one.name or Path(one.source).name, Path(one.source)) for one in options.predictions]
    check_names(
        [one.info.name for one in (*baselines, *models, *judges)]
        + [name for name, _ in elsewhere]
        + [MEASURES]
    )

    def always(subject: Subject) -> Contender:
        return lambda suite, items: subject

    def folder(name: str, path: Path) -> Contender:
        return lambda suite, items: FolderSubject(name, path, suite, items)

    contenders = [
        *(always(one) for one in baselines),
        *(folder(name, path) for name, path in elsewhere),
        *(always(one) for one in models),
        *(always(one) for one in judges),
    ]
    return contenders, problems


def _models(options: Options, ranks: Ranks) -> list[Subject]:
    """Each model as users meet it, and by other words where that was asked for."""

    def loaded(one: Named) -> ModelSubject:
        return model_subject(one.source, one.name, options.seed, ranks.local_index)

    analyst = loaded(options.analyst) if options.analyst else None
    models: list[Subject] = []
    for model in map(loaded, options.models):
        models += [model, *(prompted_subjects(model, analyst) if options.simple_prompt else [])]
    return models


def _fold(folders: Sequence[Path], items: Sequence[Item], protocols: Sequence[str], ranks: Ranks) -> None:
    if ranks.leads:
        for folder in folders:
            fold(folder, items, protocols)
    ranks.wait()


def _write_quoted(quoted: Quoted, options: Options, listed: Sequence[Listed]) -> list[SubjectInfo]:
    """Writes the quoted values of every suite that restores; each quoted subject once."""
    found: dict[str, SubjectInfo] = {}
    for suite in listed:
        if suite.info.kind == RESTORE:
            folder = options.output / suite.info.name
            source = str(options.quoted)
            found |= {one.name: one for one in write_quoted(quoted, source, suite.items, folder)}
    return list(found.values())


def _failures(run: Run) -> list[str]:
    """A sentence for each prediction and each value that failed."""
    problems = []
    for suite in run.suites:
        for subject in suite.subjects:
            where = f"{suite.info.name}, {subject.info.name}"
            problems += [
                f"{where}, {one.item}: {one.problem}" for one in subject.predictions.values() if one.problem
            ]
            problems += [
                f"{where}, {one.item}, {one.protocol}: {one.problem}"
                for one in subject.scores.values()
                if one.problem
            ]
    return problems


def _tried(metric: Metric, run: Run, gauges: Gauges) -> MetricInfo:
    """The metric as it was used; one without any value is tried here, to know why."""
    has_value = any(
        protocol == metric.id
        for suite in run.suites
        for subject in suite.subjects
        for _, protocol in subject.scores
    )
    if not has_value:
        gauges.can(metric)
    return gauges.info(metric)
