"""The tables of a model card follow from the values of the run, and nothing else moves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from eval.model_card import BEGIN, END, filled, main, restored_table
from eval.records import (
    CLASSICAL,
    MODEL,
    PEER,
    RESTORE,
    UNTOUCHED,
    Item,
    MetricInfo,
    Run,
    RunInfo,
    Score,
    SubjectInfo,
    SubjectRun,
    SuiteInfo,
    SuiteRun,
)
from uare.errors import InputError

VALUES = {  # by subject, of the items a, b (dark) and c (hazy)
    "identity": (UNTOUCHED, {"a": 10.0, "b": 12.0, "c": 20.0}),
    "good": (CLASSICAL, {"a": 15.0, "b": 15.0}),
    "poor": (CLASSICAL, {"a": 11.0, "b": 11.0, "c": 11.0}),
    "model": (MODEL, {"a": 18.0, "b": 20.0, "c": 19.0}),
}


def _item(name: str, group: str) -> Item:
    return Item(
        id=name,
        group=group,
        kind=RESTORE,
        lq="lq.png",
        gt="gt.png",
        scale=1,
        mos=None,
        tags=(),
        lq_sha256=name,
        gt_sha256=name,
        crop=None,
    )


def _metric(name: str) -> MetricInfo:
    return MetricInfo(
        id=name,
        name=name,
        unit="",
        higher_is_better=True,
        lowest=None,
        highest=None,
        needs_reference=True,
        decimals=1,
        version="",
        protocol="",
        unavailable=None,
    )


def _run() -> Run:
    metrics = tuple(_metric(name) for name in ("psnr_rgb", "ssim_y_yiq", "gmsd"))
    subjects = []
    for name, (kind, values) in VALUES.items():
        scores = {
            (item, metric.id): Score(item=item, protocol=metric.id, value=value, problem=None)
            for item, value in values.items()
            for metric in metrics
        }
        subject = SubjectInfo(name=name, folder=name, kind=kind, source="", digest="")
        subjects.append(SubjectRun(info=subject, scores=scores))
    suite = SuiteInfo(
        name="pairs",
        title="Pairs",
        kind=RESTORE,
        num_items=3,
        num_listed=3,
        groups=("dark", "hazy"),
        data_sha256="",
        missing=None,
    )
    info = RunInfo(
        command="",
        git_hash=None,
        versions={},
        seed=0,
        limit=None,
        suites=(suite,),
        subjects=tuple(one.info for one in subjects),
        metrics=metrics,
        problems=(),
    )
    items = (_item("a", "dark"), _item("b", "dark"), _item("c", "hazy"))
    return Run(
        folder=Path(), info=info, suites=(SuiteRun(info=suite, items=items, subjects=tuple(subjects)),)
    )


def test_the_best_filter_is_one_that_did_every_photo_of_the_row() -> None:
    run = _run()
    table = restored_table(run.suites[0], run)
    best = [column.name for column in table.columns].index("best classical")
    named = {row[0].text: row[best].text for row in table.rows}
    assert named["dark"].endswith(", good") and named["all"].endswith(", poor")


def test_published_networks_have_a_column_beside_that_of_the_filters() -> None:
    run = _run()
    (suite,) = run.suites
    subjects = tuple(
        replace(one, info=replace(one.info, kind=PEER)) if one.info.name == "good" else one
        for one in suite.subjects
    )
    table = restored_table(replace(suite, subjects=subjects), run)
    columns = [column.name for column in table.columns]
    dark = {row[0].text: row for row in table.rows}["dark"]
    assert dark[columns.index("best published network")].text.endswith(", good")
    assert dark[columns.index("best classical")].text.endswith(", poor")


def test_a_mark_stands_where_the_paired_difference_leaves_zero_out() -> None:
    run = _run()
    rows = {row[0].text: row for row in restored_table(run.suites[0], run).rows}
    assert rows["dark"][3].text.endswith("▲") and rows["dark"][3].value == 19
    assert not rows["hazy"][3].text.endswith(("▲", "▼"))  # a single photo proves nothing
    assert not rows["all"][3].text.endswith("▲")


def test_only_what_stands_between_the_marks_is_replaced(tmp_path: Path) -> None:
    card = f"# A\n\n{BEGIN}\nold\n{END}\n\nrest\n"
    assert filled(card, ["new"], "card") == f"# A\n\n{BEGIN}\n\nnew\n{END}\n\nrest\n"
    with pytest.raises(InputError, match="put them where the tables belong"):
        filled("# A\n", ["new"], "card")


def test_a_run_that_is_none_leaves_the_card_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = tmp_path / "CARD.md"
    card.write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
    assert main([str(tmp_path / "nothing"), "--card", str(card)]) == 2
    assert "error:" in capsys.readouterr().err
    assert card.read_text(encoding="utf-8") == f"{BEGIN}\n{END}\n"
