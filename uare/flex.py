"""FlexAttention for long packed rows on CUDA: one call for the whole row, by the rule of `uare.attention`.

Scaled dot-product attention needs a dense mask for each sample, which grows with the square of its length and
keeps it from the fastest kernels. A block mask knows which blocks of 128 x 128 tokens are worth computing.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from uare.segments import AttentionMode, Segment

# Rows are filled up to a multiple of this, so that few kernels are compiled (seconds to a minute each) for
# the rows of training, up to 37,000 tokens long. Shorter rows stay with dense masks: 64 MiB at this length.
# Chosen by that arithmetic, not measured: no accelerator was at hand.
ROW_MULTIPLE = 8192


def row_block_mask(
    segments: Sequence[Segment], device: torch.device | str, multiple: int = ROW_MULTIPLE
) -> BlockMask:
    """Who sees whom in a whole row of samples without cache; the filling up sees itself alone."""
    num_tokens = sum(segment.length for segment in segments)
    padding = Segment(length=-num_tokens % multiple, mode=AttentionMode.CAUSAL, sample=-1)
    segments = [*segments, padding]
    lens = torch.tensor([segment.length for segment in segments])
    segment_of = torch.repeat_interleave(torch.arange(len(segments)), lens).to(device)  # (N',)
    sample_of = torch.tensor([segment.sample for segment in segments], device=device)[segment_of]
    is_causal = _has_mode(segments, AttentionMode.CAUSAL, device)[segment_of]
    is_noise = _has_mode(segments, AttentionMode.NOISE, device)[segment_of]

    def may_look(_batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        same = segment_of[query] == segment_of[key]
        allowed = ((query >= key) | (same & ~is_causal[query])) & (same | ~is_noise[key])
        return allowed & (sample_of[query] == sample_of[key])

    build = _kernel(create_block_mask, segment_of.is_cuda)
    return build(may_look, None, None, len(segment_of), len(segment_of), device=device)


def attend_row(query: Tensor, key: Tensor, value: Tensor, mask: BlockMask) -> Tensor:
    """Attention of a row: query (N, Nh, Dh), key and value (N, Nkv, Dh) to (N, Nh, Dh)."""
    missing = mask.seq_lengths[0] - len(query)
    q, k, v = (F.pad(x, (0, 0, 0, 0, 0, missing)).transpose(0, 1)[None] for x in (query, key, value))
    run = _kernel(flex_attention, query.is_cuda)
    attended = run(q, k, v, block_mask=mask, enable_gqa=q.shape[1] != k.shape[1])  # (1, Nh, N', Dh)
    return attended[0].transpose(0, 1)[: len(query)]


def _has_mode(segments: Sequence[Segment], mode: AttentionMode, device: torch.device | str) -> Tensor:
    return torch.tensor([segment.mode is mode for segment in segments], device=device)


@cache
def _kernel(function: Any, is_cuda: bool) -> Callable[..., Any]:
    """The fused kernel on CUDA; the plain function elsewhere, which computes and keeps every score."""
    return torch.compile(function, dynamic=False) if is_cuda else function
