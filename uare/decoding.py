"""Words: reading a context into the cache, generating text, and weighing a few words against others."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from uare.cache import ContextCache
from uare.model import UAREModel
from uare.packing import Item, Text, pack
from uare.tokenizer import TextTokenizer


@torch.no_grad()
def read(
    model: UAREModel, samples: Sequence[Sequence[Item]], cache: ContextCache | None = None
) -> ContextCache:
    """Reads the items of each sample, going on from `cache` where one is given."""
    starts = cache.next_positions if cache else None
    return model(pack(samples, model.config, starts).to(model.device), cache).cache


@torch.no_grad()
def generate(
    model: UAREModel,
    cache: ContextCache,
    max_new_tokens: int,
    temperature: float = 0.0,
    generators: Sequence[torch.Generator] | None = None,
    on_token: Callable[[int, int], bool | None] | None = None,
    said: Sequence[Sequence[int]] | None = None,
) -> list[list[int]]:
    """Answers each sample's context; returns ids without the start and end marker.

    `said` are the ids with which each answer begins; what is returned goes on from them.
    Greedy at temperature 0, else sampled with one generator per sample, so that an answer does not depend on
    its neighbours. A sample stops at its end marker, or where `on_token(sample, id)`, which streams, returns
    True; the others go on.
    """
    end = model.config.special_tokens.text_end
    answers: list[list[int]] = [[] for _ in range(cache.num_samples)]
    active = list(range(cache.num_samples))
    items: list[list[Item]] = [[Text(ids=tuple(ids), closes=False)] for ids in said or [()] * len(active)]
    for _ in range(max_new_tokens):
        output = model(pack(items, model.config, cache.next_positions).to(model.device), cache)
        logits = output.logits.float().cpu()
        chosen = [
            _choose(row, temperature, generators[i] if generators else None)
            for i, row in zip(active, logits, strict=True)
        ]
        going_on = []
        for place, (i, token) in enumerate(zip(active, chosen, strict=True)):
            if token == end:
                continue
            answers[i].append(token)
            if on_token is None or on_token(i, token) is not True:
                going_on.append(place)
        if not going_on:
            break
        active = [active[place] for place in going_on]
        cache = output.cache.select(going_on)
        items = [[Text(ids=(chosen[place],), opens=False, closes=False)] for place in going_on]
    return answers


def _choose(logits: Tensor, temperature: float, generator: torch.Generator | None) -> int:
    if temperature == 0:
        return int(logits.argmax())
    return int(torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator))


@torch.no_grad()
def choice_logits(
    model: UAREModel, tokenizer: TextTokenizer, cache: ContextCache, prefix: str, words: Sequence[str]
) -> Tensor:
    """Log-probabilities (B, len(words)) float32 of `words` as what follows `prefix` in an answer.

    One forward pass: every word continues the same cached context. Their softmax is the choice among them;
    where each word is one token it is the softmax of those tokens' logits.
    """
    ids = [tokenizer.encode(f"{prefix} {word}") for word in words]
    prefix_len = min(len(_shared(ids)), min(len(i) for i in ids) - 1)
    repeated = [sample for sample in range(cache.num_samples) for _ in words]
    branches = cache.select(repeated)
    items = [[Text(ids=tuple(i), loss=True, closes=False)] for i in ids] * cache.num_samples
    output = model(pack(items, model.config, branches.next_positions).to(model.device), branches)
    logs = output.logits.float().log_softmax(-1).cpu()
    rows = logs.split(
        [len(i) + 1 for i in ids] * cache.num_samples
    )  # row k predicts token k, the last the end
    sums = [
        sum(row[k, i[k]] for k in range(prefix_len, len(i)))
        for row, i in zip(rows, ids * cache.num_samples, strict=True)
    ]
    return torch.stack(sums).reshape(cache.num_samples, len(words))


@torch.no_grad()
def next_word_logits(
    model: UAREModel,
    tokenizer: TextTokenizer,
    cache: ContextCache,
    texts: Sequence[str],
    words: Sequence[str],
    heard: Sequence[str],
) -> tuple[Tensor, ContextCache]:
    """Logits (B, len(words)) float32 of what follows each sample's text, and the cache grown by that text.

    `heard` is how much of each text the cache holds already, "" for none of it. The first token counts
    in which the words differ: for words of one token the softmax is that of `choice_logits`, without a branch
    for every word.
    """
    items: list[list[Item]] = []
    choices: list[list[int]] = []
    for text, before in zip(texts, heard, strict=True):
        ids = [tokenizer.encode(f"{text} {word}") for word in words]
        common = _shared(ids)
        known = len(_shared([tokenizer.encode(before), common])) if before else 0
        items.append([Text(ids=tuple(common[known:]), opens=not before, closes=False)])
        choices.append([one[len(common)] for one in ids])
    output = model(pack(items, model.config, cache.next_positions).to(model.device), cache)
    logits = output.logits.float().cpu()  # (B, V)
    return logits.gather(1, torch.tensor(choices)), output.cache


def _shared(ids: Sequence[Sequence[int]]) -> list[int]:
    """The ids with which all sequences begin."""
    shared = []
    for column in zip(*ids, strict=False):
        if len(set(column)) > 1:
            break
        shared.append(column[0])
    return shared
