"""Attention over segments: who sees whom, and the product itself.

The rule (BAGEL, data/data_utils.py): inside a sample, token i sees token j if j comes before it or both lie
in one full or noised segment; a noised segment is seen by nobody but itself. Samples never see each other.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask

from uare.cache import LayerCache, grown
from uare.flex import ROW_MULTIPLE, attend_row, row_block_mask
from uare.segments import AttentionMode, Segment


@dataclass(frozen=True)
class SampleGroup:
    """Samples of a row with the same segments and the same cached length: one batched product."""

    samples: tuple[int, ...]
    mask: Tensor | None  # (q, k) bool, True = may look; None = everything


@dataclass(frozen=True)
class AttentionPlan:
    """Made once per forward pass, used by every layer."""

    groups: tuple[SampleGroup, ...]
    lens: tuple[int, ...]  # tokens of each sample; they lie together, in order
    row: BlockMask | None = None  # of the whole row, in place of the groups


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
    lens = tuple(sum(part.length for part in parts) for parts in by_sample.values())
    if _suits_flex(by_sample.values(), cached_lens, device):
        return AttentionPlan((), lens, row_block_mask(segments, device))
    alike: dict[tuple, list[int]] = defaultdict(list)  # shape of a sample -> samples
    for sample, parts in by_sample.items():
        alike[(cached_lens[sample], *((part.length, part.mode) for part in parts))].append(sample)
    groups = []
    for samples in alike.values():
        mask = segment_mask(by_sample[samples[0]], cached_lens[samples[0]])
        # asked on the CPU: it must not wait for an accelerator
        groups.append(SampleGroup(tuple(samples), None if bool(mask.all()) else mask.to(device)))
    return AttentionPlan(tuple(groups), lens)


def _suits_flex(
    samples: Collection[list[Segment]], cached_lens: Sequence[int], device: torch.device | str
) -> bool:
    """True for long rows on CUDA without cache; where all see all (ViT), dense kernels are the fastest."""
    is_long = sum(segment.length for parts in samples for segment in parts) >= ROW_MULTIPLE
    is_masked = any(len(parts) > 1 or parts[0].mode is AttentionMode.CAUSAL for parts in samples)
    return torch.device(device).type == "cuda" and is_long and is_masked and not any(cached_lens)


def attend(
    query: Tensor, key: Tensor, value: Tensor, plan: AttentionPlan, cache: LayerCache | None = None
) -> tuple[Tensor, LayerCache]:
    """Attention of every token over its sample's context.

    query (N, Nh, Dh), key and value (N, Nkv, Dh). Returns the result (N, Nh, Dh) and the cache grown by these
    tokens. Grouped queries: head h uses key/value head h // (Nh / Nkv).
    """
    # split and cat, not slices: the backward pass of a slice writes the whole row once per sample
    queries, keys, values = (x.split(plan.lens) for x in (query, key, value))
    context = grown(cache, [k.transpose(0, 1) for k in keys], [v.transpose(0, 1) for v in values])
    if plan.row is not None:
        return attend_row(query, key, value, plan.row), context
    results: list[Tensor] = [query] * len(plan.lens)
    for group in plan.groups:
        q = torch.stack([queries[i] for i in group.samples])  # (B, q, Nh, Dh)
        k = torch.stack([context.keys[i] for i in group.samples])  # (B, Nkv, k, Dh)
        v = torch.stack([context.values[i] for i in group.samples])
        attended = F.scaled_dot_product_attention(
            q.transpose(1, 2), k, v, attn_mask=group.mask, enable_gqa=q.shape[2] != k.shape[1]
        )
        for i, result in zip(group.samples, attended.transpose(1, 2).unbind(), strict=True):
            results[i] = result  # (q, Nh, Dh)
    return torch.cat(results), context
