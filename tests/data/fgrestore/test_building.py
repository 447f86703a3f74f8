"""Building a set from files: which pairs come out, what goes wrong without harm, and that twice is once."""

from __future__ import annotations

import csv
import json
import shutil
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from data.build_fgrestore import main
from data.fgrestore.inputs import Harm, harmed_photos
from data.fgrestore.layout import content_parts, read_fgrestore, read_open
from data.fgrestore.restorers import Command, our_restorer
from data.votes import Vote, write_votes
from eval.peers.table import NETWORKS
from uare.errors import InputError

pytest.importorskip("pyarrow")

CONTENTS = ("cat", "dog", "owl")
STRENGTHS = (2.0, 5.0, 9.0, 14.0, 20.0, 27.0)  # deviations of noise in grey levels: six restorations
SIDE_PX = 40


def _clean(content: str) -> np.ndarray:
    rng = np.random.default_rng(sum(map(ord, content)))
    return np.kron(rng.integers(40, 216, (SIDE_PX // 8, SIDE_PX // 8, 3)), np.ones((8, 8, 1)))


def _save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.clip(np.round(pixels), 0, 255).astype(np.uint8)).save(path)


def _results(folder: Path) -> Path:
    """noise/CONTENT/r0.png to r5.png, each noisier than the one before, and a reference."""
    for content in CONTENTS:
        clean = _clean(content)
        _save(clean, folder / "noise" / content / "reference.png")
        for number, strength in enumerate(STRENGTHS):
            rng = np.random.default_rng(number)
            noisy = clean + strength * rng.standard_normal(clean.shape)
            _save(noisy, folder / "noise" / content / f"r{number}.png")
    return folder


def _run(output: Path, *words: object) -> int:
    return main(["--output", str(output), *map(str, words)])


def _pseudo(output: Path, results: Path, *words: object) -> int:
    return _run(output, "--results", results, "--vote", "psnr", "ssim", "ciede2000", *words)


def test_every_two_of_a_content_are_paired_and_the_less_noisy_one_is_better(tmp_path: Path) -> None:
    output = tmp_path / "set"
    # every difference of scores allowed, and only equal pictures unnoticeable
    code = _pseudo(output, _results(tmp_path / "r"), "--tau-share", 1, "--jnd-threshold", 0.9999)
    assert code == 0
    pairs = read_fgrestore(output).pairs
    assert len(pairs) == len(CONTENTS) * 15
    assert {(pair.task, pair.label_kind) for pair in pairs} == {("noise", "pseudo")}
    assert {pair.content for pair in pairs} == set(CONTENTS)
    for pair in pairs:
        assert pair.label == (1 if pair.source_a < pair.source_b else 0), pair.id
        assert (pair.score_a or 0) != (pair.score_b or 0)
    a_first = sum(pair.source_a < pair.source_b for pair in pairs)
    assert 10 < a_first < 35  # A is the better one about as often as B
    found = json.loads((output / "report.json").read_text())
    assert found["tasks"]["noise"]["all pairs"] == found["pairs"] == 45


def test_scores_far_apart_and_pictures_alike_are_filtered(tmp_path: Path) -> None:
    output, results = tmp_path / "set", _results(tmp_path / "r")
    for content in CONTENTS:  # a second name for the same picture: nobody can tell them apart
        source = results / "noise" / content / "r3.png"
        (results / "noise" / content / "r3again.png").write_bytes(source.read_bytes())
    assert _pseudo(output, results, "--tau-share", 0.3) == 0
    counts = json.loads((output / "report.json").read_text())["tasks"]["noise"]
    assert counts["all pairs"] == 3 * 21
    assert 0 < counts["noticeable"] < counts["scores near"] < counts["all pairs"]
    for pair in read_fgrestore(output).pairs:
        assert {pair.source_a, pair.source_b} != {"r3", "r3again"}
        assert {pair.source_a, pair.source_b} != {"r0", "r5"}


def test_building_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    results = _results(tmp_path / "r")
    outputs = [tmp_path / "one", tmp_path / "one", tmp_path / "two"]
    written = []
    for output in outputs:
        assert _pseudo(output, results) == 0
        written.append([(output / name).read_bytes() for name in ("pairs.parquet", "images.parquet")])
    assert written[0] == written[1] == written[2]


def test_no_scene_is_on_both_sides_of_the_split_by_content(tmp_path: Path) -> None:
    output = tmp_path / "set"
    assert _pseudo(output, _results(tmp_path / "r"), "--tau-share", 1, "--jnd-threshold", 0.9999) == 0
    found = read_fgrestore(output)
    sides = {
        side: {pair.content for pair in found.pairs if pair.split_content == side}
        for side in ("train", "test")
    }
    assert sides["train"] and sides["test"]
    assert not sides["train"] & sides["test"]
    in_training = {
        image for pair in found.pairs if pair.split_pair == "train" for image in (pair.image_a, pair.image_b)
    }
    assert sum(pair.split_pair == "test" for pair in found.pairs) == 9  # a fifth of 45
    assert not [image for image in found.images if image.split_pair == "test" and image.image in in_training]


def test_held_out_by_content_only_no_pair_of_another_content_is(tmp_path: Path) -> None:
    assert _pseudo(tmp_path / "set", _results(tmp_path / "r"), "--tau-share", 1, "--by-content") == 0
    found = read_fgrestore(tmp_path / "set")
    assert {pair.split_pair for pair in found.pairs} == {image.split_pair for image in found.images} == {""}
    assert {pair.split_content for pair in found.pairs} == {"train", "test"}


def test_contents_keep_the_part_that_they_had_in_an_earlier_set(tmp_path: Path) -> None:
    words = ("--tau-share", 1, "--jnd-threshold", 0.9999, "--by-content")
    results = _results(tmp_path / "r")
    assert _pseudo(tmp_path / "first", results, *words) == 0
    for place, content in enumerate("abcdefgh"):  # with so many more, others would be drawn
        shutil.copytree(results / "noise" / CONTENTS[place % 3], results / "noise" / content)
    assert _pseudo(tmp_path / "second", results, *words, "--split-of", tmp_path / "first") == 0
    before, after = content_parts(tmp_path / "first"), content_parts(tmp_path / "second")
    assert before.keys() == set(CONTENTS) and set(before.values()) == {"train", "test"}
    assert {content: after[content] for content in CONTENTS} == before
    new = [part for content, part in after.items() if content not in before]
    assert sorted(new) == ["test"] * 2 + ["train"] * 6  # a fifth, rounded up


def test_scores_of_people_and_their_threshold_come_from_the_table(tmp_path: Path) -> None:
    results = _results(tmp_path / "r")
    with (results / "results.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(
            ("path", "task", "content", "restorer", "origin", "score", "higher_is_better", "reference")
        )
        for content in CONTENTS:
            for number in range(6):
                path = f"noise/{content}/r{number}.png"
                # badness: 0, 10, ... so that lower is better
                table.writerow((path, "noise", content, f"r{number}", "lab", 10 * number, "false", ""))
    output = tmp_path / "set"
    code = _run(
        output, "--results", results, "--tau", "lab=10", "--labels-by-score", "lab", "--jnd-threshold", 1
    )
    assert code == 0
    found = read_fgrestore(output)
    assert len(found.pairs) == 3 * 5  # neighbours alone
    assert {pair.label_kind for pair in found.pairs} == {"human"}
    assert all(pair.label == (1 if pair.source_a < pair.source_b else 0) for pair in found.pairs)
    assert {image.score for image in found.images if image.restorer == "r2"} == {-20.0}


def test_votes_decide_and_what_they_leave_open_is_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, results = tmp_path / "set", _results(tmp_path / "r")
    words = ("--tau-share", 1, "--jnd-threshold", 0.9999)
    assert _pseudo(output, results, *words) == 0
    first, second, third, *_ = read_fgrestore(output).pairs
    files: dict[str, Any] = {
        "content": "x",
        "task": "noise",
        "image_a": "a",
        "image_b": "b",
    }
    votes = [
        *(Vote(pair=first.id, annotator=f"p{n}", choice="A" if n else "B", **files) for n in range(5)),
        *(Vote(pair=second.id, annotator=f"p{n}", choice="AB"[n % 2], **files) for n in range(4)),
        *(Vote(pair=third.id, annotator=f"p{n}", choice="AB"[n % 2], **files) for n in range(4)),
        Vote(pair=third.id, annotator="boss", choice="none", role="expert", **files),
        Vote(pair="gone", annotator="p1", choice="A", **files),
        Vote(pair=first.id, annotator="p9", choice="A", **files),
        Vote(pair=first.id, annotator="p9", choice="B", **files),
    ]
    write_votes(votes, tmp_path / "votes.jsonl")
    assert _pseudo(output, results, *words, "--votes", tmp_path / "votes.jsonl") == 1
    told = capsys.readouterr().err
    assert "there is no pair 'gone'" in told
    assert "p9 answered A and B" in told
    set_aside = (output / "votes_set_aside.jsonl").read_text().splitlines()
    assert len(set_aside) == 3
    labels = {pair.id: pair for pair in read_fgrestore(output).pairs}
    assert (labels[first.id].label, labels[first.id].label_kind) == (1, "human")
    assert (labels[first.id].votes_a, labels[first.id].votes_b) == (4, 1)
    assert labels[second.id].label_kind == "pseudo"  # people did not agree
    assert (labels[third.id].label, labels[third.id].label_made_by) == (2, "votes of experts")


def test_without_anybody_to_vote_pairs_stay_open(tmp_path: Path) -> None:
    results = _results(tmp_path / "r")
    rows = [f"noise/{c}/r{n}.png,noise,{c},r{n},{n}" for c in CONTENTS for n in range(6)]
    (results / "results.csv").write_text("path,task,content,restorer,score\n" + "\n".join(rows))
    output = tmp_path / "set"
    assert _run(output, "--results", results, "--tau-share", 1, "--jnd-threshold", 1) == 0
    assert len(read_open(output)) == 45
    assert {pair.label for pair in read_open(output)} == {None}
    assert read_fgrestore(output).pairs == ()


def _inputs(folder: Path) -> Path:
    entries = []
    for content in CONTENTS[:2]:
        _save(_clean(content), folder / f"{content}_gt.png")
        noise = 12 * np.random.default_rng(0).standard_normal((SIDE_PX, SIDE_PX, 3))
        _save(_clean(content) + noise, folder / f"{content}_lq.png")
        entries.append(
            {"type": "noise", "name": content, "lq": f"{content}_lq.png", "gt": f"{content}_gt.png"}
        )
    (folder / "pairs.json").write_text(json.dumps({"pairs": entries}))
    return folder


COPY = (
    f'{sys.executable} -S -c "import shutil,sys; shutil.copy(sys.argv[1], sys.argv[2])" {{input}} {{output}}'
)


def test_restorers_that_fail_or_hang_are_told_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "set"
    started = time.monotonic()
    code = _run(
        output,
        *("--pairs", _inputs(tmp_path / "in"), "--filters", "smooth-1", "median-3", "--timeout", 4),
        *("--restorer", f"copy={COPY}"),
        *("--restorer", "hangs=sh -c 'sleep 600' {input} {output}"),
        *("--restorer", f"fails={sys.executable} -S -c 'raise SystemExit(\"no luck\")' {{input}} {{output}}"),
        *("--restorer", "lazy=true {input} {output}"),
        *("--restorer", "absent=no-such-program {input} {output}"),
        *("--vote", "psnr", "--tau-share", 1, "--jnd-threshold", 0.99999),
    )
    assert code == 1
    assert time.monotonic() - started < 200
    told = capsys.readouterr().err
    for sentence in (
        "hangs failed on noise, cat: ended after 4 s",
        "fails failed on noise, cat: exit code 1 (no luck)",
        "lazy failed on noise, dog: it ended well, and there is no result",
        "absent failed on noise, dog: no-such-program cannot be started",
    ):
        assert sentence in told
    found = read_fgrestore(output)
    assert {image.restorer for image in found.images} == {"smooth-1", "median-3", "copy"}
    made_by = {image.restorer: image.made_by for image in found.images}
    assert made_by["copy"] == COPY
    assert made_by["smooth-1"] == "filter smooth-1"


def test_what_is_restored_is_not_restored_again(tmp_path: Path) -> None:
    output, inputs = tmp_path / "set", _inputs(tmp_path / "in")
    words = ("--pairs", inputs, "--filters", "smooth-1", "median-3", "--vote", "psnr", "--tau-share", 1)
    assert _run(output, *words) == 0
    place = output / "images" / "made" / "noise" / "cat" / "smooth-1.png"
    ledger = (output / "restorations.jsonl").read_text()
    before = place.stat().st_mtime_ns
    assert _run(output, *words) == 0
    assert (place.stat().st_mtime_ns, (output / "restorations.jsonl").read_text()) == (before, ledger)


def test_a_program_for_whole_folders_fills_one_like_the_other(tmp_path: Path) -> None:
    script = tmp_path / "copy all.py"
    script.write_text("import shutil, sys\nshutil.copytree(sys.argv[1], sys.argv[2], dirs_exist_ok=True)\n")
    output = tmp_path / "set"
    code = _run(
        output,
        *("--pairs", _inputs(tmp_path / "in"), "--filters", "smooth-1"),
        *("--restorer", f"all={sys.executable} -S '{script}' {{inputs}} {{outputs}}"),
        *("--vote", "psnr", "--tau-share", 1, "--jnd-threshold", 0.99999),
    )
    assert code == 0
    images = {(image.content, image.restorer): image for image in read_fgrestore(output).images}
    assert set(images) == {(content, name) for content in CONTENTS[:2] for name in ("all", "smooth-1")}
    for content in CONTENTS[:2]:
        found = images[content, "all"]
        copied, given = (np.asarray(Image.open(output / path)) for path in (found.image, found.degraded))
        np.testing.assert_array_equal(copied, given)


def test_published_networks_restore_what_they_are_for_and_their_weights_are_named(tmp_path: Path) -> None:
    output, weights = tmp_path / "set", tmp_path / "weights"
    weights.mkdir()
    for name in ("aod-net", "adnet-color-blind"):
        save_file(NETWORKS[name].build().state_dict(), weights / f"{name}.safetensors")
    words = (
        *("--pairs", _inputs(tmp_path / "in"), "--filters", "smooth-1", "--vote", "psnr", "--tau-share", 1),
        *("--peers", "aod-net", "adnet-color-blind", "--peer-weights", weights, "--jnd-threshold", 0.99999),
    )
    assert _run(output, *words) == 0
    found = [image for image in read_fgrestore(output).images if image.restorer != "smooth-1"]
    assert {(one.task, one.content, one.restorer) for one in found} == {
        ("noise", content, "adnet-color-blind") for content in CONTENTS[:2]
    }
    digest = sha256((weights / "adnet-color-blind.safetensors").read_bytes()).hexdigest()
    assert all("hellloxiaotian/ADNet" in one.made_by and digest in one.made_by for one in found)
    ledger = (output / "restorations.jsonl").read_text()
    assert _run(output, *words) == 0
    assert (output / "restorations.jsonl").read_text() == ledger


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--results", ".", "--split-of", "nowhere"), "there is no file nowhere/images.parquet"),
        (("--peers", "zero-dce"), "name the folder with --peer-weights"),
        (("--peers", "zero-dce", "--peer-weights", "."), "there is no zero-dce.safetensors"),
        (("--peers", "zero", "--peer-weights", "."), "there is no published network 'zero'"),
        (("--restorer", "x=cp {input}"), "expected a plain name and a command with"),
        (("--uare", "one"), "expected SEED:FIDELITY"),
        (("--filters", "sharpest"), "there is no filter 'sharpest'"),
        (("--tau", "lab"), "expected ORIGIN=NUMBER"),
        (("--agreement", "0.4"), "a share above 0.5"),
        (("--results", "nowhere"), "there is no folder nowhere"),
        (("--photos", ".", "--tasks", "dust"), "found the tasks dust"),
        (("--photos", ".", "--tasks", "haze", "--tasks-per-photo", "2"), "found 2 tasks a photo"),
        (("--photos", ".", "--tasks", "haze", "--severity", "3", "9"), "found the severities 3 to 9"),
        (("--photos", ".", "--tasks", "haze", "--crop", "8"), "found crops of 8 px"),
    ],
)
def test_a_wrong_call_says_what_was_expected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], complaint: str
) -> None:
    assert _run(tmp_path / "set", *words) == 2
    assert complaint in capsys.readouterr().err


def test_unusable_results_are_told_and_the_rest_is_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, results = tmp_path / "set", _results(tmp_path / "r")
    (results / "noise" / "cat" / "r1.png").write_bytes(b"no picture")
    _save(np.zeros((16, 16, 3)), results / "noise" / "dog" / "r1.png")  # of another size
    assert _pseudo(output, results, "--tau-share", 1) == 1
    told = capsys.readouterr().err
    assert "noise/cat/r1.png cannot be used" in told
    assert "noise/dog/r1.png: psnr cannot be measured" in told
    assert {"r0", "r2"} <= {pair.source_a for pair in read_fgrestore(output).pairs} | {
        pair.source_b for pair in read_fgrestore(output).pairs
    }


@pytest.mark.parametrize("name", ["../dog", "a/b", ".hidden", ""])
def test_names_cannot_lead_out_of_the_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    inputs = _inputs(tmp_path / "in")
    listed = json.loads((inputs / "pairs.json").read_text())
    listed["pairs"][0]["name"] = name
    (inputs / "pairs.json").write_text(json.dumps(listed))
    output = tmp_path / "set"
    words = ("--filters", "smooth-1", "median-3", "--vote", "psnr", "--tau-share", 1)
    assert _run(output, "--pairs", inputs, *words) == 1
    assert "is no plain name" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "set"]


def test_a_timeout_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="expected more than 0"):
        Command(name="x", template="cp {input} {output}", timeout_s=0)


def test_clean_photos_are_harmed_restored_and_paired(tmp_path: Path) -> None:
    for content in CONTENTS:
        _save(_clean(content), tmp_path / "photos" / f"{content}.png")
    output = tmp_path / "set"
    code = _run(
        output,
        *("--photos", tmp_path / "photos", "--tasks", "noise", "jpeg", "--limit", 2),
        *("--filters", "smooth-0.6", "smooth-1", "median-3", "--vote", "psnr", "ssim", "ciede2000"),
        *("--tau-share", 1, "--jnd-threshold", 0.99999, "--test-only"),
    )
    assert code == 0
    found = read_fgrestore(output)
    assert len(found.images) == 2 * 2 * 3
    assert {(pair.task, pair.content) for pair in found.pairs} == {
        (task, content) for task in ("noise", "jpeg") for content in CONTENTS[:2]
    }
    assert {(pair.split_pair, pair.split_content) for pair in found.pairs} == {("test", "test")}
    for image in found.images:
        reference, given = (
            np.asarray(Image.open(output / path)) for path in (image.reference, image.degraded)
        )
        np.testing.assert_array_equal(reference, np.round(_clean(image.content)))
        assert (reference != given).any()


def test_crops_of_clear_photos_get_some_of_the_tasks_the_same_each_time(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c", "small"):
        side = 20 if name == "small" else 160
        _save(
            np.kron(rng.integers(0, 256, (side // 4, side // 4, 3)), np.ones((4, 4, 1))),
            photos / f"{name}.png",
        )
    listed = [{"file": f"{name}.png", "clear": name != "b"} for name in ("a", "b", "c", "small")]
    (photos / "photos.json").write_text(json.dumps(listed))
    harm = Harm(tasks=("noise", "haze", "blur"), per_photo=2, severities=(1.0, 4.0), crop_px=64, seed=3)
    found, problems = harmed_photos(photos, harm, None)
    assert [one.content for one in found] == ["a", "a", "c", "c"]  # b is not clear
    assert problems == [f"{photos / 'small.png'} is smaller than the crops of 64 px; take it out"]
    assert all(len({one.task for one in found if one.content == name}) == 2 for name in ("a", "c"))
    assert {one.pixels.shape for one in found} == {(64, 64, 3)}
    again, _ = harmed_photos(photos, harm, None)
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        np.testing.assert_array_equal(one.reference, other.reference)


def test_our_model_is_told_what_to_do_or_analyses() -> None:
    told, analysing = our_restorer(2, 0.5, "Remove it, now!", "m", 1.0), our_restorer(2, 1, "", "m", 1.0)
    assert told.name == "uare-seed2-fidelity0.5-remove-it-now"
    words = told.words(inputs=Path("in"), outputs=Path("out"))
    assert words[words.index("--instruction") + 1] == "Remove it, now!"
    assert "--no-analyse" in words
    assert analysing.name == "uare-seed2-fidelity1"
    assert "--no-analyse" not in analysing.words(inputs=Path("in"), outputs=Path("out"))
