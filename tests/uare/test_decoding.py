"""Words: batches, the end marker, seeds, streaming, and the weighing of a few words."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from itertools import takewhile

import pytest
import torch

from tests.uare.tiny import text, vision
from uare.decoding import choice_logits, generate, read
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


def test_an_answer_that_is_ended_has_no_more_tokens_and_the_others_are_as_before(
    tiny_model: UAREModel,
) -> None:
    cache = read(tiny_model, SAMPLES)
    whole = generate(tiny_model, cache, 6)
    lengths = [len(answer) for answer in whole]
    ended = generate(tiny_model, cache, 6, on_token=lambda i, _: i == 0)
    assert ended == [whole[0][:1], *whole[1:]]
    assert lengths[0] > 1


def test_each_answer_goes_on_from_its_own_beginning(tiny_model: UAREModel) -> None:
    said = [[5 + i] * (i + 1) for i in range(len(SAMPLES))]
    together = generate(tiny_model, read(tiny_model, SAMPLES), 4, said=said)
    for sample, begun, answer in zip(SAMPLES, said, together, strict=True):
        assert generate(tiny_model, read(tiny_model, [sample]), 4, said=[begun]) == [answer]


@torch.no_grad()
def log_probability(model: UAREModel, context: list[Item], ids: list[int], first: int) -> float:
    """Of ids[first:] after the context and ids[:first], one forward pass without a cache."""
    item = Text(ids=tuple(ids), loss=True)
    logs = model(pack([[*context, item]], model.config)).logits.log_softmax(-1)
    return sum(float(logs[k, ids[k]]) for k in range(first, len(ids)))


@pytest.mark.parametrize(
    "words",
    [
        ("good", "poor", "bad"),  # in the corpus of the tokenizer
        ("zxq", "zy", "zxw, and more"),  # several tokens each, some of them shared
        ("good", "goodness"),  # the one begins like the other
    ],
)
def test_words_are_weighed_as_continuations_of_each_context(
    tiny_model: UAREModel, tiny_tokenizer: TextTokenizer, words: tuple[str, ...]
) -> None:
    weighed = choice_logits(tiny_model, tiny_tokenizer, read(tiny_model, SAMPLES), "quality:", words)
    ids = [tiny_tokenizer.encode(f"quality: {word}") for word in words]
    shared = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*ids, strict=False)))
    first = min(shared, min(map(len, ids)) - 1)
    expected = [[log_probability(tiny_model, sample, i, first) for i in ids] for sample in SAMPLES]
    torch.testing.assert_close(weighed, torch.tensor(expected), atol=1e-4, rtol=0)


def test_words_of_one_token_are_chosen_as_by_the_logits_of_those_tokens(
    tiny_model: UAREModel, tiny_tokenizer: TextTokenizer
) -> None:
    cache = read(tiny_model, SAMPLES[:1])
    weighed = choice_logits(tiny_model, tiny_tokenizer, cache, "", ("a", "b"))
    ids = [tiny_tokenizer.encode(" a"), tiny_tokenizer.encode(" b")]
    prefix = Text(ids=tuple(ids[0][:-1]), closes=False)
    with torch.no_grad():
        logits = tiny_model(pack([[*SAMPLES[0], prefix]], tiny_model.config)).logits[0]
    expected = logits[[i[-1] for i in ids]].softmax(-1)
    torch.testing.assert_close(weighed[0].softmax(-1), expected, atol=1e-5, rtol=0)
