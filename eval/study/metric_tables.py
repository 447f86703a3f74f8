"""Which metric says what people said? Those of a run of the evaluation, or of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from data.fgrestore.measures import Measured
from data.votes import Vote, counting
from eval.agreement import with_votes
from eval.agreement_tables import values_of_suite, votes_table
from eval.records import RESTORE, MetricInfo, Run
from eval.report.model import Table


def tables_of_run(run: Run, votes: Sequence[Vote]) -> list[Table]:
    """A table for each suite whose items were voted on: `content` is the item, the sources are subjects."""
    tables = []
    for suite in run.suites:
        items = {item.id for item in suite.items}
        own = [vote for vote in votes if vote.content in items]
        if suite.info.kind == RESTORE and counting(own):
            agreements = with_votes(values_of_suite(suite), run.info.metrics, own, run.info.seed)
            tables.append(votes_table(suite.info.title, agreements))
    return tables


def table_of_measured(measured: Measured, votes: Sequence[Vote], seed: int) -> Table:
    """The same for a table of `eval/measure_set.py`: pictures by their paths in the votes."""
    of_pictures = [replace(vote, source_a=vote.image_a, source_b=vote.image_b) for vote in votes]
    contents = {(vote.content, image) for vote in of_pictures for image in (vote.image_a, vote.image_b)}
    values = {
        metric: {(content, image): found[image] for content, image in contents if image in found}
        for metric, found in measured.values.items()
    }
    metrics = [_info(metric, measured.higher_is_better[metric]) for metric in measured.values]
    return votes_table("Measured pictures", with_votes(values, metrics, of_pictures, seed))


def _info(metric: str, higher_is_better: bool) -> MetricInfo:
    """All that is known of a metric out of a table."""
    return MetricInfo(
        id=metric,
        name=metric,
        unit="",
        higher_is_better=higher_is_better,
        lowest=None,
        highest=None,
        needs_reference=False,
        decimals=3,
        version="",
        protocol="from a table",
        unavailable=None,
    )
