"""Words: reading a context into the cache, generating text from it, and weighing a few words against others."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from uare.cache import ContextCache
from uare.model import UAREModel
from uare.packing import Item, Text, pack
from uare.tokenizer import TextTokenizer
from uare.errors import CheckpointError


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
    on_token: Callable[[int, int], None] | None = None,
) -> list[list[int]]:
    """Answers each sample's context; returns ids without the start and end marker.

    Greedy at temperature 0, else sampled with one generator per sample, so that an answer does not depend on
    its neighbours. A sample stops at its end marker, the others go on. `on_token(sample, id)` streams.
    """
    end = model.config.special_tokens.text_end
    answers: list[list[int]] = [[] for _ in range(cache.num_samples)]
    active = list(range(cache.num_samples))
    items: list[list[Item]] = [[Text(ids=(), closes=False)] for _ in active]
    for _ in range(max_new_tokens):
        output = model(pack(items, model.config, cache.next_positions).to(model.device), cache)
        logits = output.logits.float().cpu()
        chosen = [
            _choose(row, temperature, generators[i] if generators else None)
            for i, row in zip(active, logits, strict=True)
        ]
        going_on = [place for place, token in enumerate(chosen) if token != end]
        active = [active[place] for place in going_on]
        if not active:
            break
        cache = output.cache.select(going_on)
        items = []
        for i, token in zip(active, (chosen[place] for place in going_on), strict=True):
            answers[i].append(token)
            items.append([Text(ids=(token,), opens=False, closes=False)])
            if on_token is not None:
                on_token(i, token)
    return answers


def _choose(logits: Tensor, temperature: float, generator: torch.Generator | None) -> int:
    if temperature == 0:
        return int(logits.argmax())
    return int(torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator))


@torch.no_grad()
def choice_logits(
    model: UAREModel, tokenizer: TextTokenizer, cache: ContextCache, prefix: str, words: Sequence[str]
) -> Tensor:
    """Logits (B, len(words)) float32 of `words` as the continuation of an answer that starts with `prefix`.

    One forward pass. Words are told apart by the first token in which they differ. Raises CheckpointError if
    the tokenizer cannot tell them apart.
    """
    ids = [tokenizer.encode(f"{prefix} {word}") for word in words]
    shared = 0
    while all(len(i) > shared and i[shared] == ids[0][shared] for i in ids):
        shared += 1
    choices = [i[shared] for i in ids if len(i) > shared]
    if len(set(choices)) < len(words):
        raise CheckpointError(
            f"the tokenizer gives the words {', '.join(words)} no distinct tokens after {prefix!r}; expected a "
            "vocabulary that tells them apart"
        )
    items = [[Text(ids=tuple(ids[0][:shared]), closes=False)]] * cache.num_samples
    output = model(pack(items, model.config, cache.next_positions).to(model.device), cache)
    return output.logits[:, choices].float().cpu()
