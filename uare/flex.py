"""FlexAttention for long packed rows on CUDA: one call for the whole row, by the rule of `uare.attention`.

Scaled dot-product attention needs a dense mask for each sample, which grows with the square of its length and
keeps it from the fastest kernels. A block mask knows which blocks of 128 x 128 tokens are worth computing.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from uare.segments import AttentionMode, Segment

# Compiling takes tens of seconds, once; a dense mask of this many tokens holds 16 MiB, and the rows of
# training (10,000 to 37,000 tokens) are all longer. Not measured: no accelerator was at hand.
MIN_TOKENS = 4096


def row_block_mask(segments: Sequence[Segment], device: torch.device | str) -> BlockMask:
    """Who sees whom in a whole row of samples without cache, as a block mask on `device`."""
    lens = torch.tensor([segment.length for segment in segments])
    segment_of = torch.repeat_interleave(torch.arange(len(segments)), lens).to(device)  # (N,)
    sample_of = torch.tensor([segment.sample for segment in segments], device=device)[segment_of]
    is_causal = _has_mode(segments, AttentionMode.CAUSAL, device)[segment_of]
    is_noise = _has_mode(segments, AttentionMode.NOISE, device)[segment_of]

    def may_look(_batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        same = segment_of[query] == segment_of[key]
        allowed = ((query >= key) | (same & ~is_causal[query])) & (same | ~is_noise[key])
        return allowed & (sample_of[query] == sample_of[key])

    num_tokens = len(segment_of)
    build = _compiled(create_block_mask) if segment_of.is_cuda else create_block_mask
    return build(may_look, None, None, num_tokens, num_tokens, device=device)


def attend_row(query: Tensor, key: Tensor, value: Tensor, mask: BlockMask) -> Tensor:
    """Attention of a row: query (N, Nh, Dh), key and value (N, Nkv, Dh) to (N, Nh, Dh)."""
    q, k, v = (x.transpose(0, 1)[None] for x in (query, key, value))  # (1, heads, N, Dh)
    run = _compiled(flex_attention) if query.is_cuda else flex_attention
    return run(q, k, v, block_mask=mask, enable_gqa=q.shape[1] != k.shape[1])[0].transpose(0, 1)


def _has_mode(segments: Sequence[Segment], mode: AttentionMode, device: torch.device | str) -> Tensor:
    return torch.tensor([segment.mode is mode for segment in segments], device=device)


@cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The fused kernel; uncompiled, FlexAttention computes and keeps every score."""
    return torch.compile(function)
