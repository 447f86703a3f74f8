"""Tables of judges against people: models that score pictures, and metrics beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eval.correlations import Agreement, Correlation, agreement, is_tie, ordered_share, srcc
from eval.records import MEASURES, OWN_SCORE, Item, MetricInfo, SubjectRun, SuiteRun
from eval.report.means import source_of
from eval.report.model import Cell, Column, Mark, Point, Scatter, Table, count, estimate, number, word

NUM_BINS = 5  # equal parts of the range of opinions, as in FGRestore's table 2
LEAST_IN_BIN = 10  # a handful of pictures often agree or disagree fully
DECIMALS = 3
LEAST_POINTS = 5  # fewer show nothing
MOST_POINTS = 1500  # of a cloud; more only make the page heavy


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Whoever scored pictures; higher scores are better here, whatever the metric's own direction."""

    name: str
    kind: str
    about: str
    scores: dict[str, float]  # by item
    num_failed: int  # pictures without a score


def judges_of(suite: SuiteRun, metrics: Sequence[MetricInfo]) -> list[Judge]:
    """The subjects by their own scores, then the metrics by theirs."""
    judges = [
        _judge(one.info.name, one.info.kind, "its own score", 1, one, OWN_SCORE, suite.items)
        for one in suite.subjects
        if one.info.name != MEASURES
    ]
    measures = suite.subject(MEASURES)
    for metric in metrics if measures else ():
        assert measures is not None
        sign = 1 if metric.higher_is_better else -1
        judges.append(_judge(metric.id, "metric", metric.protocol, sign, measures, metric.id, suite.items))
    return [one for one in judges if one.scores]


def judge_tables(
    suite: SuiteRun, metrics: Sequence[MetricInfo], seed: int
) -> tuple[list[Table], list[Table]]:
    """The tables of groups, then those of tags and of parts of the scale.

    Groups are never put together: people gave their opinions of each on a scale of its own.
    """
    judges = judges_of(suite, metrics)
    tables, details = [], []
    for title, items in _rated_groups(suite):
        tables.append(_table(judges, items, f"{title} (n = {len(items)})", seed))
        details += [
            _bins(judges, items, f"{title}: SRCC within equal parts of the range of opinions", srcc),
            _bins(
                judges, items, f"{title}: share of couples ordered alike within these parts", ordered_share
            ),
        ]
        for tag in dict.fromkeys(tag for item in items for tag in item.tags):
            tagged = [item for item in items if tag in item.tags]
            if 1 < len(tagged) < len(items):
                details.append(_table(judges, tagged, f"{title}: {tag} (n = {len(tagged)})", seed))
    return tables, details


def _rated_groups(suite: SuiteRun) -> list[tuple[str, list[Item]]]:
    """The pictures of each group that have an opinion, with a title, where there are at least two."""
    groups: dict[str, list[Item]] = {}
    for item in suite.items:
        if item.mos is not None:
            groups.setdefault(item.group, []).append(item)
    rated = {name: items for name, items in groups.items() if len(items) > 1}
    several = len(groups) > 1
    return [
        (f"{suite.info.title}: {name}" if several else suite.info.title, items)
        for name, items in rated.items()
    ]


def judge_plots(suite: SuiteRun, metrics: Sequence[MetricInfo]) -> tuple[Scatter, ...]:
    """Scores against opinions, for each group and each subject that scored it."""
    plots = []
    for title, items in _rated_groups(suite):
        for judge in judges_of(suite, metrics):
            points = [
                Point(name=item.id, series=judge.name, x=judge.scores[item.id], y=item.mos)
                for item in items
                if item.id in judge.scores and item.mos is not None
            ]
            if judge.kind == "metric" or len(points) < LEAST_POINTS:
                continue
            shown = tuple(points[:: -(-len(points) // MOST_POINTS)])
            plots.append(
                Scatter(
                    title=f"{title}: {len(shown)} of {len(points)} pictures",
                    x_name=f"score by {judge.name}",
                    y_name="mean opinion of people",
                    points=shown,
                    named=False,
                )
            )
    return tuple(plots)


def _judge(
    name: str,
    kind: str,
    about: str,
    sign: int,
    subject: SubjectRun,
    protocol: str,
    items: Sequence[Item],
) -> Judge:
    found = {item.id: subject.value(item.id, protocol) for item in items if item.mos is not None}
    scores = {item: sign * value for item, value in found.items() if value is not None}
    return Judge(name=name, kind=kind, about=about, scores=scores, num_failed=len(found) - len(scores))


def _table(judges: Sequence[Judge], items: Sequence[Item], title: str, seed: int) -> Table:
    columns = (
        Column(name="judge"),
        Column(name="kind"),
        Column(name="n", about="pictures with a score and an opinion"),
        Column(name="no score", about="pictures without a score: left out, never guessed"),
        Column(name="SRCC", about="Spearman's rank correlation", better="higher"),
        Column(name="PLCC raw", about="Pearson's correlation of the scores as they are", better="higher"),
        Column(name="PLCC fitted", about="after a logistic curve of 4 parameters", better="higher"),
        Column(name="KRCC", about="Kendall's tau-b", better="higher"),
    )
    kept = [one for one in judges if sum(item.id in one.scores for item in items) > 1]
    found = [agreement_over(one.scores, items, seed) for one in kept]
    marks = _marks([one.srcc for one in found], [one.num_scores for one in found])
    rows = []
    for judge, one, mark in zip(kept, found, marks, strict=True):
        missing = len(items) - one.num_scores
        rows.append(
            (
                word(judge.name),
                word(judge.kind),
                count(one.num_scores),
                count(missing, "warning" if missing else ""),
                correlation_cell(one.srcc, one.num_scores, mark),
                correlation_cell(one.plcc_raw, one.num_scores),
                correlation_cell(one.plcc_log4, one.num_scores),
                correlation_cell(one.krcc, one.num_scores),
            )
        )
    notes = (
        "Metrics for which lower is better are turned round first: a positive value agrees with people.",
    )
    return Table(title=title, columns=columns, rows=tuple(rows), notes=notes)


def agreement_over(scores: Mapping[str, float], items: Sequence[Item], seed: int) -> Agreement:
    """How scores by item agree with the opinions of those items that have both."""
    both = [item for item in items if item.id in scores and item.mos is not None]
    return agreement(
        [scores[item.id] for item in both],
        [item.mos for item in both if item.mos is not None],
        seed,
        [source_of(item) for item in both],
    )


def _marks(found: Sequence[Correlation], counts: Sequence[int]) -> list[Mark]:
    """Best and ties among the judges of the most pictures."""
    fullest = max(counts, default=0)
    candidates = [
        place
        for place, (one, num_scores) in enumerate(zip(found, counts, strict=True))
        if num_scores == fullest and not math.isnan(one.value)
    ]
    marks: list[Mark] = [""] * len(found)
    if len(candidates) > 1:
        best = max(candidates, key=lambda place: found[place].value)
        for place in candidates:
            if place == best:
                marks[place] = "best"
            elif is_tie(found[best], found[place]):
                marks[place] = "tie"
    return marks


def correlation_cell(found: Correlation, num_scores: int, mark: Mark = "") -> Cell:
    """A coefficient with its interval where one was drawn; a dash where it is undefined."""
    if math.isnan(found.value):
        return word("–")
    ends = None if found.low is None or found.high is None else (found.low, found.high)
    return estimate(found.value, ends, DECIMALS, num_scores, mark)


def _bins(
    judges: Sequence[Judge],
    items: Sequence[Item],
    title: str,
    measure: Callable[[Sequence[float], Sequence[float]], float],
) -> Table:
    """A measure of agreement among pictures of about the same quality, harder than over the whole scale.

    The form of FGRestore's table 2; parts with fewer than `LEAST_IN_BIN` pictures have no value. A narrow
    range alone lowers a correlation and not the share of couples: both stand side by side.
    """
    opinions = {item.id: item.mos for item in items if item.mos is not None}
    edges = np.linspace(min(opinions.values()), max(opinions.values()), NUM_BINS + 1)
    bin_of = {
        item: min(int(np.searchsorted(edges, opinion, side="right")) - 1, NUM_BINS - 1)
        for item, opinion in opinions.items()
    }
    names = [
        f"[{place / NUM_BINS:.1f}, {(place + 1) / NUM_BINS:.1f}] (n = {list(bin_of.values()).count(place)})"
        for place in range(NUM_BINS)
    ]
    names.append(f"overall (n = {len(bin_of)})")
    columns = [Column(name="judge"), *(Column(name=name, better="higher") for name in names)]
    rows = []
    for judge in judges:
        cells = []
        for place in (*range(NUM_BINS), None):
            inside = [item for item, bin in bin_of.items() if place in (None, bin) and item in judge.scores]
            value = measure([judge.scores[item] for item in inside], [opinions[item] for item in inside])
            is_known = len(inside) >= LEAST_IN_BIN and not math.isnan(value)
            cell = number(value if is_known else None, DECIMALS)
            cells.append(Cell(text=cell.text, value=cell.value, n=len(inside)))
        rows.append((word(judge.name), *cells))
    return Table(
        title=title,
        columns=tuple(columns),
        rows=tuple(rows),
    )
