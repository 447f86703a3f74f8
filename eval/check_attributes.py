"""Checks what the attributes of assessments are worth, on photos that were harmed in known ways.

python eval/check_attributes.py --model uare-tiny [--model NAME=FOLDER] --output docs/results/attributes.md
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import shlex
from collections.abc import Sequence

from data.degradations import TYPES
from eval.attributes import (
    PHOTOS,
    SIDE_PX,
    AttributeRow,
    Rated,
    attribute_rows,
    confusion,
    model_rater,
    rate_all,
    worst_harms,
)
from eval.report.files import write_text
from eval.report.markdown import section_lines
from eval.report.model import Cell, Column, Section, Table, estimate, mean, word
from uare.errors import UAREError
from uare.vocabulary import HARMED_BY


def section_of(name: str, rated: Sequence[Rated]) -> Section:
    """The tables of one model."""
    return Section(
        id=name,
        title=name,
        text=(),
        tables=(_rows_table(attribute_rows(rated)), _confusion_table(rated)),
    )


def _rows_table(rows: Sequence[AttributeRow]) -> Table:
    names = (
        "attribute",
        "SRCC with its label, all pictures",
        "its worst harms",
        "SRCC of severity and falling score under them",
        "fall from clean to severity 5",
        "fall under harms that leave it alone",
    )
    cells = [
        (
            word(row.attribute),
            _correlation(row),
            word(", ".join(worst_harms(row.attribute))),
            mean(row.own_harm, 3),
            mean(row.own_fall, 2),
            mean(row.other_fall, 2),
        )
        for row in rows
    ]
    return Table(
        title="Do attributes follow what was done?",
        columns=tuple(Column(name=name) for name in names),
        rows=tuple(cells),
        notes=(
            "Composition is not rated: records of harms hold no label for it.",
            "A fall under harms that leave an attribute alone is a false alarm; 0 is right.",
        ),
    )


def _correlation(row: AttributeRow) -> Cell:
    low, high = row.followed.low, row.followed.high
    return estimate(row.followed.value, None if low is None or high is None else (low, high), 3)


def _confusion_table(rated: Sequence[Rated]) -> Table:
    found = confusion(rated)

    def cell(name: str, kind: str) -> Cell:
        value = found[name][kind].mean
        bears = kind in HARMED_BY.get(name, TYPES)
        return Cell(text=f"{value:.2f}" if bears else f"({value:.2f})", value=value)

    return Table(
        title="SRCC of severity and falling score, by what was done",
        columns=tuple(Column(name=name) for name in ("rated", *TYPES)),
        rows=tuple((word(name), *(cell(name, kind) for kind in TYPES)) for name in found),
        notes=("Mean over photos. In brackets: harms that should leave the attribute alone.",),
    )


def main(argv: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(description="Checks what the attributes of assessments are worth.")
    parser.add_argument("--model", action="append", required=True, metavar="[NAME=]FOLDER")
    parser.add_argument("--output", type=Path, required=True, help="the page, a Markdown file")
    args = parser.parse_args(given)
    command = shlex.join(["python", "eval/check_attributes.py", *given])
    lines = [
        "# What the attributes are worth",
        "",
        "Generated; do not edit. Made by:",
        "",
        f"    {command}",
        "",
        f"{len(PHOTOS)} pictures of scikit-image ({', '.join(PHOTOS)}; the central {SIDE_PX} px), clean and "
        "with each harm at severity 1 to 5. Labels follow from the records (`data/labels.py`), by the same "
        "formula from which the default model learned; people were not asked. Intervals: 95 %, bootstrap "
        "over photos. Two of the pictures are of medicine, unlike anything in training.",
        "",
    ]
    try:
        for named in args.model:
            name, _, folder = named.rpartition("=")
            lines += section_lines(section_of(name or folder, rate_all(model_rater(folder))))
        write_text(args.output, "\n".join(lines).rstrip() + "\n")
    except (UAREError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(args.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
