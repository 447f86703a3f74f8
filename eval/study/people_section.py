"""The section of a report on the people of a study: how far they agree, and who was careless."""

from __future__ import annotations

from collections.abc import Sequence

from data.votes import Vote
from eval.report.model import Cell, Column, Section, Table, count, estimate, number, word
from eval.study.rater_agreement import NOMINAL, ORDINAL, Alpha, agreement_of
from eval.study.raters import RULES, Rater
from eval.study.sections import DECIMALS, dimensions_of, of_raters


def raters_section(
    raters: Sequence[Rater], votes: Sequence[Vote], everybody: Sequence[Vote], seed: int
) -> Section:
    """Who voted with care, and how far people agree, with and without those who did not."""
    return Section(
        id="raters",
        title="The people",
        text=(
            RULES,
            "Krippendorff's alpha is 1 where all are of one mind and 0 where they agree no more than by "
            "chance; which picture is called A does not matter to it. In the ordinal form a vote for neither "
            "lies between the two pictures.",
        ),
        tables=(_alpha_table(votes, everybody, seed),),
        details=(_rater_table(raters),),
    )


def _alpha_table(votes: Sequence[Vote], everybody: Sequence[Vote], seed: int) -> Table:
    rows = []
    for name in dimensions_of(votes):
        own, before = of_raters(votes, name), of_raters(everybody, name)
        nominal, ordinal = agreement_of(own, NOMINAL, seed), agreement_of(own, ORDINAL, seed)
        all_people = agreement_of(before, NOMINAL, seed) if len(before) > len(own) else nominal
        rows.append(
            (word(name), _alpha(nominal), _alpha(ordinal), _alpha(all_people), count(nominal.num_units))
        )
    return Table(
        title="Krippendorff's alpha",
        columns=(
            Column(name="question"),
            Column(name="nominal", better="higher"),
            Column(name="ordinal", better="higher"),
            Column(name="nominal, everybody", about="careless people too", better="higher"),
            Column(name="pairs", about="with two votes or more"),
        ),
        rows=tuple(rows),
    )


def _rater_table(raters: Sequence[Rater]) -> Table:
    rows = [
        (
            word(one.name),
            count(one.num_votes),
            word(_of(one.gold_right, one.num_gold)),
            word(_of(one.turned, one.num_repeated)),
            number(one.with_others, DECIMALS),
            word(_of(one.left, one.num_decided)),
            number(one.median_s, 1),
            word("; ".join(one.reasons), "warning") if one.careless else word("counts"),
        )
        for one in raters
    ]
    return Table(
        title="Each person",
        columns=(
            Column(name="person"),
            Column(name="votes"),
            Column(name="gold right"),
            Column(name="repeats turned round"),
            Column(name="with the others", about="cosine with the mean of the others' votes"),
            Column(name="left side"),
            Column(name="median, s"),
            Column(name="verdict"),
        ),
        rows=tuple(rows),
    )


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole}" if whole else "–"


def _alpha(found: Alpha) -> Cell:
    if found.value is None:
        return word(f"undefined: {found.reason}")
    return estimate(found.value, found.ends, 3)
