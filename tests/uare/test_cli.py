"""The command on the tiny model: what each verb prints, writes, leaves out and answers."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from tests.goldens.folder import find_goldens
from tests.uare.command_line import Command, run, write_photo
from uare.cli import app
from uare.model import UAREModel
from uare.pipeline import UAREPipeline

pytestmark = pytest.mark.usefixtures("short_texts")

DOCUMENTED = {"assess", "compare", "restore", "rank", "triage", "convert", "info"}  # end with a document
VERBS = DOCUMENTED | {"serve", "demo"}


def assert_usage_error(code: int, out: str) -> None:
    assert (code, out) == (2, "")


# --- the command as a whole ---


def test_the_command_has_these_verbs_and_no_others() -> None:
    assert {command.callback.__name__ for command in app.registered_commands if command.callback} == VERBS


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_explains_itself(verb: str) -> None:
    ran = run(verb, "--help")
    assert ran.code == 0
    assert ran.out.startswith(f"Usage: uare {verb}") or f" {verb} [OPTIONS]" in ran.out
    shared = {"--json", "--quiet"} if verb in DOCUMENTED else {"--quiet"}
    assert shared <= set(re.findall(r"--[a-z-]+", ran.out))


def test_restoring_has_the_letters_of_real_esrgan() -> None:
    text = run("restore", "--help").out
    for letter, name in (("i", "input"), ("o", "output"), ("n", "model"), ("s", "upscale"), ("t", "tile")):
        assert f"-{letter}, --{name} " in text


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version").out.strip() == version("uare")


@pytest.mark.parametrize("verb", ["assess", "restore", "rank", "triage"])
def test_no_photo_is_a_wrong_call(verb: str) -> None:
    ran = run(verb)
    assert_usage_error(ran.code, ran.out)
    assert ran.err == "error: no photo was named; give files or folders, such as: uare assess photo.jpg\n"


def test_a_wrong_option_is_a_wrong_call_and_names_the_right_one(photos: Path) -> None:
    ran = run("restore", photos, "--stpes", "3")
    assert_usage_error(ran.code, ran.out)
    assert "--steps" in ran.err


# --- assess ---


def test_assess_says_what_the_pipeline_says(
    uare: Command, photos: Path, restoring_pipeline: UAREPipeline
) -> None:
    (result,) = uare("assess", photos / "a.png", "--json").results
    assert result["assessment"] == restoring_pipeline.assess(photos / "a.png").to_dict()
    assert (result["input"], result["size"]) == (str(photos / "a.png"), [32, 48])


def test_assess_takes_a_folder_at_any_depth(uare: Command, photos: Path) -> None:
    ran = uare("assess", photos, "--json")
    assert ran.code == 0
    assert [result["input"] for result in ran.results] == [
        str(photos / name) for name in ("a.png", "b.jpg", "deep/c.png")
    ]


def test_the_letter_i_names_photos_too(uare: Command, photos: Path) -> None:
    named = uare("assess", photos / "a.png", photos / "b.jpg", "--json").results
    assert uare("assess", "-i", photos / "a.png", "-i", photos / "b.jpg", "--json").results == named


def test_people_read_score_level_and_the_rest(uare: Command, photos: Path) -> None:
    found = uare("assess", photos / "a.png", "--json").results[0]["assessment"]
    text = uare("assess", photos / "a.png").out
    assert f"{found['score']:.2f} of 5, {found['level']}" in text
    assert "sharpness" in text and "exposure" in text


def test_a_table_has_a_row_for_each_photo(uare: Command, photos: Path) -> None:
    lines = uare("assess", photos).out.splitlines()
    assert lines[0].split() == ["photo", "score", "level", "what", "is", "wrong"]
    assert [line.split()[0] for line in lines[1:]] == [
        str(photos / name) for name in ("a.png", "b.jpg", "deep/c.png")
    ]


def test_the_report_goes_into_a_file_or_a_folder(uare: Command, photos: Path, tmp_path: Path) -> None:
    printed = uare("assess", photos, "--json", "-o", tmp_path / "report.json").document
    uare("assess", photos, "-o", tmp_path / "reports")
    for path in (tmp_path / "report.json", tmp_path / "reports" / "assess.json"):
        assert json.loads(path.read_text(encoding="utf-8")) == printed


def test_a_report_replaces_an_earlier_report_and_nothing_else(
    uare: Command, photos: Path, tmp_path: Path
) -> None:
    ours, theirs = tmp_path / "ours.json", tmp_path / "theirs.json"
    theirs.write_text('{"precious": true}')
    assert [uare("assess", photos / "a.png", "-o", ours).code for _ in range(2)] == [0, 0]
    ran = uare("assess", photos / "a.png", "-o", theirs)
    assert_usage_error(ran.code, ran.out)
    assert f"{theirs} exists and is no document of uare" in ran.err
    assert theirs.read_text() == '{"precious": true}'


def test_what_a_file_name_holds_cannot_steer_the_terminal(uare: Command, tmp_path: Path) -> None:
    ran = uare("assess", write_photo(tmp_path / "red\x1b[31m.png"))
    assert ran.code == 0
    assert "\x1b" not in ran.out


# --- compare ---


def test_compare_says_what_the_pipeline_says_and_swapping_swaps_it(
    uare: Command, photos: Path, restoring_pipeline: UAREPipeline
) -> None:
    a, b = photos / "a.png", photos / "b.jpg"
    (there,) = uare("compare", a, b, "--json").results
    (back,) = uare("compare", b, a, "--json").results
    assert there["comparison"] == restoring_pipeline.compare(a, b).to_dict()
    shares, swapped = there["comparison"]["probabilities"], back["comparison"]["probabilities"]
    assert (shares["A"], shares["B"], shares["equal"]) == (swapped["B"], swapped["A"], swapped["equal"])


def test_folders_are_compared_by_name(uare: Command, photos: Path, tmp_path: Path) -> None:
    others = tmp_path / "others"
    write_photo(others / "a_restored.jpg", seed=4)
    write_photo(others / "deep" / "c.jpg", seed=5)
    ran = uare("compare", photos, others, "--json")
    assert [(Path(r["a"]).name, Path(r["b"]).name) for r in ran.results] == [
        ("a.png", "a_restored.jpg"),
        ("c.png", "c.jpg"),
    ]
    assert ran.code == 1
    assert f"{photos / 'b.jpg'} has no partner of its name in {others}" in ran.err


def test_a_reference_is_part_of_the_comparison(
    uare: Command, photos: Path, restoring_pipeline: UAREPipeline
) -> None:
    a, b, reference = photos / "a.png", photos / "b.jpg", photos / "deep" / "c.png"
    (result,) = uare("compare", a, b, "--reference", reference, "--json").results
    assert result["comparison"] == restoring_pipeline.compare(a, b, reference).to_dict()
    assert result["reference"] == str(reference)


def test_a_photo_is_not_compared_with_a_folder(uare: Command, photos: Path) -> None:
    ran = uare("compare", photos / "a.png", photos)
    assert_usage_error(ran.code, ran.out)
    assert f"{photos} is a folder and {photos / 'a.png'} is not" in ran.err


# --- convert and info ---


def test_a_converted_folder_is_the_same_model(goldens_dir: Path, tmp_path: Path) -> None:
    found = find_goldens(goldens_dir)
    if not found:
        pytest.skip(f"no golden folder bagel-tiny-* in {goldens_dir}")
    source = found[0] / "checkpoint"
    ran = run("convert", source, tmp_path / "out", "--json")
    assert ran.code == 0
    ours, theirs = UAREModel.from_pretrained(tmp_path / "out"), UAREModel.from_pretrained(source)
    weights = theirs.state_dict()
    assert ran.document["parameters"] == sum(weight.numel() for weight in theirs.parameters())
    assert ours.state_dict().keys() == weights.keys()
    assert all(torch.equal(value, weights[name]) for name, value in ours.state_dict().items())
    assert run("info", "--model", tmp_path / "out").code == 0  # its tokenizer came along
    again = run("convert", source, tmp_path / "out")
    assert_usage_error(again.code, again.out)
    assert "exists already" in again.err


def test_only_bagel_folders_are_converted(model_folder: Path, tmp_path: Path) -> None:
    ran = run("convert", model_folder, tmp_path / "out")
    assert_usage_error(ran.code, ran.out)
    assert "is no BAGEL folder" in ran.err
    assert not (tmp_path / "out").exists()


def test_info_counts_every_parameter_once(uare: Command, restoring_pipeline: UAREPipeline) -> None:
    facts = uare("info", "--json").document
    count = sum(weight.numel() for weight in restoring_pipeline.model.parameters())
    assert facts["parameters"] == sum(row["parameters"] for row in facts["components"]) == count
    assert facts["memory"]["weights_bytes"] == 4 * count  # float32
    experts = {row["name"]: row["parameters"] for row in facts["components"]}
    assert experts["quality expert"] == experts["restoration expert"]  # two of one class


def test_info_is_readable(uare: Command) -> None:
    text = uare("info").out
    for words in ("cpu, float32", "quality expert", "codec", "detail path", "versions"):
        assert words in text
