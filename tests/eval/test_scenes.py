"""What pictures show: files, slips, descriptions; and the losses that an average hides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.records import Run, read_run
from eval.report.scene_tables import scene_section
from eval.scenes import KINDS, kinds_in_text, read_scenes, scenes_of, unknown_pictures
from tests.eval.made_up_run import MODEL_NAME, NUM_ITEMS, PSNR, RIVAL_NAME, make_run
from uare.errors import InputError


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return read_run(make_run(tmp_path / "run", suites=("sr",)))


def scene_file(folder: Path, content: object) -> Path:
    path = folder / "scenes.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_there_are_the_eighteen_kinds_of_the_study() -> None:
    assert len(KINDS) == 18


def test_a_file_names_kinds_by_suite_and_picture_or_by_picture_alone(tmp_path: Path) -> None:
    content = {"sr/a": ["Text", "crowd"], "a": "food", "b": "food"}
    found = read_scenes(scene_file(tmp_path, content))
    assert found.of("sr", "a") == ("text", "crowd")
    assert found.of("other", "a") == ("food",)
    assert found.of("sr", "unknown") == ()
    assert found.problems == ()


def test_the_list_is_open_but_a_slip_is_reported(tmp_path: Path) -> None:
    found = read_scenes(scene_file(tmp_path, {"a": ["underwater"], "b": ["archtecture"]}))
    assert found.of("sr", "a") == ("underwater",)
    assert len(found.problems) == 1
    assert "'archtecture'" in found.problems[0]
    assert "'architecture'" in found.problems[0]


@pytest.mark.parametrize("content", [["a"], {"a": 3}, {"a": [""]}, {"a": [1]}])
def test_anything_else_in_a_file_is_refused_with_an_example(tmp_path: Path, content: object) -> None:
    with pytest.raises(InputError, match="expected"):
        read_scenes(scene_file(tmp_path, content))


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scenes.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"scenes\.json cannot be read"):
        read_scenes(path)


def test_pictures_that_no_suite_has_are_named(tmp_path: Path, run: Run) -> None:
    found = read_scenes(scene_file(tmp_path, {"sr/photo00": "text", "sr/phot01": "text", "photo02": "food"}))
    assert unknown_pictures(run, found) == ("scenes: no picture 'sr/phot01' in this run",)


def test_a_description_names_kinds_by_whole_words() -> None:
    assert kinds_in_text("A street with parked cars and a building.") == ("street view", "architecture")
    assert kinds_in_text("The context is contextual.") == ()


def test_a_file_goes_before_what_the_suite_says(tmp_path: Path, run: Run) -> None:
    suite = run.suites[0]
    found = scenes_of(suite, read_scenes(scene_file(tmp_path, {"sr/photo00": "crowd"})))
    assert found["photo00"] == ("crowd",)
    assert found["photo01"] == ("text",)  # its tag


def test_a_loss_that_the_average_hides_stands_first(run: Run) -> None:
    # On the four pictures with text the model loses 1.5 dB to bicubic on average, overall it gains 0.5 dB.
    section = scene_section(run, None)
    assert section is not None
    hidden = section.tables[0]
    rows = {tuple(cell.text for cell in row[:4]): row for row in hidden.rows}
    row = rows[(MODEL_NAME, RIVAL_NAME, PSNR, "text")]
    assert row[4].value == 4
    assert row[5].value == pytest.approx(0.5)
    assert row[6].value == pytest.approx(-1.5)
    assert row[6].mark == "worse"
    assert not any(names[3] == "food" and names[0] == MODEL_NAME for names in rows)


def test_the_scene_table_has_every_kind_with_its_n(run: Run) -> None:
    section = scene_section(run, None)
    assert section is not None
    table = next(one for one in section.tables if PSNR in one.title)
    assert {row[0].text: row[1].value for row in table.rows} == {"all": NUM_ITEMS, "food": 8, "text": 4}


def test_without_kinds_there_is_no_section(tmp_path: Path, run: Run) -> None:
    one_kind = {f"photo{k:02d}": "crowd" for k in range(NUM_ITEMS)}
    assert scene_section(run, read_scenes(scene_file(tmp_path, one_kind))) is None
