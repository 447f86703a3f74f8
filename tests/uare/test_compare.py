"""Comparison: the verdict depends on the photos and not on their order."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.uare.pictures import random_array, smooth_pixels
from uare import assess, prompts
from uare.assess import user_text, write_answer
from uare.compare import compare_photos, outcome_of, verdict_of
from uare.decoding import read
from uare.patches import vision_item
from uare.pipeline import UAREPipeline

Photo = NDArray[np.uint8]
PHOTOS = arrays.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3)))
FEW = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # the pipeline is never changed


@pytest.fixture(scope="module", autouse=True)
def brief_reasons() -> Iterator[None]:
    """An untrained model seldom ends its answer; a few tokens tell as much about it as hundreds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assess, "MAX_ANALYSIS_TOKENS", 6)
        yield


@FEW
@given(a=PHOTOS, b=PHOTOS)
def test_swapping_the_photos_swaps_the_verdict_exactly(
    tiny_pipeline: UAREPipeline, a: Photo, b: Photo
) -> None:
    there, back = tiny_pipeline.compare(a, b), tiny_pipeline.compare(b, a)
    a_better, b_better, equal = there.probabilities
    assert back.probabilities == (b_better, a_better, equal)
    assert back.verdict == {"A": "B", "B": "A", "equal": "equal"}[there.verdict]
    assert sum(there.probabilities) == pytest.approx(1, abs=1e-6)


@FEW
@given(photo=PHOTOS)
def test_a_photo_is_neither_better_nor_worse_than_itself(tiny_pipeline: UAREPipeline, photo: Photo) -> None:
    result = tiny_pipeline.compare(photo, photo.copy())
    assert result.probabilities[0] == result.probabilities[1]
    assert result.verdict == "equal"


def test_photos_with_the_same_numbers_in_another_shape_swap_too(tiny_pipeline: UAREPipeline) -> None:
    tall, wide = np.full((48, 16, 3), 90, np.uint8), np.full((16, 48, 3), 90, np.uint8)
    a_better, b_better, equal = tiny_pipeline.compare(tall, wide).probabilities
    assert tiny_pipeline.compare(wide, tall).probabilities == (b_better, a_better, equal)


def test_a_reference_counts_and_keeps_the_swap_exact(tiny_pipeline: UAREPipeline) -> None:
    a, b, reference = (random_array(40, 40, seed=seed) for seed in range(3))
    with_one = tiny_pipeline.compare(a, b, reference).probabilities
    assert tiny_pipeline.compare(b, a, reference).probabilities == (with_one[1], with_one[0], with_one[2])
    assert with_one != tiny_pipeline.compare(a, b).probabilities
    assert with_one != tiny_pipeline.compare(a, b, random_array(40, 40, seed=9)).probabilities


def test_the_reasons_are_written_for_the_order_given(tiny_pipeline: UAREPipeline) -> None:
    model, tokenizer = tiny_pipeline.model, tiny_pipeline.tokenizer
    pair = [smooth_pixels(40, 40), 1 - smooth_pixels(40, 40)]
    for photos in (pair, pair[::-1]):
        first, second = (
            vision_item(photo, model.config, model.config.assess_transform, 2) for photo in photos
        )
        label_a, label_b, question = (
            user_text(tokenizer, words) for words in (*prompts.IMAGE_LABELS, prompts.COMPARE_QUESTION)
        )
        asked = read(model, [[label_a, first, label_b, second, question]])
        assert compare_photos(model, tokenizer, *photos).text == write_answer(model, tokenizer, asked)


def test_pairs_compared_together_are_compared_as_each_alone(tiny_pipeline: UAREPipeline) -> None:
    a, b, reference = (random_array(40, 40 + 8 * seed, seed=seed) for seed in range(3))
    pairs = [(a, b, None), (b, a, None), (a, a, None), (a, b, reference)]
    together = tiny_pipeline.compare_together(pairs)
    assert together == [tiny_pipeline.compare(*pair) for pair in pairs]
    first, second, equal = together[0].probabilities
    assert together[1].probabilities == (second, first, equal)  # exactly, in one group too


def test_without_text_only_the_reasons_are_missing(tiny_pipeline: UAREPipeline) -> None:
    model, tokenizer = tiny_pipeline.model, tiny_pipeline.tokenizer
    a, b = smooth_pixels(40, 40), 1 - smooth_pixels(40, 40)
    full = compare_photos(model, tokenizer, a, b)
    brief = compare_photos(model, tokenizer, a, b, with_text=False)
    assert (brief.verdict, brief.probabilities, brief.text) == (full.verdict, full.probabilities, "")


@pytest.mark.parametrize(
    ("probabilities", "verdict"),
    [
        ((0.5, 0.3, 0.2), "A"),
        ((0.3, 0.5, 0.2), "B"),
        ((0.2, 0.3, 0.5), "equal"),
        ((0.4, 0.4, 0.2), "equal"),
        ((0.4, 0.2, 0.4), "equal"),
    ],
)
def test_the_verdict_is_the_most_probable_and_a_tie_is_equal(
    probabilities: tuple[float, float, float], verdict: str
) -> None:
    assert verdict_of(probabilities) == verdict


@pytest.mark.parametrize(
    ("probabilities", "outcome"),
    [
        ((0.4, 0.3, 0.3), "better"),
        ((0.3, 0.3, 0.4), "about equal"),
        ((0.3, 0.4, 0.3), "about equal"),  # no more than a guess
        ((0.2, 0.6, 0.2), "worse"),
    ],
)
def test_a_restoration_is_called_worse_only_where_that_is_likelier_than_not(
    probabilities: tuple[float, float, float], outcome: str
) -> None:
    assert outcome_of(probabilities) == outcome
