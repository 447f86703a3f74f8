"""The command where memory runs out, something unforeseen happens, or Ctrl-C is pressed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from tests.uare.command_line import (
    QUICK,
    Command,
    files_below,
    the_error,
    write_photo,
)
from tests.uare.pictures import random_array
from uare.pipeline import UAREPipeline

pytestmark = pytest.mark.usefixtures("short_texts")


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
    # a shell that runs the tests in the background has its children ignore SIGINT
    heed = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{heed}; from uare.cli import main; main()"
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
