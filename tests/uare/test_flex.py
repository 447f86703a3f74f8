"""FlexAttention of a whole row equals scaled dot-product attention sample by sample."""

from __future__ import annotations

import pytest
import torch

from uare.attention import AttentionPlan, attend, plan_attention
from uare.flex import attend_row, row_block_mask
from uare.segments import AttentionMode, Segment

TOLERANCE = 2e-6  # float32; both sum up to 300 values of size one

# A photo with analysis and target, a text, an image alone; several blocks of 128 tokens together.
SHAPES = (
    (
        (70, AttentionMode.FULL),
        (40, AttentionMode.FULL),
        (31, AttentionMode.CAUSAL),
        (70, AttentionMode.NOISE),
        (9, AttentionMode.CAUSAL),
    ),
    ((50, AttentionMode.CAUSAL),),
    ((33, AttentionMode.NOISE), (20, AttentionMode.FULL)),
)
SEGMENTS = [
    Segment(length=length, mode=mode, sample=i) for i, shape in enumerate(SHAPES) for length, mode in shape
]


def row(num_kv_heads: int, device: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    num_tokens = sum(segment.length for segment in SEGMENTS)
    heads = (4, num_kv_heads, num_kv_heads)
    query, key, value = (torch.randn(num_tokens, n, 16, generator=generator).to(device) for n in heads)
    return query, key, value


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
@pytest.mark.parametrize("num_kv_heads", [2, 4])
def test_a_row_is_attended_as_its_samples_are(num_kv_heads: int) -> None:
    query, key, value = row(num_kv_heads, "cpu")
    expected, _ = attend(query, key, value, plan_attention(SEGMENTS, [0] * len(SHAPES)))
    plan = AttentionPlan((), (220, 50, 53), row_block_mask(SEGMENTS, "cpu", multiple=128))
    result, _ = attend(query, key, value, plan)
    torch.testing.assert_close(result, expected, atol=TOLERANCE, rtol=0)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_compiled_row_and_its_gradients_equal_the_samples_on_cuda() -> None:
    query, key, value = (x.requires_grad_() for x in row(2, "cuda"))
    by_row = attend_row(query, key, value, row_block_mask(SEGMENTS, "cuda", multiple=128))
    by_sample, _ = attend(query, key, value, plan_attention(SEGMENTS, [0] * len(SHAPES), "cuda"))
    gradients = [torch.autograd.grad(x.square().sum(), (query, key, value)) for x in (by_row, by_sample)]
    for ours, expected in ((by_row, by_sample), *zip(*gradients, strict=True)):
        torch.testing.assert_close(ours, expected, atol=1e-3, rtol=1e-3)  # TF32 products on recent devices
