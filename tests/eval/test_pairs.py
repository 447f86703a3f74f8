"""`eval/pairs.py` on small folders of every kind, good and broken."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eval.pair_list import read_pair_folder
from eval.pair_scores import predict, score
from eval.pair_tables import build_groups
from eval.pairs import main
from eval.subjects import Subject, baseline_subjects, model_subject
from uare.errors import InputError
from uare.results import Assessment, Comparison, Restoration

RNG_SEED = 5


def _save(path: Path, height: int, width: int, noise: float) -> None:
    rng = np.random.default_rng(RNG_SEED)
    clean = np.kron(rng.random((height // 4, width // 4, 3)), np.ones((4, 4, 1)))
    harmed = np.clip(clean + noise * rng.normal(size=clean.shape), 0, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.round(harmed * 255).astype(np.uint8)).save(path)


def _entry(
    folder: Path, name: str, kind: str, real: bool = True, scale: int = 1, **more: Any
) -> dict[str, Any]:
    _save(folder / f"{name}_lq.png", 24, 32, noise=0.1)
    _save(folder / f"{name}_gt.png", 24 * scale, 32 * scale, noise=0)
    return {"type": kind, "name": name, "lq": f"{name}_lq.png", "gt": f"{name}_gt.png", "real": real, **more}


def _list(folder: Path, pairs: list[Any], **more: Any) -> Path:
    (folder / "pairs.json").write_text(json.dumps({"pairs": pairs, **more}), encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three usable pairs: noise of both sources, low resolution at twice the size."""
    pairs = tmp_path / "pairs"
    pairs.mkdir()
    entries = [_entry(pairs, "a", "noise"), _entry(pairs, "b", "noise", real=False)]
    return _list(pairs, [*entries, _entry(pairs, "c", "lowres", scale=2)])


class Untouching:
    """Stands for a pipeline that gives every photo back as it came, enlarged where asked."""

    def assess(self, image: Image.Image, /) -> Assessment:
        raise NotImplementedError

    def compare(self, a: Image.Image, b: Image.Image, /) -> Comparison:
        raise NotImplementedError

    def restore(self, image: Image.Image, /, *, seed: int, upscale: int) -> Restoration:
        large = image.resize((image.width * upscale, image.height * upscale), Image.Resampling.NEAREST)
        return Restoration(image=large, analysis=None, verdict=None, seed=seed, steps=1, timings={})


def _run(folder: Path, tmp_path: Path, *more: str) -> tuple[int, Path]:
    output = tmp_path / "out"
    return main([str(folder), "--baseline", "all", "--output", str(output), *more]), output


def test_a_run_writes_tables_pictures_and_gallery(folder: Path, tmp_path: Path) -> None:
    code, output = _run(folder, tmp_path)
    assert code == 0
    assert {p.name for p in output.iterdir()} == {"pairs.md", "pairs.json", "per_image.csv", "pictures"}
    assert (output / "pictures" / "gallery.png").is_file()
    assert (output / "pictures" / "median" / "a.png").is_file()
    assert not list(output.rglob("*.partial"))
    text = (output / "pairs.md").read_text(encoding="utf-8")
    assert f"python eval/pairs.py {folder} --baseline all" in text
    assert "Seed 0" in text
    assert "numpy " in text


def test_types_are_split_by_source_only_where_they_have_both(folder: Path, tmp_path: Path) -> None:
    _, output = _run(folder, tmp_path)
    groups = json.loads((output / "pairs.json").read_text(encoding="utf-8"))["groups"]
    assert [(g["type"], g["source"], g["n"]) for g in groups] == [
        ("noise", "all", 2),
        ("noise", "real", 1),
        ("noise", "synthetic", 1),
        ("lowres", "real", 1),
    ]


def test_the_tables_mean_is_the_mean_of_the_csv(folder: Path, tmp_path: Path) -> None:
    _, output = _run(folder, tmp_path)
    with (output / "per_image.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["type"] == "noise" and row["subject"] == "median"]
    group = json.loads((output / "pairs.json").read_text(encoding="utf-8"))["groups"][0]
    median = next(row for row in group["rows"] if row["name"] == "median")
    expected = np.mean([float(row["PSNR"]) for row in rows])
    assert median["metrics"]["PSNR"]["mean"] == pytest.approx(expected, abs=1e-6)
    assert median["metrics"]["PSNR"]["num_values"] == len(rows) == 2


def test_bicubic_enlarges_low_resolution_and_is_run_for_nothing_else(folder: Path, tmp_path: Path) -> None:
    _, output = _run(folder, tmp_path)
    written = list((output / "pictures" / "bicubic").iterdir())
    assert [file.name for file in written] == ["c.png"]
    with Image.open(written[0]) as picture:
        assert picture.size == (64, 48)


def test_a_restorer_that_changes_nothing_scores_as_its_input(folder: Path, tmp_path: Path) -> None:
    subjects = [*baseline_subjects(["median"]), model_subject(Untouching(), "untouching", seed=0)]
    predictions, failed = predict(read_pair_folder(folder).pairs, subjects, tmp_path)
    scores, unscored = score(predictions)
    assert failed == unscored == []
    for group in build_groups(scores, {}, seed=0):
        for gain in group.gains["untouching", "input"].values():
            assert (gain.mean, gain.low, gain.high) == (0, 0, 0)


def test_one_failing_picture_leaves_the_others_scored(folder: Path, tmp_path: Path) -> None:
    def restore(image: np.ndarray, scale: int) -> np.ndarray:
        if scale == 2:
            raise InputError("no weights for enlarging")
        return image

    broken = Subject(name="half", kind="model", restore=restore, applies_to=lambda degradation: True)
    predictions, failed = predict(read_pair_folder(folder).pairs, [broken], tmp_path)
    assert [p.pair.name for p in predictions] == ["a", "b"]
    assert failed == ["pair c: half failed (no weights for enlarging); its row lacks this pair"]


def test_quoted_peers_stand_beside_the_measured_rows(folder: Path, tmp_path: Path) -> None:
    peers = tmp_path / "peers.json"
    peers.write_text(json.dumps({"other": {"a": [30.0, 0.9], "b": [32.0, 0.8], "absent": [1, 0]}}))
    _, output = _run(folder, tmp_path, "--peers", str(peers))
    group = json.loads((output / "pairs.json").read_text(encoding="utf-8"))["groups"][0]
    quoted = next(row for row in group["rows"] if row["name"] == "other")
    assert (quoted["kind"], quoted["n"]) == ("quoted", 2)
    assert quoted["metrics"]["PSNR"]["mean"] == pytest.approx(31)
    assert quoted["metrics"]["SSIM-Y"]["mean"] == pytest.approx(0.85)
    assert "GMSD" not in quoted["metrics"]


def test_a_quoted_input_that_was_not_measured_here_is_a_problem(folder: Path, tmp_path: Path) -> None:
    peers = tmp_path / "peers.json"
    peers.write_text(json.dumps({"identity": {"a": [50.0, 0.9]}}))
    code, output = _run(folder, tmp_path, "--peers", str(peers))
    problems = json.loads((output / "pairs.json").read_text(encoding="utf-8"))["problems"]
    assert code == 1
    assert problems[0].startswith("pair a: PSNR of the input is quoted as 50.0000, measured ")


def test_limit_takes_the_first_of_each_type(folder: Path) -> None:
    assert [pair.name for pair in read_pair_folder(folder, limit=1).pairs] == ["a", "c"]


def test_two_runs_write_the_same_table(folder: Path, tmp_path: Path) -> None:
    _, output = _run(folder, tmp_path)
    first = (output / "pairs.json").read_text(encoding="utf-8")
    _run(folder, tmp_path)
    assert (output / "pairs.json").read_text(encoding="utf-8") == first


def _broken_entries(folder: Path) -> list[Any]:
    good = _entry(folder, "good", "noise")
    _save(folder / "small.png", 20, 32, noise=0)
    (folder / "torn.png").write_bytes((folder / "good_lq.png").read_bytes()[:200])
    (folder / "text.png").write_text("no picture")
    return [
        good,
        {**good, "name": "absent", "lq": "nowhere.png"},
        {**good, "name": "sizes", "gt": "small.png"},
        {**good, "name": "torn", "lq": "torn.png"},
        {**good, "name": "text", "gt": "text.png"},
        {**good, "name": "stated", "psnr_rgb_lq": 12.0},
        {**good, "name": "lost", "gt": None},
        {**good, "name": "unsure", "real": "yes"},
        {**good, "name": "../outside"},
        {**good, "name": "good"},
        {"type": "noise"},
        7,
    ]


def test_each_unusable_entry_is_named_and_the_rest_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pairs"
    folder.mkdir()
    _list(folder, _broken_entries(folder), clean=[{"size": [1, 1]}])
    code, output = _run(folder, tmp_path)
    assert code == 1
    problems = json.loads((output / "pairs.json").read_text(encoding="utf-8"))["problems"]
    said = "\n".join(problems)
    for part in (
        "nowhere.png",
        "pair sizes: the input is 32x24 px and the reference 32x20 px",
        "torn.png",
        "text.png",
        "pair stated: the list states 12.000 dB",
        'pair 6: the text field "gt" is missing',
        "pair unsure: \"real\" is 'yes'",
        "not a plain file name",
        "the name 'good' is taken",
        'pair 10: the text field "name" is missing',
        "pair 11: found 7",
        'clean photo 0: the text field "file" is missing',
    ):
        assert part in said
    assert len(problems) == 12
    assert capsys.readouterr().err.count("problem: ") == 12
    with (output / "per_image.csv").open(encoding="utf-8") as file:
        assert {row["pair"] for row in csv.DictReader(file)} == {"good", "stated"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no file"),
        ("{", "cannot be read as JSON"),
        ('{"pairs": 3}', "no list under"),
        ("[]", "no list under"),
    ],
)
def test_a_folder_without_a_usable_list_is_refused(
    content: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "pairs.json").write_text(content)
    assert main([str(tmp_path), "--baseline", "median", "--output", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_unknown_baseline_is_refused_with_the_known_ones(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder), "--baseline", "magic"]) == 2
    assert "no baseline 'magic'; expected one of input, median" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["{", '{"m": 3}', '{"m": {"a": [1]}}', '{"m": {"a": ["x", 2]}}', "[]"])
def test_quoted_values_of_another_form_are_refused(
    content: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    peers = tmp_path / "peers.json"
    peers.write_text(content)
    assert _run(folder, tmp_path, "--peers", str(peers))[0] == 2
    assert "does not hold quoted values" in capsys.readouterr().err


def test_the_script_runs_from_any_directory(folder: Path, checkout: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(checkout / "eval" / "pairs.py"), str(folder), "--baseline", "median"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(Path("results/pairs/pairs/pairs.md"))
    assert (tmp_path / done.stdout.strip()).is_file()


def test_the_development_pairs_score_as_stated_and_as_quoted(shared_dir: Path, tmp_path: Path) -> None:
    data_dir = shared_dir / "data-dev"
    listed = read_pair_folder(data_dir / "dev-pairs")
    quoted = json.loads((data_dir / "peer-models" / "measured_on_dev_pairs.json").read_text())["identity"]
    predictions, failed = predict(listed.pairs, baseline_subjects(["input"]), tmp_path)
    scores, unscored = score(predictions)
    assert len(scores) == len(listed.pairs) == 26
    assert failed == unscored == []  # `predict` compares each input with the PSNR that the list states
    for one in scores:
        found = (one.values["PSNR"], one.values["SSIM-Y"])
        assert found == pytest.approx(quoted[one.pair.name], abs=6e-4)  # quoted to 3 and 4 decimals


def test_a_folder_without_clean_photos_is_a_folder_like_any_other(shared_dir: Path, tmp_path: Path) -> None:
    code, output = _run(shared_dir / "data-dev" / "foundir", tmp_path, "--limit", "1")
    groups = json.loads((output / "pairs.json").read_text(encoding="utf-8"))["groups"]
    assert code == 0
    assert [(g["type"], g["source"]) for g in groups] == [("blur", "real"), ("mixed", "real")]
