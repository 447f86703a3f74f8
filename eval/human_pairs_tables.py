"""Tables of verdicts and scores beside those of people; every share with its n, since there are so few."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.correlations import srcc
from eval.report.model import Column, Section, Table, count, number, word

LEAST_IN_A_SET = 3  # scored pictures, for a rank correlation within their set
ALL = "all"
TOO_FEW = "This is far too few to conclude anything: one pair more can turn any row round."


@dataclass(frozen=True, kw_only=True)
class HumanPair:
    """Two pictures of which people prefer the first."""

    kind: str  # what the two have in common
    dataset: str
    better: Path
    worse: Path
    references: tuple[Path | None, Path | None]  # clean pictures of the two


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A picture with the mean opinion of people in 1..5, and values of metrics, higher is better."""

    dataset: str
    name: str
    opinion: float
    values: dict[str, float]


def pairs_section(pairs: Sequence[HumanPair], found: Mapping[str, Sequence[float | None]]) -> Section:
    """How often each decider prefers what people prefer, by kind of pair; and each pair by itself.

    `found` has a lead for each pair: above 0 agrees with people, 0 is "about equal", None is no answer.
    """
    kinds = list(dict.fromkeys(pair.kind for pair in pairs))
    heads = [f"{kind} (n = {sum(pair.kind == kind for pair in pairs)})" for kind in kinds]
    rows = [
        (
            word(name),
            *(
                word(
                    _share(
                        [lead for pair, lead in zip(pairs, leads, strict=True) if kind in (ALL, pair.kind)]
                    )
                )
                for kind in [*kinds, ALL]
            ),
        )
        for name, leads in found.items()
    ]
    summary = Table(
        title=f"Pairs ordered as people order them (n = {len(pairs)})",
        columns=tuple(Column(name=name) for name in ("who decides", *heads, f"{ALL} (n = {len(pairs)})")),
        rows=tuple(rows),
        notes=(
            "Right of those answered; metrics that need a reference have no answer without one.",
            "The judge has learned from restorations of one photo; two different photos are not its task.",
        ),
    )
    each = Table(
        title="Each pair",
        columns=tuple(Column(name=name) for name in ("set", "people prefer", "to", *found)),
        rows=tuple(
            (
                word(pair.dataset),
                word(pair.better.stem),
                word(pair.worse.stem),
                *(word(_word(leads[place])) for leads in found.values()),
            )
            for place, pair in enumerate(pairs)
        ),
    )
    text = (
        f"{len(pairs)} pairs, judged by people for other purposes, by a model that has seen neither the "
        f"pictures nor the opinions. {TOO_FEW}"
    )
    return Section(id="pairs", title="Pairs", text=(text,), tables=(summary,), details=(each,))


def scores_section(scored: Sequence[Scored]) -> Section:
    """Rank correlations with opinions over all sets and within those that have enough pictures."""
    sets: dict[str, list[Scored]] = {}
    for one in scored:
        sets.setdefault(one.dataset, []).append(one)
    metrics = list(scored[0].values) if scored else []
    groups = {
        "all sets": list(scored),
        **{name: ones for name, ones in sets.items() if len(ones) >= LEAST_IN_A_SET},
    }
    rows = [
        (word(name), count(len(ones)), *(number(_srcc(ones, metric), 3) for metric in metrics))
        for name, ones in groups.items()
    ]
    table = Table(
        title="Rank correlation (SRCC) of scores with mean opinions",
        columns=tuple(Column(name=name) for name in ("set", "n", *metrics)),
        rows=tuple(rows),
        notes=(
            "Opinions of all sets are brought to 1..5 by the ends of their scales, which is a rough thing.",
        ),
    )
    each = Table(
        title="Each scored picture",
        columns=tuple(Column(name=name) for name in ("set", "picture", "people, 1 to 5", *metrics)),
        rows=tuple(
            (
                word(one.dataset),
                word(one.name),
                number(one.opinion, 2),
                *(number(one.values[metric], 2) for metric in metrics),
            )
            for one in scored
        ),
        notes=("Metrics for which lower is better have their sign turned.",),
    )
    held = ", ".join(f"{name} ({len(ones)})" for name, ones in sets.items())
    text = f"Pictures that people scored, with their number: {held}. {TOO_FEW}"
    return Section(id="scores", title="Scores across sets", text=(text,), tables=(table,), details=(each,))


def _share(leads: Sequence[float | None]) -> str:
    answered = [lead for lead in leads if lead is not None]
    if not answered:
        return "–"
    equal = sum(lead == 0 for lead in answered)
    text = f"{sum(lead > 0 for lead in answered)} of {len(answered)}"
    return f"{text}, {equal} about equal" if equal else text


def _word(lead: float | None) -> str:
    if lead is None:
        return "–"
    return "right" if lead > 0 else "wrong" if lead < 0 else "about equal"


def _srcc(scored: Sequence[Scored], metric: str) -> float | None:
    value = srcc([one.values[metric] for one in scored], [one.opinion for one in scored])
    return None if math.isnan(value) else value
