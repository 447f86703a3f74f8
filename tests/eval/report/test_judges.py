"""Judges within narrow ranges: the parts of the scale, and too few pictures to say anything."""

from __future__ import annotations

import pytest

from eval.records import Item, MetricInfo, Score, SubjectInfo, SubjectRun, SuiteInfo, SuiteRun
from eval.report.judges import LEAST_IN_BIN, NUM_BINS, judge_tables

NUM_ITEMS = 48  # half in the lowest part, half in the highest


def _suite() -> SuiteRun:
    """A judge that orders the worst pictures rightly and the best ones wrongly."""
    half = NUM_ITEMS // 2
    opinions = [place / 1000 for place in range(half)] + [1 - place / 1000 for place in range(half)]
    opinions[half:] = sorted(opinions[half:])
    scores = [float(place) for place in range(half)] + [1000.0 - place for place in range(half)]
    items = tuple(
        Item(
            id=f"i{place}",
            group="all",
            kind="score",
            lq="x",
            gt=None,
            scale=1,
            mos=opinion,
            tags=(),
            lq_sha256=str(place),
            gt_sha256=None,
            crop=None,
        )
        for place, opinion in enumerate(opinions)
    )
    info = SubjectInfo(name="eye", folder="eye", kind="model", source="", digest="")
    found = {
        (item.id, "score"): Score(item=item.id, protocol="score", value=value, problem=None)
        for item, value in zip(items, scores, strict=True)
    }
    suite = SuiteInfo(
        name="s",
        title="Scored",
        kind="score",
        num_items=NUM_ITEMS,
        num_listed=NUM_ITEMS,
        groups=("all",),
        data_sha256="",
        missing=None,
    )
    return SuiteRun(info=suite, items=items, subjects=(SubjectRun(info=info, scores=found),))


def test_a_judge_may_be_right_among_the_worst_and_wrong_among_the_best() -> None:
    metrics: tuple[MetricInfo, ...] = ()
    _, details = judge_tables(_suite(), metrics, seed=0)
    srccs, couples = details
    assert NUM_ITEMS // 2 >= LEAST_IN_BIN
    assert [column.name for column in srccs.columns][1] == "[0.0, 0.2] (n = 24)"
    assert srccs.columns[-1].name == f"overall (n = {NUM_ITEMS})"
    (row,) = srccs.rows
    assert (row[1].value, row[NUM_BINS].value) == (pytest.approx(1), pytest.approx(-1))
    assert [cell.value for cell in row[2:NUM_BINS]] == [None, None, None]  # nobody is there
    assert (row[-1].value or 0) > 0.5
    (row,) = couples.rows
    assert (row[1].value, row[NUM_BINS].value) == (1.0, 0.0)
