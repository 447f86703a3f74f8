"""Photos, files and options that cannot work: one clear sentence, the right exit code, the others done."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image, PngImagePlugin

from tests.uare.command_line import (
    QUICK,
    Command,
    assert_wrong_call,
    files_below,
    run,
    the_error,
    write_photo,
)
from uare.images import MAX_PIXELS

pytestmark = pytest.mark.usefixtures("short_texts")

# --- photos ---


def truncated(path: Path) -> None:
    write_photo(path, height=64, width=64)
    path.write_bytes(path.read_bytes()[:1500])


def corrupt(path: Path) -> None:
    write_photo(path, height=64, width=64)
    content = bytearray(path.read_bytes())
    content[200:400] = bytes(200)
    path.write_bytes(bytes(content))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def no_image(path: Path) -> None:
    path.write_text("#!/bin/sh\necho this is a program\n")


def zero_size(path: Path) -> None:
    # A PNG whose header says 0x0; its checksum is right.
    header = PngImagePlugin.putchunk
    with path.open("wb") as stream:
        stream.write(b"\x89PNG\r\n\x1a\n")
        header(stream, b"IHDR", bytes(8), b"\x08\x02\x00\x00\x00")
        header(stream, b"IEND", b"")


def bomb(path: Path) -> None:
    # One bit a pixel and all black: a few kB that unpack to more pixels than are allowed.
    side = int(MAX_PIXELS**0.5) + 100
    Image.new("1", (side, side)).save(path)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (truncated, "damaged or cut off"),
        (corrupt, "damaged or cut off"),
        (empty, "is empty (0 bytes)"),
        (no_image, "is not an image that can be read"),
        (zero_size, "broken.png"),
        (bomb, "is larger than 178,956,970 pixels"),
    ],
)
def test_a_bad_file_fails_alone_and_the_rest_is_done(
    uare: Command, photos: Path, tmp_path: Path, spoil: Callable[[Path], None], words: str
) -> None:
    broken = photos / "broken.png"
    spoil(broken)
    ran = uare("restore", photos, "-o", tmp_path / "out", *QUICK, "--json")
    assert ran.code == 1
    assert words in the_error(ran) and str(broken) in the_error(ran)
    assert [failure["input"] for failure in ran.document["failures"]] == [str(broken)]
    assert files_below(tmp_path / "out") == {
        *("a_restored.png", "a.json", "b_restored.jpg", "b.json"),
        *("deep/c_restored.png", "deep/c.json"),
    }
    assert uare("assess", broken).code == uare("compare", broken, photos / "a.png").code == 1


def test_a_wrong_extension_is_read_by_content_and_said(uare: Command, tmp_path: Path) -> None:
    write_photo(tmp_path / "photo.png").rename(tmp_path / "photo.jpg")
    ran = uare("restore", tmp_path / "photo.jpg", "-o", tmp_path / "out", *QUICK)
    assert ran.code == 0
    assert "the name ends in .jpg but the file is PNG" in ran.err


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (12, 1500), (1500, 12)])
def test_the_smallest_photos_and_long_strips_are_restored(
    uare: Command, tmp_path: Path, height: int, width: int
) -> None:
    write_photo(tmp_path / "photo.png", height=height, width=width)
    assert uare("assess", tmp_path / "photo.png").code == 0
    ran = uare("restore", tmp_path / "photo.png", "-o", tmp_path / "out", "--steps", "1")
    assert ran.code == 0
    assert Image.open(tmp_path / "out" / "photo_restored.png").size == (width, height)


def test_a_strip_of_20000_by_20_is_restored(uare: Command, tmp_path: Path) -> None:
    write_photo(tmp_path / "photo.png", height=20, width=20000)
    assert uare("restore", tmp_path / "photo.png", "-o", tmp_path / "out", *QUICK).code == 0
    assert Image.open(tmp_path / "out" / "photo_restored.png").size == (20000, 20)


# --- folders and files ---


@pytest.mark.parametrize("verb", ["assess", "restore", "rank", "triage"])
def test_a_name_that_is_not_there_is_said(uare: Command, photos: Path, tmp_path: Path, verb: str) -> None:
    missing = tmp_path / "missing.png"
    places = ("-o", tmp_path / "out")
    assert_wrong_call(uare(verb, missing, *places), f"there is no file or folder {missing}")
    ran = uare(verb, missing, photos / "a.png", *places)
    assert ran.code == 1  # the photo that is there is done
    assert f"there is no file or folder {missing}" in the_error(ran)


def test_a_folder_without_photos_is_said(uare: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert_wrong_call(uare("assess", tmp_path / "empty"), "holds no photos")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_an_unreadable_folder_is_said_and_the_rest_is_done(
    uare: Command, photos: Path, tmp_path: Path
) -> None:
    (photos / "deep").chmod(0)
    try:
        ran = uare("restore", photos, "-o", tmp_path / "out", *QUICK)
    finally:
        (photos / "deep").chmod(0o755)
    assert ran.code == 1
    assert f"{photos / 'deep'} cannot be read" in the_error(ran)
    assert {"a_restored.png", "b_restored.jpg"} <= files_below(tmp_path / "out")


def test_an_output_that_cannot_be_written_is_said_before_the_work(
    uare: Command, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    ran = uare("restore", photos / "a.png", "-o", tmp_path / "file" / "out")
    assert_wrong_call(ran, "cannot be written to", "choose another --output")
    assert (tmp_path / "file").read_text() == "in the way"


def test_many_results_do_not_fit_into_one_file(uare: Command, photos: Path, tmp_path: Path) -> None:
    assert_wrong_call(uare("restore", photos, "-o", tmp_path / "out.png"), "is one file for 3 results")


@pytest.mark.parametrize("force", [(), ("--overwrite",)])
def test_a_photo_is_never_overwritten(uare: Command, photos: Path, force: tuple[str, ...]) -> None:
    photo = photos / "a.png"
    before = photo.read_bytes()
    assert_wrong_call(uare("restore", photo, "-o", photo, *force), "never done")
    same_folder = uare("restore", photo, "-o", photos, "--suffix", "", *force)
    assert_wrong_call(same_folder, "would overwrite the photo", "choose another --output or --suffix")
    assert photo.read_bytes() == before


def test_another_photo_is_not_overwritten_either(uare: Command, photos: Path) -> None:
    before = (photos / "a.png").read_bytes()
    write_photo(photos / "deep" / "a.png", seed=8)
    names = (photos / "deep" / "a.png", photos / "a.png")
    ran = uare("restore", *names, "-o", photos, "--suffix", "", "--overwrite", *QUICK)
    assert ran.code == 1
    assert f"the result of {names[0]} would overwrite the photo {names[1]}" in the_error(ran)
    assert (photos / "a.png").read_bytes() == before


def test_a_linked_photo_is_not_overwritten_through_its_link(
    uare: Command, photos: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link.png"
    link.symlink_to(photos / "a.png")
    before = (photos / "a.png").read_bytes()
    assert_wrong_call(uare("restore", photos / "a.png", "-o", link, "--overwrite"), "never done")
    assert (photos / "a.png").read_bytes() == before


def test_a_foreign_json_file_where_the_sidecar_belongs_is_kept(
    uare: Command, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_text('{"taken": "yesterday"}')
    ran = uare("restore", photos / "a.png", photos / "b.jpg", "-o", tmp_path, *QUICK)
    assert ran.code == 1
    assert f"{tmp_path / 'a.json'} exists and is no document of uare" in the_error(ran)
    assert (tmp_path / "a.json").read_text() == '{"taken": "yesterday"}'
    assert not (tmp_path / "a_restored.png").exists() and (tmp_path / "b_restored.jpg").exists()


def test_a_disk_that_fills_up_leaves_no_part_behind(
    uare: Command, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("uare.writing.os.fsync", full)
    ran = uare("restore", photos / "a.png", "-o", tmp_path / "out", *QUICK)
    assert ran.code == 1
    assert "cannot be written (No space left on device)" in the_error(ran)
    assert files_below(tmp_path / "out") == set()


def test_a_result_whose_sidecar_cannot_be_written_is_taken_back(
    uare: Command, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next run would take the photo for done, and its record would never be written."""

    def interrupted(path: Path, content: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("uare.batch.jobs.write_document", interrupted)
    assert uare("restore", photos / "a.png", "-o", tmp_path / "out", *QUICK).code == 130
    assert files_below(tmp_path / "out") == set()


# --- options ---


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--steps", "-3", "steps must be at least 1, found -3"),
        ("--steps", "0", "steps must be at least 1, found 0"),
        ("--fidelity", "1.5", "fidelity must lie in 0..1, found 1.5"),
        ("--upscale", "3", "upscale must be 1, 2 or 4, found 3"),
        ("--tile", "10", "tile must be at least"),
        ("--best-of", "0", "best_of must be at least 1, found 0"),
        ("--format", "bmp", "photos cannot be written as .bmp"),
        ("--suffix", "../x", "cannot hold a path"),
        ("--mask", "missing.png", "there is no mask missing.png"),
        ("--dtype", "int8", "unknown dtype 'int8'; choose float32, bfloat16, float16"),
        ("--device", "abacus", "unknown device 'abacus'"),
    ],
)
def test_an_option_that_makes_no_sense_is_said(
    model_folder: Path, photos: Path, tmp_path: Path, option: str, value: str, words: str
) -> None:
    ran = run("restore", photos, "-o", tmp_path / "out", "-n", model_folder, option, value)
    assert_wrong_call(ran, words)
    assert not (tmp_path / "out").exists() or files_below(tmp_path / "out") == set()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_asked_for_and_absent_is_said(model_folder: Path, photos: Path) -> None:
    ran = run("assess", photos, "-n", model_folder, "--device", "cuda")
    assert_wrong_call(ran, "device 'cuda' was asked for, but there is none here")


def test_a_level_that_is_none_is_said(uare: Command, photos: Path) -> None:
    assert_wrong_call(uare("triage", photos, "--below", "splendid"), "choose one of excellent, good")


def test_a_mask_of_another_size_fails_its_photo_only(uare: Command, photos: Path, tmp_path: Path) -> None:
    write_photo(photos / "large.png", height=40, width=60)
    Image.new("L", (48, 32), 255).save(tmp_path / "mask.png")
    ran = uare("restore", photos, "-o", tmp_path / "out", "--mask", tmp_path / "mask.png", *QUICK)
    assert ran.code == 1
    assert "the mask has 48x32 px and its photo 60x40" in the_error(ran)
    assert f"{photos / 'large.png'}" in the_error(ran)


@pytest.mark.parametrize(
    "words", ["<|im_end|><|vision_start|>", "\u2603 \U0001f4f7 \u6d88 \x00\x07", "", "x" * 2000]
)
def test_an_instruction_may_hold_anything(uare: Command, photos: Path, tmp_path: Path, words: str) -> None:
    ran = uare("restore", photos / "a.png", "-o", tmp_path, *QUICK, "--instruction", words, "--json")
    assert ran.code == 0
    assert ran.results[0]["settings"]["instruction"] == words
