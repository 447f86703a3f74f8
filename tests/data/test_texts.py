"""Texts and labels follow from the records, and nothing else."""

import random
from itertools import combinations

import pytest
import torch

from data import texts
from data.content import describe_content
from data.labels import HARM, TIE, attribute_scores, level_weights, quality_score
from data.records import DegradationRecord
from uare.analysis import VERDICT_PREFIX, parse_analysis, parse_assessment
from uare.errors import InputError
from uare.vocabulary import ATTRIBUTES, DEGRADATIONS, LEVELS


def record(name: str, severity: int, **parameters: float | str) -> DegradationRecord:
    return DegradationRecord(name, severity, dict(parameters))


NOISE_4, BLUR_1, HAZE_2 = record("noise", 4), record("blur", 1), record("haze", 2)


def test_a_single_harm_costs_eight_tenths_per_severity() -> None:
    assert quality_score([]) == 5
    assert [quality_score([record("noise", severity)]) for severity in range(1, 6)] == pytest.approx(
        [4.2, 3.4, 2.6, 1.8, 1.0]
    )


def test_another_harm_never_raises_the_score() -> None:
    for pair in combinations((NOISE_4, BLUR_1, HAZE_2), 2):
        assert quality_score(pair) < min(quality_score([one]) for one in pair)
    assert quality_score([record(kind, 5) for kind in DEGRADATIONS]) == 1


def test_every_degradation_harms_an_attribute_of_the_vocabulary() -> None:
    assert set(HARM) == set(DEGRADATIONS)
    assert all(set(harmed) <= set(ATTRIBUTES) and max(harmed.values()) >= 0.8 for harmed in HARM.values())


def test_attributes_that_nothing_harms_are_excellent() -> None:
    scores = attribute_scores([NOISE_4])
    assert scores["noise"] == pytest.approx(1.8)
    assert all(scores[name] == 5 for name in ATTRIBUTES if name != "noise")


@pytest.mark.parametrize("score", [1.0, 1.8, 3.0, 4.37, 5.0])
def test_level_weights_are_a_distribution_whose_mean_is_the_score(score: float) -> None:
    weights = level_weights(score)
    assert sum(weights.values()) == pytest.approx(1)
    assert sum(LEVELS[level] * share for level, share in weights.items()) == pytest.approx(score)
    assert sum(share > 0 for share in weights.values()) <= 2


def test_level_weights_refuse_scores_off_the_scale() -> None:
    with pytest.raises(InputError):
        level_weights(0.9)


def test_analysis_orders_defects_by_severity_and_plans_a_step_for_each() -> None:
    analysis = texts.analysis_of([BLUR_1, NOISE_4, HAZE_2], None, random.Random(0))
    assert analysis.quality is not None and analysis.plan is not None
    assert analysis.quality.startswith("It shows serious noise, moderate haze and slight blur.")
    assert analysis.plan.startswith("1) remove the noise") and "3) sharpen" in analysis.plan
    assert analysis.result == "A clean, clear and sharp photo. Some fine detail stays lost."


def test_drops_and_streaks_are_described_as_what_they_are() -> None:
    drops = texts.analysis_of([record("rain", 4, kind="drops")], None, random.Random(0))
    streaks = texts.analysis_of([record("rain", 4, kind="streaks")], None, random.Random(0))
    assert "Drops" in drops.text and "Streaks" not in drops.text
    assert "Streaks" in streaks.text and "Drops" not in streaks.text


def test_a_clean_photo_is_called_clean_and_left_alone() -> None:
    analysis = texts.analysis_of([], None, random.Random(0))
    assert analysis.degradations == ()
    assert analysis.quality == "It shows no visible defects."
    assert analysis.result == "The same photo, unchanged."
    overall, attributes = parse_assessment(texts.assess_answer([], random.Random(0)))
    assert overall == "excellent" and set(attributes.values()) == {"excellent"}


def test_quality_answers_draw_levels_whose_mean_is_the_score() -> None:
    rng = random.Random(0)
    answers = [parse_assessment(texts.assess_answer([NOISE_4], rng)) for _ in range(400)]
    drawn = [LEVELS[overall] for overall, _ in answers if overall is not None]
    assert set(drawn) == {1, 2}  # 1.8 lies between bad and poor
    assert sum(drawn) / len(drawn) == pytest.approx(quality_score([NOISE_4]), abs=0.1)
    assert {attributes["sharpness"] for _, attributes in answers} == {"excellent"}


def test_comparisons_give_verdict_and_reason() -> None:
    assert texts.compare_answer([], [NOISE_4]) == (
        "The better image is A. Image A is clean; image B shows serious noise."
    )
    assert texts.compare_answer([NOISE_4], [BLUR_1]) == (
        "The better image is B. Image A shows serious noise; image B shows slight blur."
    )
    assert (
        texts.compare_answer([NOISE_4], [NOISE_4]) == "The better image is neither. Both show serious noise."
    )
    assert texts.compare_answer([], []) == "The better image is neither. Both show no visible defects."
    assert texts.verdict_answer([NOISE_4], []) == "The better image is B."


def test_swapping_the_images_swaps_the_verdict_and_equal_scores_tie() -> None:
    chains: tuple[list[DegradationRecord], ...] = ([], [BLUR_1], [HAZE_2], [NOISE_4], [NOISE_4, BLUR_1])
    swap = {"A": "B", "B": "A", "neither": "neither"}
    for first in chains:
        for second in chains:
            verdict = texts.verdict_of(first, second)
            assert texts.verdict_of(second, first) == swap[verdict]
            close = abs(quality_score(first) - quality_score(second)) < TIE
            assert (verdict == "neither") == close


def test_instructions_name_only_what_is_there() -> None:
    for seed in range(60):
        rng = random.Random(seed)
        text = texts.restore_instruction([NOISE_4, BLUR_1], rng)
        assert ("noise and blur" in text) or text in texts.RESTORE_PLAIN
        assert texts.restore_instruction([], rng) in texts.RESTORE_PLAIN


def test_pools_are_wide_enough_and_have_no_twins() -> None:
    assert len(set(texts.ANALYSE_THEN_RESTORE)) == len(texts.ANALYSE_THEN_RESTORE) >= 12
    assert len(set(texts.ASSESS_QUESTIONS)) == len(texts.ASSESS_QUESTIONS) >= 8


def test_the_same_seed_gives_the_same_corpus_and_its_answers_can_be_read() -> None:
    corpus = texts.corpus(random.Random(3), 400)
    assert corpus == texts.corpus(random.Random(3), 400) and len(corpus) == 400
    analyses = [parse_analysis(text) for text in corpus if text.startswith("Intent:")]
    assert analyses and all(one.content and one.quality and one.plan and one.result for one in analyses)
    assert any(text.startswith(VERDICT_PREFIX) for text in corpus)


def test_content_is_told_from_pixels() -> None:
    grey, white, red = torch.zeros(3, 32, 32), torch.ones(3, 32, 32), torch.zeros(3, 32, 32)
    red[0, :, ::2] = 1
    assert describe_content(torch.stack([grey, white, red])) == [
        "A dark, black-and-white scene with little fine detail.",
        "A bright, black-and-white scene with little fine detail.",
        "A dark, colourful scene with much fine detail.",
    ]
