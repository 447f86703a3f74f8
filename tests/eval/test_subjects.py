"""Subjects and metrics that misbehave: each failure is one problem, and everything else is done."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eval.adapters.elsewhere import FolderSubject
from eval.adapters.model import ModelSubject, model_subject
from eval.adapters.prompting import prompted_subjects
from eval.adapters.subject import Answer
from eval.gauges import Gauges
from eval.item_pictures import read_result, result_size
from eval.metrics import Array, psnr
from eval.metrics.rows import OWN, Metric, MetricUnavailable
from eval.model_digest import folder_digest
from eval.pictures import read_picture
from eval.ranks import Ranks
from eval.records import (
    COMPARE,
    MODEL,
    OWN_SCORE,
    SCORE,
    Item,
    SubjectInfo,
    read_predictions,
    read_scores,
)
from eval.runner import predict_suite, score_suite
from eval.suites.items import list_items, make_item
from eval.suites.suite import Candidate, Request
from eval.suites.table import suites_named
from tests.eval.small_sets import make_pairs, save_picture
from uare.errors import CheckpointError, InputError
from uare.results import Assessment, Comparison, Restoration


class Scripted:
    """Does what a test says for an item, else gives the picture back."""

    def __init__(self, answers: dict[str, object], digest: str = "1") -> None:
        self.info = SubjectInfo(name="s", folder="s", kind=MODEL, source="", digest=digest)
        self.answers = answers
        self.asked: list[str] = []

    def takes(self, item: Item) -> bool:
        return True

    def digest_of(self, item: Item) -> str:
        return self.info.digest

    def prepare(self) -> None:
        if "prepare" in self.answers:
            raise CheckpointError("no weights")

    def predict(self, item: Item, picture: Array) -> Answer:
        self.asked.append(item.id)
        answer = self.answers.get(item.id)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Answer):
            return answer
        return Answer(picture=picture.repeat(item.scale, axis=0).repeat(item.scale, axis=1))


@pytest.fixture
def items(tmp_path: Path) -> tuple[Item, ...]:
    """The five pairs `a` to `e`."""
    (suite,) = suites_named(["pairs"])
    data = make_pairs(tmp_path / "data")
    return list_items(suite, Request(data_root=data, limit=None, made_dir=tmp_path)).items


def _metric(name: str, value: float | Exception, version: str = OWN) -> Metric:
    def measure(image: Array, reference: Array | None) -> float:
        if isinstance(value, Exception):
            raise value
        return value

    return Metric(
        id=name,
        name=name,
        unit="",
        higher_is_better=True,
        lowest=None,
        highest=None,
        needs_reference=True,
        decimals=2,
        made_by=version,
        protocol="",
        load=lambda weights: measure,
    )


def test_one_failure_is_one_problem_and_the_rest_is_done(items: tuple[Item, ...], tmp_path: Path) -> None:
    wrong_size = Answer(picture=np.zeros((3, 3, 3)))
    not_numbers = Answer(picture=np.full((24, 32, 3), np.nan))
    subject = Scripted(
        {"a": RuntimeError("out of memory"), "b": wrong_size, "c": not_numbers, "d": InputError("no idea")}
    )
    predict_suite(items, [subject], tmp_path / "out", Ranks())
    found = read_predictions(tmp_path / "out" / "s")
    assert {name: one.problem for name, one in found.items()} == {
        "a": "RuntimeError: out of memory",
        "b": "gave a picture of shape (3, 3, 3), expected (24, 32, 3)",
        "c": "gave a picture with values that are not numbers",
        "d": "no idea",
        "e": None,
    }


def test_what_failed_is_tried_again_and_nothing_else(items: tuple[Item, ...], tmp_path: Path) -> None:
    predict_suite(items, [Scripted({"b": InputError("busy")})], tmp_path / "out", Ranks())
    second = Scripted({})
    predict_suite(items, [second], tmp_path / "out", Ranks())
    assert second.asked == ["b"]


def test_other_weights_under_the_same_name_predict_everything_again(
    items: tuple[Item, ...], tmp_path: Path
) -> None:
    predict_suite(items, [Scripted({})], tmp_path / "out", Ranks())
    other = Scripted({}, digest="2")
    predict_suite(items, [other], tmp_path / "out", Ranks())
    assert other.asked == [item.id for item in items]


def test_a_deleted_picture_is_made_again(items: tuple[Item, ...], tmp_path: Path) -> None:
    predict_suite(items, [Scripted({})], tmp_path / "out", Ranks())
    (tmp_path / "out" / "s" / "pictures" / "c.png").unlink()
    again = Scripted({})
    predict_suite(items, [again], tmp_path / "out", Ranks())
    assert again.asked == ["c"]


def test_a_model_without_weights_ends_the_run(items: tuple[Item, ...], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no weights"):
        predict_suite(items, [Scripted({"prepare": True})], tmp_path / "out", Ranks())


def test_a_model_is_not_loaded_where_nothing_is_to_be_done(items: tuple[Item, ...], tmp_path: Path) -> None:
    predict_suite(items, [Scripted({})], tmp_path / "out", Ranks())
    predict_suite(items, [Scripted({"prepare": True})], tmp_path / "out", Ranks())


@pytest.mark.parametrize("value", [math.nan, math.inf, ValueError("singular")])
def test_a_metric_without_a_number_is_a_problem_of_that_value(
    value: float | Exception, items: tuple[Item, ...], tmp_path: Path
) -> None:
    predict_suite(items, [Scripted({})], tmp_path / "out", Ranks())
    metrics = [_metric("odd", value), _metric("even", 2.0)]
    score_suite(items, [tmp_path / "out" / "s"], metrics, Gauges(None), Ranks())
    scores = read_scores(tmp_path / "out" / "s")
    assert scores["a", "even"].value == 2
    assert scores["a", "odd"].value is None
    assert scores["a", "odd"].problem in (
        "gave nan, expected a finite number",
        "gave inf, expected a finite number",
        "ValueError: singular",
    )


def test_another_version_of_a_metric_measures_again(items: tuple[Item, ...], tmp_path: Path) -> None:
    predict_suite(items, [Scripted({})], tmp_path / "out", Ranks())
    for value, version in ((1.0, OWN), (2.0, OWN), (3.0, "numpy")):
        metric = _metric("m", value, version)
        score_suite(items, [tmp_path / "out" / "s"], [metric], Gauges(None), Ranks())
        measured = read_scores(tmp_path / "out" / "s")["a", "m"].value
        assert measured == (3.0 if version == "numpy" else 1.0)


def test_a_metric_that_cannot_be_loaded_states_its_reason_and_gives_no_scores(
    items: tuple[Item, ...], tmp_path: Path
) -> None:
    def load(weights: Path | None) -> object:
        raise MetricUnavailable("its weights are not here")

    metric = _metric("m", 1.0)
    object.__setattr__(metric, "load", load)
    gauges = Gauges(None)
    predict_suite(items, [Scripted({})], tmp_path / "out", Ranks())
    score_suite(items, [tmp_path / "out" / "s"], [metric], gauges, Ranks())
    assert read_scores(tmp_path / "out" / "s") == {}
    assert gauges.info(metric).unavailable == "its weights are not here"


# --- models


class Pipeline:
    """Restores by enlarging, scores by brightness, prefers the brighter photo; notes what it is told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def assess(self, image: Image.Image, /) -> Assessment:
        score = 1 + 4 * float(np.asarray(image).mean()) / 255
        return Assessment(
            score=score, level="fair", distribution={}, attributes={}, degradations=(), text="It is dark."
        )

    def compare(self, a: Image.Image, b: Image.Image, /) -> Comparison:
        brighter = np.asarray(a).mean() > np.asarray(b).mean()
        return Comparison(verdict="A" if brighter else "B", probabilities=(0.7, 0.2, 0.1), text="")

    def restore(self, image: Image.Image, /, **options: Any) -> Restoration:
        self.told.append(options)
        size = image.width * options["upscale"], image.height * options["upscale"]
        large = image.resize(size, Image.Resampling.NEAREST)
        return Restoration(
            image=large, analysis=None, verdict=None, seed=options["seed"], steps=1, timings={}
        )


def _model() -> ModelSubject:
    return ModelSubject("m", "m", "1", Pipeline, seed=0)


def test_a_model_that_changes_nothing_scores_as_its_input(items: tuple[Item, ...], tmp_path: Path) -> None:
    predict_suite(items, [_model()], tmp_path / "out", Ranks())
    metric = _metric("unused", 0)
    object.__setattr__(metric, "load", lambda weights: psnr)
    score_suite(items, [tmp_path / "out" / "m"], [metric], Gauges(None), Ranks())
    one = items[0]
    expected = psnr(read_picture(Path(one.lq)), read_picture(Path(str(one.gt))))
    assert read_scores(tmp_path / "out" / "m")[one.id, "unused"].value == expected


def test_a_model_gives_its_opinion_of_pictures_and_pairs(items: tuple[Item, ...], tmp_path: Path) -> None:
    scored, compared = replace(items[0], kind=SCORE), replace(items[1], kind=COMPARE)
    predict_suite([scored, compared], [_model()], tmp_path / "out", Ranks())
    score_suite([scored, compared], [tmp_path / "out" / "m"], [], Gauges(None), Ranks())
    predictions, scores = read_predictions(tmp_path / "out" / "m"), read_scores(tmp_path / "out" / "m")
    with Image.open(scored.lq) as image:
        expected = 1 + 4 * float(np.asarray(image).mean()) / 255
    assert scores[scored.id, OWN_SCORE].value == pytest.approx(expected)
    assert predictions[scored.id].text == "It is dark."
    assert scores[compared.id, OWN_SCORE].value == pytest.approx(0.5)
    assert predictions[compared.id].text in ("A", "B")


def test_a_model_restores_by_other_words_beside_its_own(items: tuple[Item, ...], tmp_path: Path) -> None:
    model, analyst = _model(), ModelSubject("other", "other", "2", Pipeline, seed=0)
    simple, foreign = prompted_subjects(model, analyst)
    assert (simple.info.name, foreign.info.name) == ("m, simple prompt", "m, told by other")
    assert len({model.info.digest, simple.info.digest, foreign.info.digest}) == 3
    assert not simple.takes(replace(items[0], kind=SCORE))
    predict_suite(items[:1], [model, simple, foreign], tmp_path / "out", Ranks())
    words = [options.get("instruction") for options in model.pipeline.told]  # type: ignore[attr-defined]
    assert words == [None, "enhance this mix-degraded image", "It is dark."]
    told = read_predictions(tmp_path / "out" / foreign.info.folder)[items[0].id]
    assert told.text == "It is dark."


def test_without_an_analyst_only_the_simple_sentence_is_tried() -> None:
    (simple,) = prompted_subjects(_model(), None)
    assert simple.info.name == "m, simple prompt"


def test_the_digest_of_a_model_follows_its_weights(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"1")
    (tmp_path / "README.md").write_text("one")
    first = folder_digest(tmp_path)
    (tmp_path / "README.md").write_text("two")
    assert folder_digest(tmp_path) == first
    (tmp_path / "model.safetensors").write_bytes(b"2")
    assert folder_digest(tmp_path) != first


def test_a_shipped_model_is_found_by_name_and_another_seed_is_another_subject() -> None:
    one, two = model_subject("uare-tiny", None, seed=0), model_subject("uare-tiny", "mine", seed=1)
    assert (one.info.name, two.info.name) == ("uare-tiny", "mine")
    assert one.info.digest != two.info.digest


# --- results made elsewhere


def test_results_are_looked_for_in_folders_of_suites_and_groups(
    items: tuple[Item, ...], tmp_path: Path
) -> None:
    for folder, name in (("pairs/noise", "a"), ("pairs", "e"), (".", "b")):
        save_picture(tmp_path / "results" / folder / f"{name}.jpg")
    subject = FolderSubject("x", tmp_path / "results", "pairs", items)
    answers = {item.id: subject.digest_of(item) != "" for item in items}
    assert answers == {"a": True, "b": False, "c": False, "d": False, "e": True}


def test_opinions_made_elsewhere_come_from_a_table(items: tuple[Item, ...], tmp_path: Path) -> None:
    scored = [replace(item, kind=SCORE) for item in items[:2]]
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "scores.csv").write_text("name,score\na.png,3.5\n")
    subject = FolderSubject("x", tmp_path / "results", "pairs", scored)
    assert subject.predict(scored[0], np.zeros((1, 1, 3))).score == 3.5
    with pytest.raises(InputError, match="has no row for b"):
        subject.predict(scored[1], np.zeros((1, 1, 3)))


def test_a_table_of_opinions_without_its_columns_says_so(items: tuple[Item, ...], tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text("picture,mos\na.png,3.5\n")
    with pytest.raises(InputError, match="expected the columns name and score"):
        FolderSubject("x", tmp_path, "pairs", [replace(items[0], kind=SCORE)])


def test_a_crop_is_scored_alike_whether_results_are_whole_or_cut(tmp_path: Path) -> None:
    whole = save_picture(tmp_path / "whole.png", (64, 48))
    item = make_item(Candidate(id="whole", group="g", lq=whole, gt=whole, centre_px=32), "restore")
    with Image.open(whole) as image:
        image.crop(item.crop).save(tmp_path / "cut.png")
    size = result_size(item)
    assert size == (32, 32)
    assert np.array_equal(read_result(item, whole, size), read_result(item, tmp_path / "cut.png", size))


def test_the_predictions_file_is_plain_json_lines(items: tuple[Item, ...], tmp_path: Path) -> None:
    predict_suite(items, [Scripted({})], tmp_path / "out", Ranks())
    lines = (tmp_path / "out" / "s" / "predictions.part-0.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["item"] for line in lines] == [item.id for item in items]
