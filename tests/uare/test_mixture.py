"""The mixture: routing, what each expert computes, and that rows, caches and batches agree."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F

from tests.uare.tiny import condition, target, text, tiny_config, tiny_uare_model, vision
from uare.decoding import read
from uare.layers import rope_tables
from uare.mixture import MixtureLayer, route
from uare.model import UAREModel
from uare.packing import Item, pack

TOLERANCE = 1e-5  # float32 through two layers; other kernels and orders of summation

PHOTO: list[Item] = [condition(2, 3), vision(3, 2), text(5, 6, 7)]


def test_routing_sorts_by_expert_in_reading_order_and_back() -> None:
    routing = route(7, torch.tensor([1, 2, 5]))
    assert routing.order.tolist() == [0, 3, 4, 6, 1, 2, 5]
    assert routing.num_iqa == 4
    assert torch.arange(7)[routing.order][routing.inverse].tolist() == list(range(7))


@torch.no_grad()
def test_a_row_of_text_is_a_plain_transformer_of_the_iqa_expert(tiny_model: UAREModel) -> None:
    batch = pack([[text(5, 6, 7, 8, closes=False)]], tiny_model.config)
    language, mixture = tiny_model.config.language, tiny_model.mixture
    x = tiny_model.text.embed(batch.token_ids)
    cos, sin = rope_tables(batch.positions, language.head_width, language.rope_theta)
    for layer in mixture.layers:
        assert isinstance(layer, MixtureLayer)
        q, k, v = (heads.transpose(0, 1)[None] for heads in layer.iqa.project(x, cos, sin))
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)[0]
        x = layer.iqa.finish(x, attended.transpose(0, 1))
    output = tiny_model(batch)
    torch.testing.assert_close(output.hidden, mixture.iqa_norm(x), atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(output.logits, tiny_model.text.head(output.hidden[-1:]))


@torch.no_grad()
def test_only_latent_tokens_use_the_restoration_expert(tiny_model: UAREModel) -> None:
    batch = pack([[text(5), condition(1, 2)]], tiny_model.config)
    before = tiny_model(batch).hidden
    other = tiny_uare_model()
    other.mixture.restoration_norm.weight.mul_(2)
    after = other(batch).hidden
    changed = (before != after).any(-1).nonzero().flatten()
    assert changed.tolist() == batch.latent_index.tolist()  # the markers around them are text


@torch.no_grad()
def test_reading_item_by_item_equals_one_forward_over_everything(tiny_model: UAREModel) -> None:
    items = [*PHOTO, target(2, 3, timestep=0.7)]
    whole = tiny_model(pack([items], tiny_model.config))
    cache = read(tiny_model, [items[:1]])
    for item in items[1:-1]:
        cache = read(tiny_model, [[item]], cache)
    output = tiny_model(pack([items[-1:]], tiny_model.config, cache.next_positions), cache)
    torch.testing.assert_close(output.velocity, whole.velocity, atol=TOLERANCE, rtol=0)
    assert output.cache.lens == whole.cache.lens
    for ours, theirs in zip(output.cache.layers, whole.cache.layers, strict=True):
        torch.testing.assert_close(ours.keys[0], theirs.keys[0], atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_samples_in_one_row_equal_each_alone(tiny_model: UAREModel) -> None:
    samples: list[list[Item]] = [
        [*PHOTO, target(2, 3)],
        [text(9, closes=False)],
        [condition(1, 2, seed=7), text(5, closes=False)],
        [condition(2, 3, seed=8), vision(3, 2, seed=9), text(8, 9, 4), target(2, 3, seed=5)],
    ]
    row = tiny_model(pack(samples, tiny_model.config))
    alone = [tiny_model(pack([sample], tiny_model.config)) for sample in samples]
    for name in ("hidden", "logits", "velocity"):
        expected = torch.cat([getattr(output, name) for output in alone])
        torch.testing.assert_close(getattr(row, name), expected, atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_nobody_sees_a_noised_target_but_itself(tiny_model: UAREModel) -> None:
    def hidden(seed: int) -> torch.Tensor:
        items = [*PHOTO, target(2, 3, seed=seed), text(8, 9)]
        return tiny_model(pack([items], tiny_model.config)).hidden

    first, second = hidden(1), hidden(2)
    changed = (first != second).any(-1).nonzero().flatten().tolist()
    start = pack([PHOTO], tiny_model.config).num_tokens
    assert changed == list(range(start, start + 8))  # six tokens and their markers


@torch.no_grad()
def test_the_forward_pass_neither_draws_nor_depends_on_the_training_flag() -> None:
    model = tiny_uare_model()
    batch = pack([[*PHOTO, target(2, 3)]], model.config)
    state = torch.get_rng_state()
    in_use, in_training = model.eval()(batch), model.train()(batch)
    assert torch.equal(in_use.velocity, in_training.velocity)
    assert torch.equal(torch.get_rng_state(), state)


@torch.no_grad()
def test_a_new_residual_model_is_the_identity() -> None:
    model = UAREModel(tiny_config("residual"))
    x = target(2, 3, timestep=0.5)
    photo = torch.randn(6, 64, generator=torch.Generator().manual_seed(0))
    velocity = model(pack([[replace(x, base=photo)]], model.config)).velocity
    torch.testing.assert_close(x.tokens - 0.5 * velocity, photo, atol=1e-5, rtol=0)
