"""Do metrics say the same thing? Rank correlations between them, and with the votes of people.

*Across* pictures, a correlation mostly says that both find the same pictures hard. *Within* a picture, among
what several subjects made of it, it says whether both would choose the same subject, which is what metrics
are used for; the two may differ in sign.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.votes import NONE, A, Vote, counting
from eval.correlations import srcc
from eval.intervals import MeanInterval, mean_with_interval
from eval.records import MetricInfo

LEAST_SUBJECTS = 3  # of one picture: two are always ordered alike or opposite
# {metric id: {(item, subject): value}}
Values = Mapping[str, Mapping[tuple[str, str], float]]


@dataclass(frozen=True, kw_only=True)
class MetricPair:
    """How two metrics agree, both turned so that higher is better; None where it cannot be said."""

    a: str
    b: str
    num_values: int
    across: float | None  # Spearman's correlation over all values
    within: float | None  # mean over items of that among their subjects
    num_items: int  # items behind `within`


@dataclass(frozen=True, kw_only=True)
class VoteAgreement:
    """How often a metric prefers what a person preferred; a metric that sees no difference is half right."""

    metric: str
    right: MeanInterval | None  # share of decided votes, intervals draw whole items; None without any
    num_equal: int  # votes for neither, which are left out


def metric_pairs(values: Values, metrics: Sequence[MetricInfo]) -> list[MetricPair]:
    """Each pair of metrics that have values, in the order of `metrics`."""
    present = [metric for metric in metrics if values.get(metric.id)]
    return [
        _pair(a, b, values[a.id], values[b.id])
        for place, a in enumerate(present)
        for b in present[place + 1 :]
    ]


def with_votes(
    values: Values, metrics: Sequence[MetricInfo], votes: Sequence[Vote], seed: int
) -> list[VoteAgreement]:
    """A row for each metric that has values: `content` of a vote is the item, its sources the subjects.

    The votes of `data.votes.counting` count; those on results without a value are left out.
    """
    counted = counting(votes)
    rows = []
    for metric in metrics:
        known = values.get(metric.id)
        if not known:
            continue
        right, items, num_equal = [], [], 0
        for vote in counted:
            first = known.get((vote.content, vote.source_a))
            second = known.get((vote.content, vote.source_b))
            if first is None or second is None:
                continue
            if vote.choice == NONE:
                num_equal += 1
                continue
            lead = first - second if metric.higher_is_better else second - first
            wanted = 1 if vote.choice == A else -1
            right.append(0.5 if lead == 0 else float(np.sign(lead) == wanted))
            items.append(vote.content)
        found = mean_with_interval(right, seed, items) if right else None
        rows.append(VoteAgreement(metric=metric.id, right=found, num_equal=num_equal))
    return rows


def _pair(
    a: MetricInfo,
    b: MetricInfo,
    of_a: Mapping[tuple[str, str], float],
    of_b: Mapping[tuple[str, str], float],
) -> MetricPair:
    common = [key for key in of_a if key in of_b]
    sign = (1 if a.higher_is_better else -1) * (1 if b.higher_is_better else -1)
    by_item: dict[str, list[tuple[str, str]]] = {}
    for key in common:
        by_item.setdefault(key[0], []).append(key)
    within = [
        _known(srcc([of_a[key] for key in keys], [of_b[key] for key in keys]))
        for keys in by_item.values()
        if len(keys) >= LEAST_SUBJECTS
    ]
    clear = [one for one in within if one is not None]
    across = _known(srcc([of_a[key] for key in common], [of_b[key] for key in common]))
    return MetricPair(
        a=a.id,
        b=b.id,
        num_values=len(common),
        across=None if across is None else sign * across,
        within=sign * float(np.mean(clear)) if clear else None,
        num_items=len(clear),
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
