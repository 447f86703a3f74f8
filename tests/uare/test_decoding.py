"""Words: batches, the end marker, seeds, streaming, and the weighing of a few words."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from tests.uare.tiny import text, vision
from uare.decoding import choice_logits, generate, read
from uare.errors import CheckpointError
from uare.model import UAREModel
from uare.packing import Item, Text, pack
from uare.tokenizer import TextTokenizer

SAMPLES: list[list[Item]] = [[vision(3, 2), text(5, 6, 7)], [text(9)], [vision(3, 2, seed=4), text(5, 8, 7)]]


def seeded(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_answers_in_a_batch_are_those_given_alone(tiny_model: UAREModel) -> None:
    together = generate(tiny_model, read(tiny_model, SAMPLES), max_new_tokens=6)
    alone = [generate(tiny_model, read(tiny_model, [sample]), max_new_tokens=6)[0] for sample in SAMPLES]
    assert together == alone
    assert [len(answer) for answer in together] == [6, 6, 6]


@torch.no_grad()
def test_greedy_text_is_what_one_forward_pass_over_it_would_choose(tiny_model: UAREModel) -> None:
    (answer,) = generate(tiny_model, read(tiny_model, SAMPLES[:1]), max_new_tokens=5)
    taught = Text(ids=tuple(answer), loss=True)
    logits = tiny_model(pack([[*SAMPLES[0], taught]], tiny_model.config)).logits
    assert logits.argmax(-1)[:-1].tolist() == answer


def test_a_sample_stops_at_its_end_marker_and_the_others_go_on(tiny_model: UAREModel) -> None:
    cache = read(tiny_model, SAMPLES)
    free = generate(tiny_model, cache, max_new_tokens=6)
    end = next(token for token in free[0] if token not in free[1])  # plays the end marker
    stopping = deepcopy(tiny_model)
    stopping.config.special_tokens = replace(tiny_model.config.special_tokens, text_end=end)
    answers = generate(stopping, cache, max_new_tokens=6)
    assert answers[0] == free[0][: free[0].index(end)]
    assert answers[1] == free[1]


def test_a_sampled_answer_depends_on_its_seed_and_not_on_its_neighbours(tiny_model: UAREModel) -> None:
    def sampled(samples: list[list[Item]], *seeds: int) -> list[list[int]]:
        return generate(tiny_model, read(tiny_model, samples), 6, temperature=1.0, generators=seeded(*seeds))

    together = sampled(SAMPLES, 1, 2, 3)
    assert together[2] == sampled(SAMPLES[2:], 3)[0]
    assert together == sampled(SAMPLES, 1, 2, 3)
    assert together != sampled(SAMPLES, 4, 5, 6)


def test_tokens_are_streamed_in_order(tiny_model: UAREModel) -> None:
    streamed: list[list[int]] = [[], [], []]
    answers = generate(
        tiny_model, read(tiny_model, SAMPLES), 4, on_token=lambda i, token: streamed[i].append(token)
    )
    assert streamed == answers


def test_words_are_weighed_by_the_logits_of_their_next_token(
    tiny_model: UAREModel, tiny_tokenizer: TextTokenizer
) -> None:
    cache = read(tiny_model, SAMPLES)
    weighed = choice_logits(tiny_model, tiny_tokenizer, cache, "quality:", ("good", "poor"))
    assert weighed.shape == (3, 2)
    prefix = tiny_tokenizer.encode("quality: good")
    other = tiny_tokenizer.encode("quality: poor")
    shared = next(i for i, (a, b) in enumerate(zip(prefix, other, strict=False)) if a != b)
    item = Text(ids=tuple(prefix[:shared]), closes=False)
    with torch.no_grad():
        logits = tiny_model(pack([[*SAMPLES[1], item]], tiny_model.config)).logits[0]
    expected = logits[[prefix[shared], other[shared]]]
    torch.testing.assert_close(weighed[1], expected, atol=1e-5, rtol=0)  # alone, in one pass, not cached


def test_words_that_share_their_first_token_cannot_be_weighed(
    tiny_model: UAREModel, tiny_tokenizer: TextTokenizer
) -> None:
    cache = read(tiny_model, SAMPLES[1:2])
    with pytest.raises(CheckpointError, match="no distinct tokens"):
        choice_logits(tiny_model, tiny_tokenizer, cache, "quality:", ("zx", "zy", "q"))
