"""`uare restore` on the tiny model: what it writes, leaves out and says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.uare.command_line import Command, files_below, run
from uare.options import RestoreOptions
from uare.pipeline import UAREPipeline
from uare.results import Verdict
from uare.saving import quantised

pytestmark = pytest.mark.usefixtures("short_texts")


@pytest.fixture
def judged_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every restoration worse than its photo in the eyes of the judge."""
    worse = Verdict(outcome="worse", probabilities=(0.1, 0.8, 0.1))
    monkeypatch.setattr(UAREPipeline, "_judged", lambda *_: worse)


def test_restore_writes_what_the_pipeline_makes(
    uare: Command, photos: Path, tmp_path: Path, restoring_pipeline: UAREPipeline
) -> None:
    assert uare("restore", photos / "a.png", "-o", tmp_path / "out", "--seed", "5").code == 0
    expected = quantised(restoring_pipeline.restore_photo(photos / "a.png", seed=5).pixels, 8)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "a_restored.png")), expected)


def test_a_folder_is_mirrored_with_a_sidecar_beside_each_result(
    uare: Command, photos: Path, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in photos.rglob("*") if path.is_file()}
    ran = uare("restore", photos, "-o", tmp_path / "out", "--json")
    assert ran.code == 0
    assert files_below(tmp_path / "out") == {
        *("a_restored.png", "a.json", "b_restored.jpg", "b.json"),
        *("deep/c_restored.png", "deep/c.json"),
    }
    assert {path: path.read_bytes() for path in before} == before


def test_the_sidecar_holds_what_is_printed(
    uare: Command, photos: Path, tmp_path: Path, restoring_pipeline: UAREPipeline
) -> None:
    ran = uare("restore", photos / "a.png", "-o", tmp_path, "--steps", "2", "--seed", "7", "--json")
    sidecar = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert ran.results == [{name: sidecar[name] for name in ran.results[0]}]
    assert sidecar["model"] == ran.document["model"] and sidecar["versions"] == ran.document["versions"]
    assert (sidecar["seed"], sidecar["steps"], sidecar["settings"]["steps"]) == (7, 2, 2)
    restored = restoring_pipeline.restore_photo(photos / "a.png", steps=2, seed=7)
    assert sidecar["before"]["score"] == round(restoring_pipeline.score(photos / "a.png"), 4)
    assert sidecar["after"]["score"] == round(restoring_pipeline.score(restored.pixels), 4)
    assert restored.result.analysis is not None
    assert sidecar["analysis"] == restored.result.analysis.to_dict()


def test_the_output_may_name_the_file(uare: Command, photos: Path, tmp_path: Path) -> None:
    assert uare("restore", photos / "b.jpg", "-o", tmp_path / "out" / "better.png").code == 0
    assert files_below(tmp_path / "out") == {"better.png", "better.json"}
    assert Image.open(tmp_path / "out" / "better.png").format == "PNG"


def test_format_and_suffix_are_those_asked_for(uare: Command, photos: Path, tmp_path: Path) -> None:
    assert uare("restore", photos / "b.jpg", "-o", tmp_path, "--format", "webp", "--suffix", "-new").code == 0
    assert Image.open(tmp_path / "b-new.webp").format == "WEBP"
    assert (tmp_path / "b.json").is_file()


def test_a_second_run_leaves_out_what_is_done_and_says_so(
    uare: Command, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    uare("restore", photos, "-o", out)
    (out / "b_restored.jpg").unlink()
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    ran = uare("restore", photos, "-o", out, "--json")
    assert ran.code == 0
    assert [result["input"] for result in ran.results] == [str(photos / "b.jpg")]
    assert [skip["input"] for skip in ran.document["skipped"]] == [
        str(photos / name) for name in ("a.png", "deep/c.png")
    ]
    assert "2 results are there already and left out" in ran.err
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_where_nothing_is_left_to_do_no_model_is_loaded(uare: Command, photos: Path, tmp_path: Path) -> None:
    uare("restore", photos / "a.png", "-o", tmp_path)
    ran = run("restore", photos / "a.png", "-o", tmp_path, "--model", tmp_path / "missing", "--json")
    assert (ran.code, ran.document["model"], ran.results) == (0, None, [])


def test_overwrite_restores_again(uare: Command, photos: Path, tmp_path: Path) -> None:
    uare("restore", photos / "a.png", "-o", tmp_path, "--seed", "1", "--no-verify")
    first = (tmp_path / "a_restored.png").read_bytes()
    uare("restore", photos / "a.png", "-o", tmp_path, "--seed", "2", "--no-verify", "--overwrite")
    second = (tmp_path / "a_restored.png").read_bytes()
    uare("restore", photos / "a.png", "-o", tmp_path, "--seed", "1", "--no-verify", "--overwrite")
    assert second != first
    assert (tmp_path / "a_restored.png").read_bytes() == first


def test_results_beside_their_photos_are_no_photos(uare: Command, photos: Path) -> None:
    assert uare("restore", photos, "-o", photos).code == 0
    first = files_below(photos)
    ran = uare("restore", photos, "-o", photos, "--json")
    assert (ran.results, len(ran.document["skipped"])) == ([], 3)
    assert files_below(photos) == first


def test_upscaling_multiplies_the_size(uare: Command, photos: Path, tmp_path: Path) -> None:
    assert uare("restore", photos / "a.png", "-o", tmp_path, "-s", "2", "--no-analyse").code == 0
    assert Image.open(tmp_path / "a_restored.png").size == (96, 64)


def test_outside_a_mask_nothing_changes(uare: Command, photos: Path, tmp_path: Path) -> None:
    mask = np.zeros((32, 48), np.uint8)
    mask[:, 24:] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    ran = uare(
        *("restore", photos / "a.png", "-o", tmp_path / "out", "--keep-worse"),
        *("--mask", tmp_path / "mask.png", "--json"),
    )
    assert ran.results[0]["settings"]["mask"] == str(tmp_path / "mask.png")
    before = np.asarray(Image.open(photos / "a.png"))
    after = np.asarray(Image.open(tmp_path / "out" / "a_restored.png"))
    assert np.array_equal(before[:, :24], after[:, :24])
    assert not np.array_equal(before[:, 24:], after[:, 24:])


def test_masks_in_a_folder_go_by_name(uare: Command, photos: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    (masks / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/c.png"):
        Image.new("L", (48, 32)).save(masks / name)
    ran = uare("restore", photos, "-o", tmp_path / "out", "--mask", masks, "--keep-worse", "--json")
    assert [Path(result["settings"]["mask"]).name for result in ran.results] == ["a.png", "c.png"]
    assert ran.code == 1
    assert f"{photos / 'b.jpg'} has no mask of its name in {masks}" in ran.err
    for name in ("a", "deep/c"):  # black everywhere: not one pixel may change
        before, after = (
            Image.open(path) for path in (photos / f"{name}.png", tmp_path / f"out/{name}_restored.png")
        )
        assert np.array_equal(np.asarray(before), np.asarray(after))


@pytest.mark.usefixtures("judged_worse")
def test_a_result_judged_worse_is_replaced_by_the_photo_and_that_is_said(
    uare: Command, photos: Path, tmp_path: Path
) -> None:
    ran = uare("restore", photos / "a.png", "-o", tmp_path, "--json")
    assert ran.results[0]["status"] == "kept"
    assert "judged worse than the input" in ran.err
    before, after = (Image.open(path) for path in (photos / "a.png", tmp_path / "a_restored.png"))
    assert np.array_equal(np.asarray(before), np.asarray(after))


@pytest.mark.usefixtures("judged_worse")
def test_a_worse_result_is_written_if_asked_for(
    uare: Command, photos: Path, tmp_path: Path, restoring_pipeline: UAREPipeline
) -> None:
    ran = uare("restore", photos / "a.png", "-o", tmp_path, "--keep-worse", "--json")
    assert (ran.results[0]["status"], ran.results[0]["verdict"]["outcome"]) == ("restored", "worse")
    expected = quantised(restoring_pipeline.restore_photo(photos / "a.png", verify=False).pixels, 8)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a_restored.png")), expected)


def test_without_analysis_and_verdict_they_are_null(uare: Command, photos: Path, tmp_path: Path) -> None:
    ran = uare("restore", photos / "a.png", "-o", tmp_path, "--no-analyse", "--no-verify", "--json")
    assert (ran.results[0]["analysis"], ran.results[0]["verdict"]) == (None, None)


def test_quiet_says_nothing_but_results(uare: Command, photos: Path, tmp_path: Path) -> None:
    Image.open(photos / "a.png").save(photos / "wrong.jpg", format="PNG")  # worth a note
    assert "wrong.jpg" in uare("assess", photos / "wrong.jpg").err
    assert uare("assess", photos / "wrong.jpg", "--quiet").err == ""


def test_the_options_of_the_pipeline_all_have_a_flag() -> None:
    text = run("restore", "--help").out
    for field in RestoreOptions.__dataclass_fields__:
        assert f"--{field.replace('_', '-')}" in text
