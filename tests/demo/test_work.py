"""What the tabs do without their page: masks, candidates, tables, sentences; with a small true model."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

gr = pytest.importorskip("gradio")

from demo.assessing import Assessed, Unreadable, csv_text, table_rows  # noqa: E402
from demo.desk import Desk, Limits, Say, Stopped  # noqa: E402
from demo.fields import painted  # noqa: E402
from demo.pictures import painted_mask, shown  # noqa: E402
from demo.restoring import (  # noqa: E402
    FORMATS,
    Finished,
    Message,
    Previewed,
    Stepped,
    Written,
    own_format,
    restore,
    write_file,
    write_record,
)
from demo.tabs.assess import charts  # noqa: E402
from demo.tabs.restore_controls import PRESETS, preset_values  # noqa: E402
from demo.words import bars, status, verdict_line  # noqa: E402
from tests.uare.pictures import random_array, smooth_pixels  # noqa: E402
from tests.uare.tiny import tiny_restorer, tiny_text_tokenizer  # noqa: E402
from uare.errors import InputError  # noqa: E402
from uare.images import load_photo  # noqa: E402
from uare.options import RestoreOptions  # noqa: E402
from uare.pipeline import UAREPipeline  # noqa: E402
from uare.results import Assessment, Degradation, Verdict  # noqa: E402
from uare.vocabulary import ATTRIBUTES, LEVELS  # noqa: E402

VISITOR = gr.Request(session_hash="a")


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    pipe = UAREPipeline(tiny_restorer(), tiny_text_tokenizer())
    opened = Desk(pipe, {"name": "tiny", "device": "cpu", "dtype": "float32"}, Limits(max_pixels=20_000))
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def short_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model with random weights never ends its answer; 16 tokens of it will do."""
    monkeypatch.setattr("uare.assess.MAX_ANALYSIS_TOKENS", 16)


def said(desk: Desk, photo: Any, analysis: str | None = None, **options: Any) -> list[Any]:
    """All messages of a restoration."""
    chosen = RestoreOptions(**options)
    return list(desk.run(lambda say: restore(desk, load_photo(photo), analysis, chosen, say), VISITOR))


def layer(painted: tuple[slice, slice] | None, height: int = 30, width: int = 40) -> Image.Image:
    pixels = np.zeros((height, width, 4), np.uint8)
    if painted is not None:
        pixels[painted] = (255, 0, 170, 128)
    return Image.fromarray(pixels)


# --- masks ---


def test_what_is_painted_is_kept_or_is_all_that_is_restored() -> None:
    painted = [layer((slice(0, 15), slice(0, 40)))]  # the upper half, at half the photo's size
    kept = painted_mask(painted, (60, 80), keeps=True)
    only = painted_mask(painted, (60, 80), keeps=False)
    assert kept is not None and only is not None
    assert (kept[:30] == 0).all() and (kept[30:] == 255).all()
    assert (only == 255 - kept).all()


def test_all_layers_count_and_nothing_painted_is_no_mask() -> None:
    assert painted_mask([], (60, 80), keeps=True) is None
    assert painted_mask([layer(None)], (60, 80), keeps=True) is None
    both = painted_mask(
        [layer((slice(0, 5), slice(0, 5))), layer((slice(25, 30), slice(35, 40)))], (30, 40), keeps=False
    )
    assert both is not None
    assert (both == 255).sum() == 50


def test_only_painted_layers_are_opened_and_only_as_what_browsers_send() -> None:
    stream = BytesIO()
    layer((slice(0, 5), slice(0, 5))).save(stream, "PNG")
    found = painted(stream.getvalue())
    assert found is not None
    assert np.asarray(found)[0, 0].tolist() == [255, 0, 170, 128]
    assert painted(stream.getvalue(), flatten_on_white=True) is None  # background and whole
    for content in (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", b"", b"GIF89a"):
        with pytest.raises(gr.Error, match="paint it again"):
            painted(content)


def test_painted_pixels_are_the_photos_own(desk: Desk) -> None:
    photo = random_array(32, 48)
    mask = painted_mask([layer((slice(0, 16), slice(0, 48)), 32, 48)], (32, 48), keeps=True)
    finished = said(desk, photo, mask=mask, keep_worse=True, steps=1)[-1]
    result = np.asarray(finished.best.restored.result.image)
    assert (result[:16] == photo[:16]).all()
    assert (result[16:] != photo[16:]).any()


# --- the work ---


def test_text_steps_and_previews_come_before_the_result(desk: Desk) -> None:
    messages = said(desk, random_array(32, 48), steps=3)
    kinds = [type(message) for message in messages]
    assert {Written, Stepped, Previewed} <= set(kinds)
    assert kinds.count(Stepped) == 3
    assert kinds[-1] is Finished
    assert kinds.index(Stepped) > max(place for place, kind in enumerate(kinds) if kind is Written)


def test_a_given_analysis_is_followed_and_not_written_again(desk: Desk) -> None:
    messages = said(desk, random_array(32, 48), "It shows serious blur.", steps=1)
    assert not any(isinstance(message, Written) for message in messages)
    assert messages[-1].best.restored.result.analysis.text == "It shows serious blur."


def test_the_best_of_many_is_chosen_as_the_pipeline_does_and_the_analysis_is_written_once(desk: Desk) -> None:
    photo = random_array(32, 48)
    messages = said(desk, photo, steps=1, best_of=3, seed=4)
    finished = messages[-1]
    alone = desk.pipe.restore_photo(photo, steps=1, best_of=3, seed=4).result.candidates[0]
    chosen = finished.best.restored.result
    assert (chosen.seed, chosen.analysis is not None) == (alone.seed, alone.analyse)
    written = [one.restored.result.analysis for one in finished.candidates]
    assert len({one.text for one in written if one is not None}) == 1
    assert isinstance(finished.reasons, str)
    first_step = next(place for place, one in enumerate(messages) if isinstance(one, Stepped))
    assert not any(isinstance(one, Written) for one in messages[first_step:])


def test_a_result_that_would_be_too_large_is_refused_before_the_work(desk: Desk) -> None:
    with pytest.raises(InputError, match="the result has 400x400"):
        said(desk, random_array(100, 100), upscale=4)


def test_stop_ends_a_restoration_between_steps(desk: Desk) -> None:
    photo = load_photo(random_array(32, 48))
    options = RestoreOptions(steps=30, best_of=4, analyse=False)
    steps = 0
    with pytest.raises(Stopped):
        work: Callable[[Say[Message]], None] = partial(restore, desk, photo, None, options)
        for message in desk.run(work, VISITOR):
            steps += isinstance(message, Stepped)
            desk.stop(VISITOR)
    assert steps < 30


# --- what is taken home ---


@pytest.mark.parametrize(("name", "suffix"), [("PNG", ".png"), ("JPEG", ".jpg"), ("WebP", ".webp")])
def test_files_have_the_format_asked_for_and_the_photos_metadata(
    desk: Desk, tmp_path: Path, name: str, suffix: str
) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a title"
    Image.fromarray(random_array(32, 48)).save(tmp_path / "a.png", exif=exif)
    finished = said(desk, tmp_path / "a.png", steps=1)[-1]
    file, _ = write_file(finished.best.restored, name, tmp_path, "a")
    assert file.name == f"a_restored{suffix}"
    assert Image.open(file).format == FORMATS[name].name
    assert Image.open(file).getexif()[0x010E] == "a title"
    record = json.loads(write_record(desk, finished, file, "a.png").read_text())
    assert (record["document"], record["output"]) == ("restoration", file.name)


def test_a_record_is_what_the_schema_says(desk: Desk, tmp_path: Path) -> None:
    from jsonschema import validate

    from uare.schema import json_schema

    Image.fromarray(random_array(32, 48)).save(tmp_path / "a.png")
    finished = said(desk, tmp_path / "a.png", steps=1)[-1]
    file, _ = write_file(finished.best.restored, "PNG", tmp_path, "a")
    validate(json.loads(write_record(desk, finished, file, "a.png").read_text()), json_schema())


def test_the_format_is_the_photos_own_or_one_that_loses_nothing(tmp_path: Path) -> None:
    for suffix, expected in ((".jpg", "JPEG"), (".webp", "WebP"), (".png", "PNG"), (".tif", "PNG")):
        Image.fromarray(random_array(16, 16)).save(tmp_path / f"a{suffix}")
        assert own_format(load_photo(tmp_path / f"a{suffix}")) == expected


def test_pictures_of_the_page_are_small_and_look_like_the_photo() -> None:
    pixels = smooth_pixels(300, 1200)
    picture = shown(pixels, largest_px=200)
    assert picture.size == (200, 50)
    mean = np.asarray(picture).mean((0, 1)) / 255
    assert mean == pytest.approx(pixels.mean((1, 2)).numpy(), abs=0.02)
    assert shown(pixels, torch.ones(1, 300, 1200)).mode == "RGBA"


# --- words ---


def assessed(name: str, score: float) -> Assessed:
    return Assessed(
        name=name,
        size=(30, 40),
        picture="",
        heat_map=None,
        assessment=Assessment(
            score=score,
            level="fair",
            distribution=dict.fromkeys(LEVELS, 0.2),
            attributes=dict.fromkeys(ATTRIBUTES, 3.0),
            degradations=(
                Degradation(type="noise", severity=4),
                Degradation(type="jpeg", severity=None),
            ),
            text="Quality: <b>noise</b>",
        ),
        warnings=(),
    )


def test_the_table_has_a_row_a_photo() -> None:
    rows = table_rows([assessed("a.jpg", 3.21), assessed("b.jpg", 2)])
    assert [row[:5] for row in rows] == [
        [1, "a.jpg", 3.21, "fair", "serious noise, JPEG artifacts"],
        [2, "b.jpg", 2, "fair", "serious noise, JPEG artifacts"],
    ]


def test_the_csv_has_every_file_and_no_formula() -> None:
    text = csv_text([assessed("=1+1.jpg", 3.21)], [Unreadable(name="bad.jpg", reason="it is empty")])
    head, good, bad = csv.reader(StringIO(text))
    assert len(head) == len(good) == len(bad)
    assert dict(zip(head, good, strict=True))["file"] == "'=1+1.jpg"
    assert dict(zip(head, good, strict=True))["score"] == "3.2100"
    assert dict(zip(head, bad, strict=True))["problem"] == "it is empty"


def test_charts_show_words_of_the_model_as_text() -> None:
    html = charts("a.jpg", assessed("a.jpg", 3.2).assessment)
    assert "<b>" not in html
    assert "serious" in html and "named" in html
    assert html.count("<caption>") == 3  # no regions were asked for


def test_bars_are_as_long_as_their_values() -> None:
    html = bars("Shares", [("a", 0.25, "25%"), ("b", 2.0, "too long")], 1)
    assert "width:25.0%" in html and "width:100.0%" in html


def test_the_status_is_announced_and_escaped() -> None:
    assert 'role="status"' in status("x")
    assert "<i>" not in status("<i>")
    assert "progress" not in status("x") and 'value="2" max="8"' in status("x", 2, 8)


@pytest.mark.parametrize(
    ("probabilities", "outcome", "is_kept", "sentence"),
    [
        ((0.8, 0.1, 0.1), "better", False, "Better than the photo."),
        ((0.4, 0.3, 0.3), "better", False, "Perhaps better than the photo."),
        ((0.1, 0.1, 0.8), "about equal", False, "About as good as the photo."),
        ((0.1, 0.8, 0.1), "worse", True, "The photo was kept as it is."),
        ((0.1, 0.8, 0.1), "worse", False, "It is shown because you asked for it."),
    ],
)
def test_the_verdict_says_what_the_judge_found(
    probabilities: tuple[float, float, float], outcome: Any, is_kept: bool, sentence: str
) -> None:
    verdict = Verdict(outcome=outcome, probabilities=probabilities)
    line = verdict_line(verdict, 1.5, 2.5, is_kept=is_kept)
    assert sentence in line
    assert "Score 1.50 before, 2.50 after" in line
    for share in probabilities:
        assert f"{share:.0%}" in line


def test_presets_are_wishes_that_the_model_was_trained_on() -> None:
    assert preset_values("Any photo") == ("", 1)
    assert preset_values("Enlarge") == ("enhance this image with low resolution", 2)
    assert preset_values("no such preset") == ("", 1)
    assert len({one.name for one in PRESETS}) == len(PRESETS)
