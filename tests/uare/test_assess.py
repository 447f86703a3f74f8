"""Assessment: scores that depend on the photo alone, and the structure of the answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.uare.pictures import random_array, smooth_pixels
from tests.uare.tiny import tiny_uare_model
from uare import prompts
from uare.analysis import level_of, parse_analysis
from uare.assess import score_photos, user_text, write_answer
from uare.decoding import read
from uare.patches import vision_item
from uare.pipeline import UAREPipeline
from uare.tokenizer import TextTokenizer
from uare.vocabulary import ATTRIBUTES, LEVELS

PHOTOS = [random_array(40, 60, seed=1), random_array(64, 64, seed=2), random_array(90, 30, seed=3)]


def test_a_score_is_the_same_alone_and_in_a_list(tiny_pipeline: UAREPipeline) -> None:
    together = [result.score for result in tiny_pipeline.assess(PHOTOS)]
    assert together == [tiny_pipeline.assess(photo).score for photo in PHOTOS]
    assert len(set(together)) == len(PHOTOS)


@pytest.fixture
def talkative(tiny_tokenizer: TextTokenizer, short_texts: None) -> UAREPipeline:
    """Never says that its answer ends."""
    model = tiny_uare_model()
    with torch.no_grad():
        model.text.head.weight[model.config.special_tokens.text_end] = 0  # others have more than 0
    return UAREPipeline(model, tiny_tokenizer)


def test_photos_assessed_together_are_assessed_as_each_alone(talkative: UAREPipeline) -> None:
    """Of several sizes, and of one. In float32 rounding is too small to move a word."""
    photos = [*PHOTOS, random_array(40, 60, seed=4)]
    together = talkative.assess_together(photos)
    assert together == [talkative.assess(photo) for photo in photos]
    assert len({one.text for one in together}) > 1


def test_a_photo_in_a_group_has_its_numbers_to_the_last_digit(tiny_pipeline: UAREPipeline) -> None:
    alone = tiny_pipeline.assess(PHOTOS[0])
    for neighbours in (PHOTOS[1:2], PHOTOS[1:], [PHOTOS[2]] * 7):
        one = tiny_pipeline.assess_together([PHOTOS[0], *neighbours])[0]
        assert one.distribution == alone.distribution
        assert one.attribute_distributions == alone.attribute_distributions


def test_an_analysis_in_a_group_can_be_ended_and_the_others_go_on(talkative: UAREPipeline) -> None:
    heard: list[list[str]] = [[], [], []]

    def hear(i: int, text: str) -> bool:
        heard[i].append(text)
        return i == 1 and len(heard[1]) == 3

    found = talkative.assess_together(PHOTOS, hear)
    assert [len(texts) for texts in heard] == [16, 3, 16]
    assert [found[i] for i in (0, 2)] == [talkative.assess(PHOTOS[i]) for i in (0, 2)]


def test_photos_scored_together_have_the_scores_they_have_alone(tiny_pipeline: UAREPipeline) -> None:
    pixels = [smooth_pixels(40, 60), smooth_pixels(64, 64), 1 - smooth_pixels(40, 60)]
    model, tokenizer = tiny_pipeline.model, tiny_pipeline.tokenizer
    together = score_photos(model, tokenizer, pixels)
    assert together == [score_photos(model, tokenizer, [one])[0] for one in pixels]
    assert len(set(together)) == 3


@pytest.mark.parametrize("photo", PHOTOS, ids=["wide", "square", "tall"])
def test_the_quick_score_is_that_of_the_assessment(
    tiny_pipeline: UAREPipeline, photo: NDArray[np.uint8]
) -> None:
    assert tiny_pipeline.score(photo) == tiny_pipeline.assess(photo).score


def test_the_score_is_the_expected_level(tiny_pipeline: UAREPipeline) -> None:
    result = tiny_pipeline.assess(PHOTOS[0])
    assert list(result.distribution) == list(LEVELS)
    assert sum(result.distribution.values()) == pytest.approx(1, abs=1e-6)
    expected = sum(p * LEVELS[level] for level, p in result.distribution.items())
    assert result.score == pytest.approx(expected, abs=1e-6)
    assert result.level == level_of(result.score)


def test_every_attribute_has_a_score_from_1_to_5(tiny_pipeline: UAREPipeline) -> None:
    attributes = tiny_pipeline.assess(PHOTOS[0]).attributes
    assert tuple(attributes) == tuple(ATTRIBUTES)
    assert all(1 <= score <= 5 for score in attributes.values())


def test_an_attributes_score_is_the_expected_level_of_its_distribution(tiny_pipeline: UAREPipeline) -> None:
    result = tiny_pipeline.assess(PHOTOS[0])
    assert list(result.attribute_distributions) == list(result.reasons) == list(ATTRIBUTES)
    for name, shares in result.attribute_distributions.items():
        assert list(shares) == list(LEVELS)
        assert sum(shares.values()) == pytest.approx(1, abs=1e-6)
        expected = sum(share * LEVELS[level] for level, share in shares.items())
        assert result.attributes[name] == pytest.approx(expected, abs=1e-6)
        assert result.reasons[name].startswith(f"{name.capitalize()} is {level_of(expected)}")


def test_the_text_is_the_models_own_answer_to_the_question(tiny_pipeline: UAREPipeline) -> None:
    model, tokenizer = tiny_pipeline.model, tiny_pipeline.tokenizer
    pixels = torch.from_numpy(PHOTOS[0]).permute(2, 0, 1).float() / 255
    view = vision_item(pixels, model.config, model.config.assess_transform)
    question = user_text(tokenizer, prompts.ANALYSE_QUESTION)
    answer = write_answer(model, tokenizer, read(model, [[view, question]]))
    result = tiny_pipeline.assess(PHOTOS[0])
    assert result.text == parse_analysis(answer).text
    assert result.degradations == parse_analysis(answer).degradations


@pytest.mark.parametrize("size", [(1, 1), (2, 700), (700, 2)])
def test_the_smallest_and_thinnest_photos_have_scores(
    tiny_pipeline: UAREPipeline, size: tuple[int, int]
) -> None:
    assert 1 <= tiny_pipeline.assess(random_array(*size)).score <= 5
