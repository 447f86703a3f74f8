"""How metrics agree with each other and with votes over a run, as a section of its report."""

from __future__ import annotations

from collections.abc import Sequence

from data.votes import Vote
from eval.agreement import MetricPair, VoteAgreement, metric_pairs, with_votes
from eval.records import QUOTED, RESTORE, Run, SuiteRun
from eval.report.model import Cell, Column, Section, Table, count, number, word

Values = dict[str, dict[tuple[str, str], float]]
DECIMALS = 2


def agreement_section(run: Run, votes: Sequence[Vote]) -> Section | None:
    """A matrix for each suite that restores, and the votes beside it; None where nothing can be compared."""
    tables: list[Table] = []
    details: list[Table] = []
    for suite in run.suites:
        if suite.info.kind != RESTORE:
            continue
        values = values_of_suite(suite)
        pairs = metric_pairs(values, run.info.metrics)
        if not any(pair.across is not None for pair in pairs):
            continue
        tables.append(_matrix(suite, pairs, within=False))
        if any(pair.within is not None for pair in pairs):
            details.append(_matrix(suite, pairs, within=True))
        items = {item.id for item in suite.items}
        own = [vote for vote in votes if vote.content in items]
        if own:
            agreements = with_votes(values, run.info.metrics, own, run.info.seed)
            tables.append(votes_table(suite.info.title, agreements))
    if not tables:
        return None
    return Section(
        id="agreement",
        title="Do the metrics say the same?",
        text=(
            "Spearman's correlation of every two metrics, turned so that higher is better. Across pictures "
            "it mostly says that both find the same pictures hard; within a picture, whether both would "
            "choose the same subject.",
        ),
        tables=tuple(tables),
        details=tuple(details),
    )


def values_of_suite(suite: SuiteRun) -> Values:
    """{metric id: {(item, subject): value}} of what was measured here."""
    values: Values = {}
    for subject in suite.subjects:
        if subject.info.kind == QUOTED:
            continue
        for (item, protocol), score in subject.scores.items():
            if score.value is not None:
                values.setdefault(protocol, {})[item, subject.info.name] = score.value
    return values


def _matrix(suite: SuiteRun, pairs: Sequence[MetricPair], *, within: bool) -> Table:
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.a, pair.b)))
    found = {(pair.a, pair.b): pair.within if within else pair.across for pair in pairs}
    rows: list[tuple[Cell, ...]] = []
    for a in names:
        cells = [
            number(found.get((a, b), found.get((b, a))), DECIMALS) if a != b else word("") for b in names
        ]
        rows.append((word(a), *cells))
    return Table(
        title=f"{suite.info.title}: {'within' if within else 'across'} pictures",
        columns=(Column(name="metric"), *(Column(name=name) for name in names)),
        rows=tuple(rows),
    )


def votes_table(title: str, agreements: Sequence[VoteAgreement]) -> Table:
    """How often each metric prefers what people preferred, in percent."""
    rows = []
    for one in agreements:
        right = one.right
        cell = (
            Cell(text="–")
            if right is None
            else Cell(
                text=right.text(1, scale=100),
                value=100 * right.mean,
                low=100 * right.low,
                high=100 * right.high,
                n=right.num_values,
            )
        )
        rows.append((word(one.metric), cell, count(right.num_values if right else 0), count(one.num_equal)))
    return Table(
        title=f"{title}: how often a metric prefers what people preferred",
        columns=(
            Column(name="metric"),
            Column(name="right, %", better="higher"),
            Column(name="votes"),
            Column(name="votes for neither", about="left out"),
        ),
        rows=tuple(rows),
    )
