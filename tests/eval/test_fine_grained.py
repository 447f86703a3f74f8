"""Accuracy over pairs against known answers, and the suite from a set on disk to the table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from data.fgrestore.layout import FineImage, FinePair, write_rows
from data.fgrestore.measures import read_measured, voters_named
from eval.adapters.judge import JudgeSubject, judge_subject
from eval.fine_grained import JudgeResult, TaskResult, fine_grained, pair_accuracy, verdict_of_lead
from eval.fine_grained_tables import fine_grained_section
from eval.measure_set import main as measure
from eval.metrics import Array
from eval.ranks import Ranks
from eval.records import COMPARE, Item, Run, SubjectRun, read_predictions, read_run
from eval.run_all import main
from eval.runner import predict_suite
from eval.suites.fgrestore import BY_CONTENT, BY_PAIR
from tests.uare.tiny import tiny_restorer, tiny_text_tokenizer
from uare.errors import InputError
from uare.images import Photo
from uare.judge import PooledConfig, marks_of, new_pooled_network, save_judge
from uare.judge_views import pooled_width
from uare.pipeline import UAREPipeline

pytest.importorskip("pyarrow")


def test_accuracy_has_its_known_value(goldens_dir: Path) -> None:
    cases = json.loads((goldens_dir / "equations" / "correlations.json").read_text())["cases"]
    found = [case for case in cases if {"acc_all", "acc_without_true_ties"} <= set(case["expected"])]
    assert found
    for case in found:
        accuracy = pair_accuracy(case["inputs"]["prediction"], case["inputs"]["truth"])
        assert accuracy.over_all == pytest.approx(case["expected"]["acc_all"], abs=1e-9)
        assert accuracy.without_ties == pytest.approx(case["expected"]["acc_without_true_ties"], abs=1e-9)


def test_accuracy_of_nothing_is_unknown() -> None:
    assert (pair_accuracy([], []).over_all, pair_accuracy([0.5], [0.5]).without_ties) == (None, None)


def test_equal_scores_are_a_verdict_of_equality() -> None:
    assert [verdict_of_lead(lead) for lead in (0.1, 0.0, -0.1)] == [1.0, 0.5, 0.0]


def test_tasks_without_a_value_have_no_part_in_the_average() -> None:
    tasks = {"a": TaskResult(srcc=0.2), "b": TaskResult(srcc=0.6), "c": TaskResult()}
    row = JudgeResult(judge="x", kind="metric", about="", tasks=tasks)
    assert row.average("srcc") == pytest.approx(0.4)
    assert row.average("plcc") is None


TASKS = ("noise", "blur")
CONTENTS = ("cat", "dog", "owl")
LEVELS = (4.0, 9.0, 15.0, 22.0)  # noise in grey levels: the first is the best


def _set(folder: Path) -> Path:
    """Pictures whose true order is that of PSNR, `blur` without references, owls held out."""
    pairs: list[FinePair] = []
    images: list[FineImage] = []
    for task in TASKS:
        for content in CONTENTS:
            rng = np.random.default_rng(len(images))
            clean = np.kron(rng.integers(60, 200, (6, 6, 3)), np.ones((8, 8, 1)))
            reference = f"references/{task}-{content}.png"
            split = "test" if content == "owl" else "train"
            _save(clean, folder / reference)
            names = []
            for place, level in enumerate(LEVELS):
                names.append(f"images/made/{task}/{content}/r{place}.png")
                _save(clean + level * rng.standard_normal(clean.shape), folder / names[-1])
                images.append(
                    FineImage(
                        image=names[-1],
                        task=task,
                        content=content,
                        origin="made",
                        restorer=f"r{place}",
                        score=10.0 - place,
                        reference=reference if task == "noise" else "",
                        split_pair="test",
                        split_content=split,
                    )
                )
            for first, second, label in ((0, 1, 1), (3, 1, 0), (2, 3, 1), (2, 0, 2)):
                pairs.append(
                    FinePair(
                        id=f"made--{task}--{content}--r{first}--r{second}",
                        image_a=names[first],
                        image_b=names[second],
                        label=label,
                        task=task,
                        content=content,
                        origin="made",
                        label_kind="pseudo",
                        label_made_by="vote of psnr",
                        split_pair="test" if first else "train",
                        split_content=split,
                    )
                )
    write_rows(pairs, FinePair, folder / "pairs.parquet")
    write_rows(images, FineImage, folder / "images.parquet")
    return folder


def _save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(np.round(pixels), 0, 255).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("fine")
    _set(folder / "data" / "mine")
    words = ["--suite", "fgrestore", "--baseline", "identity", "--metrics", "psnr_rgb,gmsd"]
    assert main([*words, "--data-root", str(folder / "data"), "--output", str(folder / "out")]) == 0
    return read_run(folder / "out")


def test_a_metric_that_knows_the_order_has_it_right_where_there_are_references(run: Run) -> None:
    rows = {row.judge: row for row in fine_grained(run, BY_CONTENT)}
    psnr = rows["psnr_rgb"].tasks["noise"]
    assert (psnr.srcc, psnr.num_images, psnr.num_pairs) == (pytest.approx(1), 4, 4)
    # three of four pairs: the fourth is a tie, which a score never calls one
    assert psnr.accuracy is not None and psnr.accuracy.mean == pytest.approx(0.75)
    assert psnr.accuracy_without_ties == 1
    blur = rows["psnr_rgb"].tasks["blur"]
    assert (blur.srcc, blur.accuracy, blur.num_pairs) == (None, None, 0)
    assert rows["psnr_rgb"].average("accuracy") == pytest.approx(0.75)  # of the one task that has a value


def test_metrics_for_which_lower_is_better_are_turned_round(run: Run) -> None:
    rows = {row.judge: row for row in fine_grained(run, BY_CONTENT)}
    srcc = rows["gmsd"].tasks["noise"].srcc
    assert srcc is not None and srcc > 0.9


def test_each_way_of_holding_out_has_its_own_pairs(run: Run) -> None:
    suite = next(one for one in run.suites if one.info.name == "fgrestore-pairs")
    assert sum(BY_CONTENT in item.tags for item in suite.items) == 8
    assert sum(BY_PAIR in item.tags for item in suite.items) == 18
    assert len(suite.items) == 20  # what is held out in some way


def test_the_report_says_that_labels_are_pseudo_and_averages_tasks(run: Run) -> None:
    suite = next(one for one in run.suites if one.info.name == "fgrestore-pairs")
    assert "pseudo-preferences (vote of psnr)" in suite.info.notes[0]
    section = fine_grained_section(run)
    assert section is not None
    assert [table.title for table in section.tables] == [
        f"Fine-grained pairs, {BY_CONTENT}",
        f"Fine-grained pairs, {BY_PAIR}",
        "FGRestore, table 3, quoted",
    ]
    quoted = {line[0].text: line for line in section.tables[-1].rows}
    assert (quoted["FGResQ"][-1].text, quoted["FGResQ"][-1].mark) == ("0.752", "quoted")
    assert quoted["PSNR"][7].text == "–"  # deraining without references
    head = [column.name for column in section.tables[0].columns]
    assert head[2:5] == ["noise SRCC", "noise PLCC", "noise ACC"]
    row = {line[0].text: line for line in section.tables[0].rows}["psnr_rgb"]
    assert row[head.index("average ACC")].value == pytest.approx(0.75)
    assert row[head.index("blur ACC")].text == "–"


def test_a_missing_set_is_said_to_be_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--suite", "fgrestore", "--baseline", "identity", "--data-root", str(tmp_path)]
    assert main([*words, "--output", str(tmp_path / "out")]) == 2
    assert "no pairs.parquet and no fgrestore.yaml" in capsys.readouterr().err


def test_any_judge_of_pairs_can_be_a_subject(run: Run, tmp_path: Path) -> None:
    def smoother_is_better(a: Array, b: Array) -> tuple[float, float, float]:
        lead = float(np.abs(np.diff(b, axis=0)).mean() - np.abs(np.diff(a, axis=0)).mean())
        return (0.2, 0.1, 0.7) if abs(lead) < 1e-9 else (0.8, 0.1, 0.1) if lead > 0 else (0.1, 0.8, 0.1)

    suite = next(one for one in run.suites if one.info.name == "fgrestore-pairs")
    judge = JudgeSubject("eye", "", "1", smoother_is_better)
    scored = next(one for one in run.suites if one.info.name == "fgrestore-scores")
    assert all(judge.takes(item) for item in suite.items)
    assert not any(judge.takes(item) for item in scored.items)
    ranks = Ranks(index=0, count=1, local_index=0)
    predict_suite(suite.items, [judge], tmp_path, ranks)
    predictions = read_predictions(tmp_path / "eye")
    subject = SubjectRun(info=judge.info, predictions=predictions)
    judged = replace(run, suites=(replace(suite, subjects=(subject,)), scored))
    row = next(row for row in fine_grained(judged, BY_CONTENT) if row.judge == "eye")
    for task in TASKS:
        found = row.tasks[task]
        # it sees the order, and calls no pair of the set equal, though one is
        assert found.accuracy is not None and found.accuracy.mean == pytest.approx(0.75)
        assert found.accuracy_without_ties == 1


def test_a_judge_on_disk_answers_as_the_pipeline_does_and_encodes_each_picture_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_restorer()
    model.save_pretrained(tmp_path)
    tiny_text_tokenizer().save(tmp_path)
    width = pooled_width(model)
    config = PooledConfig(feature_width=width, inner_width=8, width=4, marks=marks_of(model))
    torch.manual_seed(0)
    save_judge(new_pooled_network(config), config, tmp_path)
    pipe = UAREPipeline.from_pretrained(tmp_path, device="cpu")
    monkeypatch.setattr(UAREPipeline, "from_pretrained", lambda *_, **__: pipe)
    looks: list[object] = []
    assert pipe.judge is not None
    look = pipe.judge.look

    def counted(photo: Photo) -> torch.Tensor:
        looks.append(photo)
        return look(photo)

    monkeypatch.setattr(pipe.judge, "look", counted)
    subject = judge_subject("mine", str(tmp_path), "any")

    def pair(a: Path, b: Path) -> Item:
        return Item(
            id="x",
            group="noise",
            kind=COMPARE,
            lq=str(a),
            gt=str(b),
            scale=1,
            mos=1.0,
            tags=(),
            lq_sha256="",
            gt_sha256=None,
            crop=None,
        )

    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (32, 48, 3), dtype=np.uint8) for _ in range(2)]
    files = [tmp_path / f"{place}.png" for place in range(2)]
    for file, picture in zip(files, pictures, strict=True):
        Image.fromarray(picture).save(file)
    item = pair(files[0], files[1])
    answer = subject.predict(item, pictures[0] / 255)
    subject.predict(item, pictures[0] / 255)
    assert len(looks) == 2
    a_better, b_better, _ = pipe.prefer(pictures[0], pictures[1])
    assert answer.score == pytest.approx(a_better - b_better, abs=1e-6)
    assert subject.predict(pair(files[0], files[0]), pictures[0] / 255).text == "equal"
    with pytest.raises(InputError, match="there is no judge at"):
        judge_subject(None, str(tmp_path / "none"), "any")


def test_measured_values_can_vote_in_a_set_and_are_measured_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _set(tmp_path / "set")
    assert measure(["--metrics", "gmsd,psnr_rgb", str(folder)]) == 0
    table = folder / "measured.csv"
    before = table.read_text()
    assert measure(["--metrics", "gmsd,psnr_rgb", str(folder)]) == 0
    assert table.read_text() == before
    found = read_measured(table)
    assert dict(found.higher_is_better) == {"gmsd": False, "psnr_rgb": True}
    assert len(found.values["gmsd"]) == len(CONTENTS) * len(LEVELS)  # `blur` has no references
    voters = voters_named(("gmsd", "psnr_rgb:0.5"), found)
    assert [(one.band, one.higher_is_better) for one in voters] == [(0.0, False), (0.5, True)]
    best, worst = (found.values["gmsd"][f"images/made/noise/cat/r{place}.png"] for place in (0, 3))
    assert voters[0].prefers(best, worst) == 1
    assert measure(["--metrics", "gmsd", str(tmp_path / "none")]) == 2
    assert "there is no file" in capsys.readouterr().err
