"""`eval/run_all.py` on small data, alone, killed and taken up again, and as two processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from eval import analyses
from eval.efficiency import measure_costs
from eval.metrics import psnr
from eval.pictures import read_picture
from eval.records import Prediction, Run, Score, read_lines, read_run
from eval.run_all import main
from tests.eval.small_sets import make_crops, make_entry, make_pairs, save_picture, write_pairs

FAST = ("--metrics", "psnr_rgb,gmsd")
SECONDS_TO_WAIT = 120


def _run(data: Path, output: Path, *more: str) -> tuple[int, Run]:
    code = main(["--data-root", str(data), "--output", str(output), *FAST, *more])
    return code, read_run(output)


def _pairs(data: Path, output: Path, *more: str) -> tuple[int, Run]:
    return _run(data, output, "--suite", "pairs", *more)


def test_every_subject_restores_what_it_is_meant_for(tmp_path: Path) -> None:
    make_pairs(tmp_path / "data")
    code, run = _pairs(tmp_path / "data", tmp_path / "out", "--baseline", "identity", "bicubic", "median")
    assert (code, run.info.problems) == (0, ())
    done = {one.info.name: sorted(one.predictions) for one in run.suites[0].subjects}
    assert done == {"identity": [*"abcde"], "bicubic": ["e"], "median": [*"abcd"]}
    assert (tmp_path / "out" / "pairs" / "bicubic" / "pictures" / "e.png").is_file()


def test_the_untouched_picture_scores_as_its_input(tmp_path: Path) -> None:
    make_pairs(tmp_path / "data")
    _, run = _pairs(tmp_path / "data", tmp_path / "out", "--baseline", "identity")
    identity = run.suites[0].subject("identity")
    assert identity is not None
    for item in run.suites[0].items:
        if item.scale == 1 and item.gt:
            expected = psnr(read_picture(Path(item.lq)), read_picture(Path(item.gt)))
            assert identity.value(item.id, "psnr_rgb") == expected


def test_a_second_run_does_nothing_again(tmp_path: Path) -> None:
    make_pairs(tmp_path / "data")
    _pairs(tmp_path / "data", tmp_path / "out", "--baseline", "identity")
    before = _stamps(tmp_path / "out")
    _pairs(tmp_path / "data", tmp_path / "out", "--baseline", "identity")
    assert _stamps(tmp_path / "out") == before


def test_a_changed_input_is_predicted_and_scored_again_and_nothing_else(tmp_path: Path) -> None:
    data = make_pairs(tmp_path / "data")
    _, first = _pairs(data, tmp_path / "out", "--baseline", "identity")
    save_picture(data / "b_lq.png", noise=0.3, seed=99)
    _, second = _pairs(data, tmp_path / "out", "--baseline", "identity")
    changed = [
        item.id
        for item in second.suites[0].items
        if first.suites[0].subjects[0].predictions[item.id]
        != second.suites[0].subjects[0].predictions[item.id]
    ]
    assert changed == ["b"]
    values = [run.suites[0].subjects[0].value("b", "psnr_rgb") for run in (first, second)]
    assert values[0] != values[1]


def test_score_only_needs_no_inputs_and_adds_what_is_missing(tmp_path: Path) -> None:
    data = make_pairs(tmp_path / "data")
    _pairs(data, tmp_path / "out", "--baseline", "identity")
    (data / "pairs.json").unlink()
    output = tmp_path / "out"
    code = main(["--output", str(output), "--score-only", "--metrics", "psnr_rgb,ssim_rgb"])
    identity = read_run(output).suites[0].subject("identity")
    assert code == 0
    assert identity is not None
    assert {protocol for _, protocol in identity.scores} == {"psnr_rgb", "gmsd", "ssim_rgb"}


def test_score_only_without_a_run_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--output", str(tmp_path), "--score-only"]) == 2
    assert "name the output folder of a run" in capsys.readouterr().err


def test_a_limit_takes_the_first_of_each_group_and_is_stated(tmp_path: Path) -> None:
    make_pairs(tmp_path / "data")
    _, run = _pairs(tmp_path / "data", tmp_path / "out", "--baseline", "identity", "--limit", "2")
    (suite,) = run.suites
    assert [item.id for item in suite.items] == ["a", "b", "e"]
    assert (suite.info.num_items, suite.info.num_listed) == (3, 5)


def test_a_missing_set_is_named_and_the_rest_runs(tmp_path: Path) -> None:
    make_pairs(tmp_path / "data")
    code, run = _run(tmp_path / "data", tmp_path / "out", "--suite", "realsr,pairs", "--baseline", "identity")
    assert code == 1
    (problem,) = run.info.problems
    assert problem.startswith("realsr was left out")
    assert "huggingface.co/datasets/Iceclear/StableSR-TestSets" in problem
    assert "test_LR" in problem
    assert [suite.info.num_items for suite in run.suites] == [5, 0]


def test_nothing_at_all_ends_with_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--data-root", str(tmp_path), "--output", str(tmp_path / "out")]
    assert main([*options, "--suite", "pairs", "--baseline", "identity"]) == 2
    assert "no pairs.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--suite", "realrs"), "there is no suite 'realrs'; did you mean realsr?"),
        (("--metrics", "psnr_rbg"), "did you mean 'psnr_rgb'?"),
        (("--baseline", "bicubik"), "there is no baseline 'bicubik'; did you mean bicubic?"),
        (("--model", "uare-tini", "--suite", "pairs"), "no model 'uare-tini'"),
        (("--predictions", "x=/nowhere", "--suite", "pairs"), "there is no folder /nowhere"),
    ],
)
def test_a_wrong_name_is_refused_before_any_work(
    options: tuple[str, ...], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_pairs(tmp_path / "data")
    output = tmp_path / "out"
    assert main(["--data-root", str(tmp_path / "data"), "--output", str(output), *options]) == 2
    assert expected in capsys.readouterr().err


def test_two_subjects_of_one_name_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_pairs(tmp_path / "data")
    results = str(tmp_path)
    twice = ["--predictions", f"x={results}", "--predictions", f"x={results}"]
    assert main(["--data-root", str(tmp_path / "data"), "--output", str(tmp_path / "out"), *twice]) == 2
    assert "two subjects are called 'x'" in capsys.readouterr().err


def test_what_is_wrong_with_pairs_is_listed_and_the_rest_is_done(tmp_path: Path) -> None:
    data = tmp_path / "data"
    entries = [make_entry(data, name, "noise") for name in ("good", "sizes", "gone", "broken", "twice")]
    save_picture(data / "sizes_gt.png", (40, 24))
    (data / "gone_gt.png").unlink()
    (data / "broken_lq.png").write_bytes((data / "broken_lq.png").read_bytes()[:60])
    write_pairs(data, [*entries, entries[-1], {"type": "noise"}, {**entries[0], "name": "../out"}])
    code, run = _pairs(data, tmp_path / "out", "--baseline", "identity")
    assert code == 1
    problems = "\n".join(run.info.problems)
    assert "the input is 32x24 px and the reference 40x24 px" in problems
    assert "there is no file" in problems and "gone_gt.png" in problems
    assert "broken_lq.png" in problems
    assert "'twice' is taken" in problems
    assert 'the text field "name" is missing' in problems
    assert "'../out' is not a plain file name" in problems
    subject = run.suites[0].subject("identity")
    assert subject is not None
    assert subject.value("good", "psnr_rgb") is not None
    assert subject.value("twice", "psnr_rgb") is not None


def test_results_made_elsewhere_are_found_by_name_and_gaps_are_listed(tmp_path: Path) -> None:
    data, results = tmp_path / "data", tmp_path / "results"
    make_crops(data / "RealSRVal_crop128", ["Canon_1", "Nikon_1", "Nikon_2", "Nikon_3"])
    _copy_png_as_webp(data / "RealSRVal_crop128" / "test_HR" / "Canon_1.png", results / "Canon_1.webp")
    save_picture(results / "Nikon_1.png", (32, 24))
    (results / "Nikon_2.png").write_bytes(b"no picture")
    code, run = _run(data, tmp_path / "out", "--suite", "realsr", "--predictions", f"theirs={results}")
    theirs = run.suites[0].subject("theirs")
    assert theirs is not None
    assert code == 1
    assert theirs.value("Canon_1", "psnr_rgb") == pytest.approx(80)  # the reference itself
    assert "has 32x24 px, expected 128x96 px" in (theirs.predictions["Nikon_1"].problem or "")
    assert theirs.predictions["Nikon_2"].problem is not None
    assert "has no result named Nikon_3" in (theirs.predictions["Nikon_3"].problem or "")
    assert sum("theirs" in problem for problem in run.info.problems) == 3


def test_results_for_no_suite_of_the_run_are_a_problem(tmp_path: Path) -> None:
    data = make_pairs(tmp_path / "data")
    save_picture(tmp_path / "results" / "unknown.png")
    code, run = _pairs(data, tmp_path / "out", "--predictions", f"theirs={tmp_path / 'results'}")
    assert code == 1
    assert "holds no result for any item" in run.info.problems[0]


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_pairs(data, [make_entry(data, f"p{index:02d}", "noise") for index in range(40)])
    options = [
        "--data-root",
        str(data),
        "--suite",
        "pairs",
        "--baseline",
        "identity",
        "nonlocal-means",
        *FAST,
    ]
    undisturbed = tmp_path / "undisturbed"
    assert main([*options, "--output", str(undisturbed)]) == 0

    output = tmp_path / "killed"
    journal = output / "pairs" / "nonlocal-means" / "predictions.part-0.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-u", str(_script()), *options, "--output", str(output)], stderr=subprocess.DEVNULL
    )
    try:
        _wait_for_lines(journal, 3, process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    done_before = read_lines(journal, Prediction)
    assert 3 <= len(done_before) < 40
    with journal.open("ab") as stream:
        stream.write(b'{"item": "p39", "fi')  # as a kill in the middle of a line leaves it

    assert main([*options, "--output", str(output)]) == 0
    for subject in ("identity", "nonlocal-means"):
        assert not list((output / "pairs" / subject).glob("*.part-*"))
        assert _without_time(output, subject) == _without_time(undisturbed, subject)
        expected = read_lines(undisturbed / "pairs" / subject / "scores.jsonl", Score)
        assert read_lines(output / "pairs" / subject / "scores.jsonl", Score) == expected
    after = read_lines(output / "pairs" / "nonlocal-means" / "predictions.jsonl", Prediction)
    assert after[: len(done_before)] == done_before  # time included: they were not made again


def test_two_processes_give_the_tables_of_one(tmp_path: Path) -> None:
    data = make_pairs(tmp_path / "data")
    options = ["--data-root", str(data), "--suite", "pairs", "--baseline", "identity", "median", *FAST]
    assert main([*options, "--output", str(tmp_path / "one")]) == 0
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*launcher, str(_script()), *options, "--output", str(tmp_path / "two")],
        capture_output=True,
        check=False,
        text=True,
        timeout=SECONDS_TO_WAIT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    one, two = read_run(tmp_path / "one"), read_run(tmp_path / "two")
    assert one.suites[0].items == two.suites[0].items
    for first, second in zip(one.suites[0].subjects, two.suites[0].subjects, strict=True):
        assert list(first.scores.items()) == list(second.scores.items())
        assert list(first.predictions) == list(second.predictions)
        digests = [{name: p.sha256 for name, p in run.predictions.items()} for run in (first, second)]
        assert digests[0] == digests[1]


def test_it_runs_from_any_folder(tmp_path: Path) -> None:
    make_pairs(tmp_path / "data")
    options = ["--data-root", "data", "--suite", "pairs", "--baseline", "identity", *FAST]
    done = subprocess.run(
        [sys.executable, str(_script()), *options],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results" / "baselines" / "run.json").is_file()
    assert done.stdout.strip() == "results/baselines/report.html"


def test_no_model_is_imported_before_torchvision_is_prepared(tmp_path: Path) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(_script().parents[1])!r}); import eval.run_all; "
        "print([name for name in ('torchvision', 'uare.model') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def _script() -> Path:
    return Path(__file__).resolve().parents[2] / "eval" / "run_all.py"


def _stamps(folder: Path) -> dict[str, int]:
    names = ("predictions.jsonl", "scores.jsonl", "*.png")
    return {str(path): path.stat().st_mtime_ns for name in names for path in folder.rglob(name)}


def _without_time(output: Path, subject: str) -> list[dict[str, object]]:
    lines = (output / "pairs" / subject / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) | {"elapsed_s": 0} for line in lines]


def _wait_for_lines(path: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _copy_png_as_webp(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(source) as image:
        image.save(target, lossless=True)


def test_two_runs_are_compared_without_measuring_anything(tmp_path: Path) -> None:
    make_pairs(tmp_path / "data")
    _pairs(tmp_path / "data", tmp_path / "a", "--baseline", "identity", "median")
    _pairs(tmp_path / "data", tmp_path / "b", "--baseline", "identity", "median")
    runs = ["--compare", str(tmp_path / "a"), str(tmp_path / "b")]
    assert main([*runs, "--output", str(tmp_path / "both")]) == 0
    assert "against run A" in (tmp_path / "both" / "compare.md").read_text(encoding="utf-8")


def test_the_paper_and_efficiency_are_sections_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analyses, "measure_costs", partial(measure_costs, sizes=((64, 4),), repeats=2))
    make_crops(tmp_path / "data" / "RealSRVal_crop128", ["Canon_1"])
    options = ("--suite", "realsr", "--baseline", "bicubic", "--paper", "--efficiency")
    code, _ = _run(tmp_path / "data", tmp_path / "out", *options)
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    ids = [section["id"] for section in report["sections"]]
    assert code == 0
    assert {"realsr", "papers", "efficiency"} <= set(ids)
    costs = json.loads((tmp_path / "out" / "efficiency.json").read_text(encoding="utf-8"))
    (cost,) = costs
    assert (cost["subject"], cost["side_px"], cost["scale"], cost["problem"]) == ("bicubic", 64, 4, None)
    assert cost["peak_bytes"] > 2**20
    assert len(cost["seconds"]) == 2 and min(cost["seconds"]) > 0
    before = (tmp_path / "out" / "efficiency.json").read_text(encoding="utf-8")
    _run(tmp_path / "data", tmp_path / "out", *options)
    assert (tmp_path / "out" / "efficiency.json").read_text(encoding="utf-8") == before
