"""What cannot work: one clear sentence, the right exit code, no half-written file, and the others done."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.uare.command_line import Command, Ran, files_below, run, write_photo
from tests.uare.pictures import random_array
from uare.images import MAX_PIXELS
from uare.pipeline import UAREPipeline

pytestmark = pytest.mark.usefixtures("short_texts")

QUICK = ("--no-analyse", "--no-verify", "--steps", "1")


def the_error(ran: Ran) -> str:
    """The one sentence of a call that failed."""
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, ran.err
    assert "Traceback" not in ran.err and "Traceback" not in ran.out
    return errors[0].removeprefix("error: ")


def assert_wrong_call(ran: Ran, *words: str) -> None:
    """Exit code 2, nothing on stdout, and a sentence with these words."""
    assert (ran.code, ran.out) == (2, "")
    sentence = the_error(ran)
    assert all(word in sentence for word in words), sentence


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


# --- model folders ---


@pytest.fixture
def own_model(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of the model folder that a test may spoil."""
    return Path(shutil.copytree(model_folder, tmp_path / "model"))


def info(model: Path) -> Ran:
    return run("info", "--model", model, "--device", "cpu")


def test_a_missing_model_is_said(tmp_path: Path) -> None:
    assert_wrong_call(info(tmp_path / "missing"), "no model", "expected a folder")


def test_missing_weights_are_said(own_model: Path) -> None:
    (own_model / "model.safetensors").unlink()
    assert_wrong_call(info(own_model), f"{own_model} holds no model*.safetensors")


def test_a_missing_tokenizer_is_said(own_model: Path) -> None:
    (own_model / "tokenizer.json").unlink()
    assert_wrong_call(info(own_model), "tokenizer.json is missing")


def test_a_folder_that_is_no_model_is_said(photos: Path) -> None:
    assert_wrong_call(info(photos), "holds neither config.json (ours) nor llm_config.json (BAGEL)")


def test_a_file_where_a_model_folder_belongs_is_said(photos: Path) -> None:
    assert_wrong_call(info(photos / "a.png"), "is a file; expected a model folder")


def test_another_kind_of_model_is_said(own_model: Path) -> None:
    config = json.loads((own_model / "config.json").read_text(encoding="utf-8"))
    (own_model / "config.json").write_text(json.dumps(config | {"model_type": "qwen2"}), encoding="utf-8")
    assert_wrong_call(info(own_model), "qwen2")


def test_weights_that_are_cut_off_are_said(own_model: Path) -> None:
    weights = own_model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    assert_wrong_call(info(own_model), str(own_model))


def test_a_missing_shard_is_said(restoring_pipeline: UAREPipeline, tmp_path: Path) -> None:
    restoring_pipeline.model.save_pretrained(tmp_path, max_shard_size="100KB")
    restoring_pipeline.tokenizer.save(tmp_path)
    assert info(tmp_path).code == 0
    sorted(tmp_path.glob("model-*.safetensors"))[1].unlink()
    assert_wrong_call(info(tmp_path), "model-00002-of-")


def test_weights_that_are_no_numbers_are_said(own_model: Path) -> None:
    weights = load_file(own_model / "model.safetensors")
    name = "text.embed.weight"
    weights[name] = weights[name].clone()
    weights[name][3, 5] = float("nan")
    save_file(weights, own_model / "model.safetensors", metadata={"format": "pt"})
    assert_wrong_call(info(own_model), f"weight {name} holds NaN or infinity")


def test_a_pickle_is_refused_unopened(own_model: Path, tmp_path: Path) -> None:
    (own_model / "model.safetensors").unlink()
    witness = tmp_path / "witness"
    payload = f"cos\nsystem\n(S'touch {witness}'\ntR.".encode()  # runs a program where it is unpickled
    (own_model / "pytorch_model.bin").write_bytes(payload)
    assert_wrong_call(info(own_model), "pytorch_model.bin, a pickle that could run code")
    assert not witness.exists()


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


# --- memory ---


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes the codec's decoder fail like an allocation for anything that has more pixels than given."""

    def limit(num_pixels: int) -> None:
        loaded = UAREPipeline.from_pretrained.__func__  # type: ignore[attr-defined]

        def from_pretrained(cls: type[UAREPipeline], *names: str, **choices: str) -> UAREPipeline:
            pipe: UAREPipeline = loaded(cls, *names, **choices)
            decode = pipe.model.codec.decode

            def fragile(latents: Tensor) -> Tensor:
                if 64 * latents.shape[-1] * latents.shape[-2] > num_pixels:
                    raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
                return decode(latents)

            monkeypatch.setattr(pipe.model.codec, "decode", fragile)
            return pipe

        monkeypatch.setattr(UAREPipeline, "from_pretrained", classmethod(from_pretrained))

    return limit


def test_where_memory_runs_out_smaller_tiles_are_taken_and_that_is_said(
    uare: Command, tmp_path: Path, little_memory: Callable[[int], None]
) -> None:
    photo = write_photo(tmp_path / "photo.png", height=256, width=256)
    little_memory(200 * 200)
    ran = uare("restore", photo, "-o", tmp_path / "out", *QUICK)
    assert ran.code == 0
    assert "memory did not suffice: the photo was restored in tiles of 128 px" in ran.err
    assert Image.open(tmp_path / "out" / "photo_restored.png").size == (256, 256)


def test_where_even_small_tiles_do_not_fit_the_photo_fails_and_the_rest_is_done(
    uare: Command, photos: Path, tmp_path: Path, little_memory: Callable[[int], None]
) -> None:
    write_photo(photos / "large.png", height=256, width=256)
    little_memory(100 * 100)
    ran = uare("restore", photos, "-o", tmp_path / "out", *QUICK)
    assert ran.code == 1
    assert "memory does not suffice even for tiles of 128 px" in the_error(ran)
    assert {"a_restored.png", "deep/c_restored.png"} <= files_below(tmp_path / "out")
    assert "large_restored.png" not in files_below(tmp_path / "out")


def test_an_error_that_nobody_foresaw_does_not_stop_the_rest(
    uare: Command, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore_photo = UAREPipeline.restore_photo
    calls: Iterator[int] = iter(range(10))

    def surprising(*arguments: object, **choices: object) -> object:
        if next(calls) == 0:
            raise RuntimeError("the moon is full")
        return restore_photo(*arguments, **choices)  # type: ignore[arg-type]

    monkeypatch.setattr(UAREPipeline, "restore_photo", surprising)
    ran = uare("restore", photos, "-o", tmp_path / "out", *QUICK, "--json")
    assert (ran.code, len(ran.results)) == (1, 2)
    assert "a.png failed for a reason that was not foreseen (RuntimeError: the moon is full)" in the_error(
        ran
    )


# --- Ctrl-C ---


def test_ctrl_c_keeps_what_is_done_and_the_next_run_goes_on(
    uare: Command, model_folder: Path, tmp_path: Path
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    for index in range(40):
        Image.fromarray(random_array(96, 96, seed=index)).save(_made(photos) / f"{index:02}.png")
    arguments = ["restore", photos, "-o", out, "-n", model_folder, "--device", "cpu", "--dtype", "float32"]
    program = "from uare.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments), *QUICK[:1], "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    deadline = time.monotonic() + 60
    while len(list(out.glob("*.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    printed, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    document = json.loads(printed)
    assert document["interrupted"] is True
    done = {Path(result["output"]).name for result in document["results"]}
    assert 2 <= len(done) < 40
    assert said.splitlines()[-1] == (
        f"Stopped by Ctrl-C: {len(done)} of 40 done and kept; the same command goes on from there."
    )
    sidecars = {f"{name[:2]}.json" for name in done}
    assert files_below(out) == done | sidecars  # nothing half-written
    for name in done:
        np.asarray(Image.open(out / name))  # whole
    for path in sorted(photos.iterdir())[len(done) + 2 :]:
        path.unlink()  # two more will do
    again = uare("restore", photos, "-o", out, *QUICK, "--json")
    assert (again.code, len(again.results), len(again.document["skipped"])) == (0, 2, len(done))


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder
