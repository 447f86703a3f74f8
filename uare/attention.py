"""Attention over segments: who sees whom, and the product itself.

The rule (BAGEL, data/data_utils.py): inside a sample, token i sees token j if j comes before it or both lie in
one full or noised segment; a noised segment is seen by nobody but itself. Samples never see each other.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from uare.cache import LayerCache, grown
from uare.segments import AttentionMode, Segment


@dataclass(frozen=True)
class SampleGroup:
    """Samples of a row with the same segments and the same cached length: one batched product."""

    samples: tuple[int, ...]
    starts: tuple[int, ...]  # first token of each in the row; a sample's tokens lie together
    length: int  # q, tokens of each
    mask: Tensor | None  # (q, k) bool, True = may look; None = everything


@dataclass(frozen=True)
class AttentionPlan:
    """Made once per forward pass, used by every layer."""

    groups: tuple[SampleGroup, ...]


def segment_mask(segments: Sequence[Segment], cached_len: int) -> Tensor:
    """Returns one sample's mask (q, cached_len + q) bool, True where the query (row) may look at the key."""
    lens = torch.tensor([segment.length for segment in segments])
    segment_of = torch.repeat_interleave(torch.arange(len(segments)), lens)  # (q,)
    is_causal = torch.tensor([s.mode is AttentionMode.CAUSAL for s in segments])[segment_of]
    is_noise = torch.tensor([s.mode is AttentionMode.NOISE for s in segments])[segment_of]
    place = torch.arange(len(segment_of))
    same = segment_of[:, None] == segment_of[None, :]
    earlier = place[:, None] >= place[None, :]
    new = (earlier | (same & ~is_causal[:, None])) & (same | ~is_noise[None, :])
    return torch.cat([new.new_ones(len(place), cached_len), new], dim=1)


def plan_attention(
    segments: Sequence[Segment], cached_lens: Sequence[int], device: torch.device | str = "cpu"
) -> AttentionPlan:
    """Groups the samples of a row for batched attention and makes each group's mask."""
    by_sample: dict[int, list[Segment]] = defaultdict(list)
    for segment in segments:
        by_sample[segment.sample].append(segment)
    groups: dict[tuple, list[tuple[int, int]]] = defaultdict(list)  # shape of a sample -> (sample, start)
    start = 0
    for sample, parts in by_sample.items():
        shape = (cached_lens[sample], *((part.length, part.mode) for part in parts))
        groups[shape].append((sample, start))
        start += sum(part.length for part in parts)
    return AttentionPlan(
        tuple(
            _group(members, by_sample[members[0][0]], cached_lens[members[0][0]], device)
            for members in groups.values()
        )
    )


def _group(
    members: list[tuple[int, int]], segments: list[Segment], cached_len: int, device: torch.device | str
) -> SampleGroup:
    mask = segment_mask(segments, cached_len)  # on the CPU: asking it below must not wait for an accelerator
    return SampleGroup(
        samples=tuple(sample for sample, _ in members),
        starts=tuple(start for _, start in members),
        length=mask.shape[0],
        mask=None if bool(mask.all()) else mask.to(device),
    )


def attend(
    query: Tensor, key: Tensor, value: Tensor, plan: AttentionPlan, cache: LayerCache | None = None
) -> tuple[Tensor, LayerCache]:
    """Attention of every token over its sample's context.

    query (N, Nh, Dh), key and value (N, Nkv, Dh). Returns the result (N, Nh, Dh) and the cache grown by these
    tokens. Grouped queries: head h uses key/value head h // (Nh / Nkv).
    """
    keys: dict[int, Tensor] = {}
    values: dict[int, Tensor] = {}
    for group in plan.groups:
        for sample, start in zip(group.samples, group.starts, strict=True):
            keys[sample] = key[start : start + group.length].transpose(0, 1)  # (Nkv, q, Dh)
            values[sample] = value[start : start + group.length].transpose(0, 1)
    order = range(len(keys))
    context = grown(cache, [keys[i] for i in order], [values[i] for i in order])

    result = torch.empty_like(query)
    for group in plan.groups:
        q = torch.stack([query[start : start + group.length] for start in group.starts])  # (B, q, Nh, Dh)
        k = torch.stack([context.keys[i] for i in group.samples])  # (B, Nkv, k, Dh)
        v = torch.stack([context.values[i] for i in group.samples])
        attended = F.scaled_dot_product_attention(
            q.transpose(1, 2), k, v, attn_mask=group.mask, enable_gqa=q.shape[2] != k.shape[1]
        ).transpose(1, 2)  # (B, q, Nh, Dh)
        for b, start in enumerate(group.starts):
            result[start : start + group.length] = attended[b]
    return result, context
