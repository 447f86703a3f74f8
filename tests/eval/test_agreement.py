"""Agreement of metrics with each other and with people, on values whose answer is plain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from data.votes import Vote
from eval.agreement import metric_pairs, with_votes
from eval.records import MetricInfo

HIGH = MetricInfo(
    id="high",
    name="High",
    unit="",
    higher_is_better=True,
    lowest=None,
    highest=None,
    needs_reference=False,
    decimals=2,
    version="1",
    protocol="",
    unavailable=None,
)
LOW = replace(HIGH, id="low", higher_is_better=False)
Table = dict[str, dict[tuple[str, str], float]]


def _values(high: dict[str, list[float]], low: dict[str, list[float]]) -> Table:
    return {
        name: {
            (item, subject): v for item, row in rows.items() for subject, v in zip("xyz", row, strict=True)
        }
        for name, rows in (("high", high), ("low", low))
    }


def test_a_metric_agrees_with_its_own_negative_once_directions_are_turned() -> None:
    values = _values({"p": [1, 2, 3], "q": [4, 6, 5]}, {"p": [-1, -2, -3], "q": [-4, -6, -5]})
    (pair,) = metric_pairs(values, [HIGH, LOW])
    assert (pair.across, pair.within) == (pytest.approx(1), pytest.approx(1))
    assert (pair.num_values, pair.num_items) == (6, 2)


def test_metrics_may_agree_across_pictures_and_contradict_within() -> None:
    # Both find q better than p by far; among the subjects of each picture the order is reversed.
    values = _values({"p": [1, 2, 3], "q": [11, 12, 13]}, {"p": [-3, -2, -1], "q": [-13, -12, -11]})
    (pair,) = metric_pairs(values, [HIGH, LOW])
    assert pair.across is not None and pair.across > 0.5
    assert pair.within == pytest.approx(-1)


def test_only_common_values_count_and_constants_have_no_agreement() -> None:
    values = _values({"p": [1, 2, 3]}, {"p": [7, 7, 7]})
    del values["high"][("p", "z")]
    (pair,) = metric_pairs(values, [HIGH, LOW])
    assert (pair.num_values, pair.across, pair.within, pair.num_items) == (2, None, None, 0)


def test_a_metric_without_values_has_no_row() -> None:
    values = _values({"p": [1, 2, 3]}, {})
    assert metric_pairs(values, [HIGH, LOW]) == []
    assert [row.metric for row in with_votes(values, [HIGH, LOW], [_vote("p", "x", "y", "A")], 0)] == ["high"]


def _vote(item: str, first: str, second: str, choice: str) -> Vote:
    return Vote(
        pair=f"{item} {first} {second}",
        content=item,
        task="noise",
        image_a=f"{first}.png",
        image_b=f"{second}.png",
        source_a=first,
        source_b=second,
        annotator="ann",
        choice=choice,
    )


def test_votes_are_counted_right_half_right_and_wrong() -> None:
    values = _values({"p": [1, 2, 2], "q": [5, 4, 3]}, {"p": [1, 2, 2], "q": [5, 4, 3]})
    votes = [
        _vote("p", "x", "y", "B"),  # high: right
        _vote("p", "y", "z", "A"),  # no difference: half
        _vote("q", "x", "z", "B"),  # high: wrong
        _vote("q", "x", "y", "none"),
        _vote("gone", "x", "y", "A"),
    ]
    high, low = with_votes(values, [HIGH, LOW], votes, seed=0)
    assert high.right is not None and low.right is not None
    assert high.right.mean == pytest.approx(1.5 / 3)
    assert low.right.mean == pytest.approx(1.5 / 3)
    assert (high.right.num_values, high.right.num_groups, high.num_equal) == (3, 2, 1)
    (alone,) = with_votes(values, [HIGH], votes[:1], seed=0)
    assert alone.right is not None and alone.right.mean == 1
    (turned,) = with_votes(values, [LOW], votes[:1], seed=0)
    assert turned.right is not None and turned.right.mean == 0


def test_other_questions_and_repeated_showings_are_not_counted() -> None:
    values = _values({"p": [1, 2, 3]}, {})
    vote = _vote("p", "x", "y", "A")
    others = [replace(vote, dimension="sharpness"), replace(vote, repeat=1)]
    (row,) = with_votes(values, [HIGH], others, seed=0)
    assert (row.right, row.num_equal) == (None, 0)
