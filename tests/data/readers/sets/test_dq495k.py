"""DQ-495K: questions about harmed pictures, with and without a reference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data.readers.sets.table import read_set
from data.samples import QuestionSource
from tests.data.readers.drawn import draw, grey_of
from tests.data.readers.reading import all_of
from uare.errors import InputError

FOLDER = "KADIS700K/refA_sd_brief"


def item(
    number: int, *, training: bool = True, reference: bool = True, **fields: object
) -> dict[str, object]:
    question, answer = f"What is wrong with picture {number}?", "The most apparent distortion is blur."
    turns = [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    text = {"conversations": turns} if training else {"query": question, "answer": answer}
    return {
        "id": f"photo_{number}",
        "image_ref": "KADIS700K/ref_imgs_s224/photo.png" if reference else None,
        "image_A": f"{FOLDER}/dist_imgs/photo_{number}.png",
        "image_B": None,
        "task_type": "quality_single_A",
        "severity": 3,
        **text,
        **fields,
    }


def write(path: Path, items: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(items))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """DataDepictQA with two lists, one of which repeats the other, and a list for testing."""
    draw(tmp_path / "KADIS700K/ref_imgs_s224/photo.png", 200)
    for number in range(4):
        draw(tmp_path / f"{FOLDER}/dist_imgs/photo_{number}.png", number)
    write(tmp_path / f"{FOLDER}/metas/train_refA_sd_84k.json", [item(0), item(1)])
    combined = [item(1), item(2, reference=False, image_B=f"{FOLDER}/dist_imgs/photo_3.png")]
    write(tmp_path / "KADIS700K/metas_combine/refA_sd_md/train_refA_mix.json", combined)
    write(tmp_path / f"{FOLDER}/metas/test_refA_sd_single_5k.json", [item(3, training=False)])
    return tmp_path


def read(root: Path, split: str) -> list[QuestionSource]:
    return all_of(read_set("dq495k", root, split), QuestionSource)


def test_questions_of_all_lists_come_once_with_their_pictures_in_order(root: Path) -> None:
    sources = read(root, "train")
    assert len(sources) == 3
    greys = {source.id: [grey_of(picture) for picture in source.pictures] for source in sources}
    assert greys == {
        "dq495k/photo_0": [200, 0],
        "dq495k/photo_1": [200, 1],
        "dq495k/photo_2": [2, 3],
    }
    assert sources[0].question.startswith("What is wrong") and sources[0].answer.endswith("blur.")


def test_lists_for_testing_have_a_query_and_an_answer(root: Path) -> None:
    (source,) = read(root, "test")
    assert source.question == "What is wrong with picture 3?"


def test_an_empty_answer_is_refused_when_it_is_read(root: Path) -> None:
    write(root / f"{FOLDER}/metas/test_refA_sd_single_5k.json", [item(3, training=False, answer=" ")])
    with pytest.raises(InputError, match="photo_3 has an empty question or answer"):
        read(root, "test")


@pytest.mark.parametrize("content", [[{"id": 1}], {"id": 1}, [item(0, conversations=[])]])
def test_a_list_of_another_form_is_refused(root: Path, content: object) -> None:
    write(root / f"{FOLDER}/metas/train_refA_sd_84k.json", content)
    with pytest.raises(InputError, match=r"train_refA_sd_84k\.json is not a list of questions"):
        read(root, "train")


def test_missing_lists_and_pictures_are_said(root: Path) -> None:
    with pytest.raises(InputError, match="has no KADIS700K; expected KADIS700K with lists"):
        read(root / "KADIS700K", "train")
    (root / f"{FOLDER}/metas/test_refA_sd_single_5k.json").unlink()
    with pytest.raises(InputError, match=r"has no list test_\*\.json in a folder metas"):
        read(root, "test")
    (root / "KADIS700K/ref_imgs_s224/photo.png").unlink()
    with pytest.raises(InputError, match=r"has no KADIS700K/ref_imgs_s224/photo\.png"):
        read(root, "train")
