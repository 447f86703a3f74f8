"""Tables of paired differences: who is better than whom, by how much, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eval.paired import BETTER, WORSE, PairedComparison
from eval.records import MADE_ELSEWHERE, MODEL, Item, MetricInfo, SuiteRun
from eval.report.means import compare_values, measured_metrics, values_of
from eval.report.model import Cell, Column, Mark, Table, count, mean, number, word

DECIMALS = 3  # of p and effect sizes
COLUMNS = (
    Column(name="metric"),
    Column(name="n", about="pictures that both have a value for"),
    Column(name="difference", about="mean of paired differences; above zero the first is better, always"),
    Column(name="wins", about="pictures on which the first is better"),
    Column(name="losses"),
    Column(name="equal"),
    Column(name="sign test p", about="two-sided, equal pictures left out"),
    Column(name="effect size", about="mean difference over its deviation (Cohen's d of paired values)"),
    Column(name="verdict", about="tie: the 95 % interval holds zero"),
)
NOTE = "Differences are turned so that above zero the first is better, whatever the metric's direction."


def difference_table(suite: SuiteRun, metrics: Sequence[MetricInfo], seed: int) -> Table | None:
    """Each model and each result made elsewhere against every other subject; None where there are no two."""
    measured = measured_metrics(suite, metrics)
    rows = []
    seen: set[tuple[str, str]] = set()
    # Models first: two of them are compared once, the later one against the earlier.
    ours = sorted(
        (one for one in suite.subjects if one.info.kind in (MODEL, MADE_ELSEWHERE)),
        key=lambda one: one.info.kind != MODEL,
    )
    for a in ours:
        for b in suite.subjects:
            if a is b or (b.info.name, a.info.name) in seen:
                continue
            seen.add((a.info.name, b.info.name))
            for metric in measured:
                of_a, of_b = (values_of(one, suite.items, metric.id) for one in (a, b))
                cells = difference_cells(of_a, of_b, suite.items, metric, seed)
                if cells:
                    rows.append((word(a.info.name), word(b.info.name), *cells))
    if not rows:
        return None
    return Table(
        title=f"{suite.info.title}: paired differences",
        columns=(Column(name="subject"), Column(name="against"), *COLUMNS),
        rows=tuple(rows),
        notes=(NOTE,),
    )


def difference_cells(
    a: Mapping[str, float], b: Mapping[str, float], items: Sequence[Item], metric: MetricInfo, seed: int
) -> tuple[Cell, ...]:
    """The cells below `COLUMNS` for values of A and B by item; empty where they share no item."""
    found = compare_values(a, b, items, metric, seed)
    if found is None:
        return ()
    return (
        word(metric.id),
        count(found.difference.num_values),
        mean(found.difference, metric.decimals),
        count(found.wins),
        count(found.losses),
        count(found.equal),
        _probability(found.sign_p),
        number(found.effect_size, DECIMALS),
        word(found.verdict, verdict_mark(found)),
    )


def _probability(value: float) -> Cell:
    least = 10**-DECIMALS
    return Cell(text=f"< {least:g}" if value < least else f"{value:.{DECIMALS}f}", value=value)


def verdict_mark(found: PairedComparison) -> Mark:
    """How the cell of a comparison is marked; ties are not."""
    marks: dict[str, Mark] = {BETTER: "better", WORSE: "worse"}
    return marks.get(found.verdict, "")
