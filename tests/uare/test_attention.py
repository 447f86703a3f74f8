"""Who sees whom, by brute force, and that grouping and caching change nothing."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from uare.attention import attend, plan_attention, segment_mask
from uare.cache import LayerCache
from uare.segments import AttentionMode, Segment

HEADS, KV_HEADS, WIDTH = 4, 2, 8
TOLERANCE = 1e-6  # float32 sums of at most 40 values of size one

SHAPES = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(AttentionMode)), min_size=1, max_size=5)


def segments_of(*samples: list[tuple[int, AttentionMode]]) -> list[Segment]:
    return [
        Segment(length=length, mode=mode, sample=i)
        for i, shape in enumerate(samples)
        for length, mode in shape
    ]


def random_qkv(num_tokens: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    query = torch.randn(num_tokens, HEADS, WIDTH, generator=generator)
    key, value = (torch.randn(num_tokens, KV_HEADS, WIDTH, generator=generator) for _ in range(2))
    return query, key, value


def softmax_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """The definition, head by head in float64: query head h reads key/value head h // (Nh / Nkv)."""
    heads = []
    for h in range(HEADS):
        q, k, v = (x.double() for x in (query[:, h], key[:, h // 2], value[:, h // 2]))
        scores = (q @ k.T / WIDTH**0.5).masked_fill(~mask, float("-inf"))
        heads.append(scores.softmax(-1) @ v)
    return torch.stack(heads, dim=1).float()


@given(shape=SHAPES, cached_len=st.integers(0, 3))
def test_the_mask_is_the_rule(shape: list[tuple[int, AttentionMode]], cached_len: int) -> None:
    segment_of = [i for i, (length, _) in enumerate(shape) for _ in range(length)]
    mask = segment_mask(segments_of(shape), cached_len)
    for i, own in enumerate(segment_of):
        assert mask[i, :cached_len].all()
        for j, other in enumerate(segment_of):
            is_open = shape[own][1] is not AttentionMode.CAUSAL
            sees = j <= i or (own == other and is_open)
            if shape[other][1] is AttentionMode.NOISE and own != other:
                sees = False
            assert bool(mask[i, cached_len + j]) == sees, (i, j)


@settings(max_examples=40, deadline=None)
@given(samples=st.lists(SHAPES, min_size=1, max_size=4))
def test_a_row_of_samples_is_attended_as_the_definition_says(
    samples: list[list[tuple[int, AttentionMode]]],
) -> None:
    samples = [*samples, samples[0]]  # the first and the last share a group, with others between them
    lens = [sum(length for length, _ in shape) for shape in samples]
    query, key, value = random_qkv(sum(lens))
    result, _ = attend(query, key, value, plan_attention(segments_of(*samples), [0] * len(samples)))
    parts = zip(samples, query.split(lens), key.split(lens), value.split(lens), strict=True)
    expected = [softmax_attention(q, k, v, segment_mask(segments_of(shape), 0)) for shape, q, k, v in parts]
    torch.testing.assert_close(result, torch.cat(expected), atol=TOLERANCE, rtol=0)


def test_samples_of_one_shape_are_one_product() -> None:
    shape = [(2, AttentionMode.FULL), (3, AttentionMode.CAUSAL)]
    plan = plan_attention(segments_of(shape, [(1, AttentionMode.CAUSAL)], shape), [0, 0, 0])
    assert [group.samples for group in plan.groups] == [(0, 2), (1,)]
    assert plan.groups[1].mask is None  # a single token sees itself: nothing to mask


@settings(max_examples=40, deadline=None)
@given(shape=SHAPES, split=st.integers(0, 4))
def test_reading_on_from_a_cache_equals_reading_at_once(
    shape: list[tuple[int, AttentionMode]], split: int
) -> None:
    # A noised segment is never appended to a cache, so only the last may be one.
    shape = [
        (length, AttentionMode.FULL if mode is AttentionMode.NOISE else mode) for length, mode in shape[:-1]
    ] + shape[-1:]
    split = min(split, len(shape) - 1)
    head, tail = shape[:split], shape[split:]
    num_head = sum(length for length, _ in head)
    query, key, value = random_qkv(sum(length for length, _ in shape))
    whole, whole_cache = attend(query, key, value, plan_attention(segments_of(shape), [0]))
    cache = None
    if head:
        _, cache = attend(
            query[:num_head], key[:num_head], value[:num_head], plan_attention(segments_of(head), [0])
        )
    plan = plan_attention(segments_of(tail), [num_head])
    result, grown = attend(query[num_head:], key[num_head:], value[num_head:], plan, cache)
    torch.testing.assert_close(result, whole[num_head:], atol=TOLERANCE, rtol=0)
    assert torch.equal(grown.keys[0], whole_cache.keys[0])
    assert torch.equal(grown.values[0], whole_cache.values[0])


def test_growing_a_cache_leaves_the_old_one_as_it_was() -> None:
    _, key, value = random_qkv(5)
    old = LayerCache((key[:3].transpose(0, 1),), (value[:3].transpose(0, 1),))
    before = old.keys[0].clone()
    query, new_key, new_value = random_qkv(2, seed=1)
    plan = plan_attention(segments_of([(2, AttentionMode.FULL)]), [3])
    _, grown = attend(query, new_key, new_value, plan, old)
    assert grown.keys[0].shape[1] == 5
    assert torch.equal(old.keys[0], before)
