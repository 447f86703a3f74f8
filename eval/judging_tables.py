"""The judge's test on harmed photos as a section of reports."""

from __future__ import annotations

from collections.abc import Sequence

from eval.judging import NOTHING, Judging, judgings
from eval.records import Run
from eval.report.model import Cell, Column, Section, Table, mean, percent, word
from eval.suites.synthetic import LEVELS


def judging_section(run: Run) -> Section | None:
    """The measures as tables of a report, None if no model scored harmed photos."""
    found = judgings(run)
    if not found:
        return None
    tables = [table for one in found for table in _tables(one)]
    return Section(
        id="judging",
        title="Does the judge see what was done?",
        text=(
            "A series is one photo harmed by one type at severity 1 to 5. Intervals are drawn over photos. "
            "Equal scores and verdicts of equality recognise nothing.",
        ),
        tables=tuple(tables),
        details=tuple(_confusion(one) for one in found),
    )


def _tables(found: Judging) -> list[Table]:
    columns: tuple[str, ...] = ("type", "named correctly, %", "SRCC of severity and falling score")
    columns += ("worse version by compare, %", "worse version by score, %", "series")
    rows = [
        (
            word(row.type),
            percent(row.named_correctly),
            mean(row.rank_agreement, 3),
            percent(row.worse_by_compare),
            percent(row.worse_by_score),
            Cell(text=str(row.rank_agreement.num_values), value=row.rank_agreement.num_values),
        )
        for row in found.rows
    ]
    notes = []
    if found.called_clean is not None:
        notes.append(
            f"Of {found.called_clean.num_values} unharmed photos, {found.called_clean.text(1, scale=100)} % "
            "are called clean."
        )
    if found.clean_psnr_db is not None:
        notes.append(f"Restored, unharmed photos are {found.clean_psnr_db.text(2)} dB from themselves.")
    by_level = [
        (word(str(level)), percent(share))
        for level, share in zip(LEVELS, found.named_by_severity, strict=True)
    ]
    return [
        Table(
            title=f"{found.subject} on harmed photos",
            columns=_columns(columns),
            rows=tuple(rows),
            notes=tuple(notes),
        ),
        Table(
            title=f"{found.subject}: named correctly by severity",
            columns=_columns(("severity", "named correctly, %")),
            rows=tuple(by_level),
        ),
    ]


def _confusion(found: Judging) -> Table:
    types = list(found.called)
    others = sorted({name for row in found.called.values() for name in row} - {*types, NOTHING})
    names = [*types, *others, NOTHING]
    rows = [
        (word(true), *(Cell(text=str(count), value=count) for count in (row.get(one, 0) for one in names)))
        for true, row in found.called.items()
    ]
    return Table(
        title=f"{found.subject}: how often each harm was called what, as the main degradation",
        columns=_columns(("is, called", *names)),
        rows=tuple(rows),
    )


def _columns(names: Sequence[str]) -> tuple[Column, ...]:
    return tuple(Column(name=name) for name in names)
