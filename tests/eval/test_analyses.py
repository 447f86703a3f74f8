"""What reports add to the tables: each verdict and probe made once, and shown in sections of their own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.votes import Vote
from eval import detail_of_run, probing
from eval.agreement_tables import agreement_section
from eval.detail_of_run import detail_section
from eval.generation import judge_detail
from eval.generation_cases import KINDS
from eval.metrics import Array
from eval.metrics.rows import OWN, Metric
from eval.pictures import read_picture
from eval.probing import probes_section
from eval.records import MetricInfo, Run, read_run
from eval.run_all import main
from tests.eval.small_sets import make_entry, write_pairs


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Six noisy pairs, untouched and filtered."""
    data = write_pairs(tmp_path / "data", [make_entry(tmp_path / "data", name, "noise") for name in "abcdef"])
    options = ["--data-root", str(data), "--suite", "pairs", "--output", str(tmp_path / "out")]
    options += ["--baseline", "identity", "median", "bilateral", "--metrics", "psnr_rgb,gmsd"]
    assert main(options) == 0
    return read_run(tmp_path / "out")


def test_the_report_has_a_section_for_each_analysis_with_something_to_say(run: Run) -> None:
    report = json.loads((run.folder / "report.json").read_text(encoding="utf-8"))
    assert [section["id"] for section in report["sections"]] == [
        "overview",
        "pairs",
        "detail",
        "agreement",
        "metrics",
    ]


def test_detail_is_judged_once_and_counted_by_kind(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = [
        judge_detail(read_picture(Path(item.lq)), read_picture(Path(str(item.gt)))).kind
        for item in run.suites[0].items
    ]
    items = run.suites[0].items
    first = detail_section(run)

    def refuse(*arguments: object) -> None:
        raise AssertionError("judged again")

    monkeypatch.setattr(detail_of_run, "judge_detail", refuse)
    assert detail_section(run) == first
    assert first is not None
    (table,) = first.tables
    identity = dict(zip([column.name for column in table.columns], table.rows[0], strict=True))
    said = tuple(identity[name].text for name in ("subject", "n", "judged by"))
    assert said == ("identity", "6", "reference")
    for kind in KINDS:
        share = 100 * sum(one == kind for one in kinds) / len(kinds)
        assert identity[f"{kind}, %"].value == pytest.approx(share)
        assert (identity[f"{kind}, %"].low is None) == (len({item.gt_sha256 for item in items}) == 1)


def test_a_torn_file_of_verdicts_is_judged_again(run: Run) -> None:
    first = detail_section(run)
    path = run.folder / "pairs" / "median" / "detail.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert detail_section(run) == first


def _contrast(calls: list[int]) -> Metric:
    """Pays for contrast, and counts how often it was asked."""

    def measure(image: Array, reference: Array | None) -> float:
        calls.append(1)
        return float(np.std(image))

    return Metric(
        id="contrast",
        name="Contrast",
        unit="",
        higher_is_better=True,
        lowest=0,
        highest=None,
        needs_reference=False,
        decimals=4,
        made_by=OWN,
        protocol="standard deviation",
        load=lambda weights: measure,
    )


def _with_contrast(run: Run) -> Run:
    info = MetricInfo(
        id="contrast",
        name="Contrast",
        unit="",
        higher_is_better=True,
        lowest=0,
        highest=None,
        needs_reference=False,
        decimals=4,
        version="1",
        protocol="",
        unavailable=None,
    )
    return replace(run, info=replace(run.info, metrics=(*run.info.metrics, info)))


def test_a_metric_that_pays_for_sharpening_is_marked_and_probed_once(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    monkeypatch.setattr(probing, "METRICS", (_contrast(calls),))
    first = probes_section(_with_contrast(run), None)
    num_calls = len(calls)
    assert num_calls == 6 * 2 * 3  # pictures, before and after, edits
    assert probes_section(_with_contrast(run), None) == first
    assert len(calls) == num_calls
    assert first is not None
    (row,) = first.tables[0].rows
    sharpened = row[[column.name for column in first.tables[0].columns].index("sharpened")]
    assert sharpened.mark == "warning"
    assert sharpened.value is not None and sharpened.value > 0


def test_metrics_are_held_against_votes(run: Run) -> None:
    votes = [
        Vote(
            pair=item,
            content=item,
            task="noise",
            image_a="a.png",
            image_b="b.png",
            source_a="median",
            source_b="identity",
            annotator="ann",
            choice="A",
        )
        for item in "abc"
    ]
    section = agreement_section(run, votes)
    assert section is not None
    table = next(one for one in section.tables if "people" in one.title)
    shares = {row[0].text: row[1].value for row in table.rows}
    suite = run.suites[0]
    median, identity = suite.subject("median"), suite.subject("identity")
    assert median is not None and identity is not None
    better = [
        (median.value(item, "psnr_rgb") or 0) > (identity.value(item, "psnr_rgb") or 0) for item in "abc"
    ]
    assert shares["psnr_rgb"] == pytest.approx(100 * np.mean(better))


def test_the_matrix_of_metrics_is_symmetric(run: Run) -> None:
    section = agreement_section(run, ())
    assert section is not None
    table = section.tables[0]
    values = [[cell.value for cell in row[1:]] for row in table.rows]
    assert values[0][1] == values[1][0] is not None


def test_a_file_without_the_columns_of_votes_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    votes = tmp_path / "votes.csv"
    votes.write_text("item,first,second,choice\na,x,y,first\n")
    options = ["--suite", "pairs", "--baseline", "identity", "--output", str(tmp_path / "out")]
    assert main([*options, "--votes", str(votes)]) == 2
    assert "lacks the columns pair" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
