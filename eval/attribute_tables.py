"""Attributes against their labels as a section of reports, for every judge that says something of them."""

from __future__ import annotations

from collections.abc import Sequence

from data.degradations import TYPES
from eval.attributes import (
    AttributeRow,
    Rated,
    attribute_rows,
    attributes_of,
    confusion,
    rated_by,
    worst_harms,
)
from eval.correlations import agreement
from eval.records import Run, SuiteRun
from eval.report.judges import correlation_cell
from eval.report.means import source_of
from eval.report.model import Cell, Column, Section, Table, count, mean, word
from uare.vocabulary import HARMED_BY

HARMED = "synthetic-attributes"  # the suite whose harms are known


def attribute_section(run: Run) -> Section | None:
    """SRCC and PLCC of each attribute in each suite with labels; None where no judge speaks of attributes."""
    labelled = [suite for suite in run.suites if any(item.labels for item in suite.items)]
    tables = [table for suite in labelled if (table := _agreement_table(suite, run.info.seed)).rows]
    if not tables:
        return None
    for suite in labelled:
        for subject in suite.subjects if suite.info.name == HARMED else ():
            if rated := rated_by(suite, subject):
                tables += _harm_tables(subject.info.name, rated, run.info.seed)
    return Section(
        id="attributes",
        title="What the attributes are worth",
        text=("Intervals are drawn over photos. Composition is not rated: there is no label for it here.",),
        tables=tuple(tables),
    )


def _agreement_table(suite: SuiteRun, seed: int) -> Table:
    names = dict.fromkeys(name for item in suite.items for name in item.labels)
    rows = []
    for subject in suite.subjects:
        said = {item.id: attributes_of(subject, item) for item in suite.items}
        for name in names:
            both = [item for item in suite.items if name in item.labels and name in said[item.id]]
            if len(both) < 2:
                continue
            found = agreement(
                [said[item.id][name] for item in both],
                [item.labels[name] for item in both],
                seed,
                [source_of(item) for item in both],
            )
            coefficients = (found.srcc, found.plcc_raw, found.plcc_log4)
            cells = (correlation_cell(one, found.num_scores) for one in coefficients)
            rows.append((word(subject.info.name), word(name), count(len(both)), *cells))
    columns = ("judge", "attribute", "n", "SRCC", "PLCC raw", "PLCC fitted")
    return Table(
        title=f"{suite.info.title}: attributes and their labels",
        columns=tuple(Column(name=name) for name in columns),
        rows=tuple(rows),
    )


def _harm_tables(judge: str, rated: Sequence[Rated], seed: int) -> list[Table]:
    """What one judge's attributes do under harms that are known."""
    return [_rows_table(judge, attribute_rows(rated, seed)), _confusion_table(judge, rated, seed)]


def _rows_table(judge: str, rows: Sequence[AttributeRow]) -> Table:
    names = (
        "attribute",
        "its worst harms",
        "SRCC of severity and falling score under them",
        "fall from clean to severity 5",
        "fall under harms that leave it alone",
    )
    cells = [
        (
            word(row.attribute),
            word(", ".join(worst_harms(row.attribute))),
            mean(row.own_harm, 3),
            mean(row.own_fall, 2),
            mean(row.other_fall, 2),
        )
        for row in rows
    ]
    return Table(
        title=f"{judge}: do attributes follow what was done, and that alone?",
        columns=tuple(Column(name=name) for name in names),
        rows=tuple(cells),
        notes=("A fall under harms that leave an attribute alone is a false alarm; 0 is right.",),
    )


def _confusion_table(judge: str, rated: Sequence[Rated], seed: int) -> Table:
    found = confusion(rated, seed)

    def cell(name: str, kind: str) -> Cell:
        value = found[name][kind].mean
        bears = kind in HARMED_BY.get(name, TYPES)
        return Cell(text=f"{value:.2f}" if bears else f"({value:.2f})", value=value)

    return Table(
        title=f"{judge}: SRCC of severity and falling score, by what was done",
        columns=tuple(Column(name=name) for name in ("rated", *TYPES)),
        rows=tuple((word(name), *(cell(name, kind) for kind in TYPES)) for name in found),
        notes=("Mean over photos. In brackets: harms that should leave the attribute alone.",),
    )
