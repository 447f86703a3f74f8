"""The detail path: gives a restored photo back what the codec lost, as far as it was right in the input.

Fusion happens in pixels: `D(z) + w·(g·(LQ - D(E(LQ))) + r + Σ a·C)`. `LQ - D(E(LQ))` is what the codec drops
of the input, real detail and degradation alike. `C` are candidate changes: what a few smoothing filters do to
the input, and what takes the latent's change back, whole or its coarse part; each split into light and
colour. A small U-shaped net sees the pictures and says per pixel how much of the first to keep (gain g), how
much of each candidate to mix in (shares a; below zero a filter sharpens), and what to add (residual r). It
starts by keeping all (g = 1, a = r = 0): photos that need little are then right from the first step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from uare.colour import window_mean
from uare.errors import ConfigError, InputError
from uare.smoothing import mixed, smoothing_changes
from uare.vae import check_sides, zeroed

# Channels and blocks (before and after what is coarser) at 1/2, 1/4, 1/8, 1/16 of the size. Noise and streaks
# are a matter of single pixels, so the first scale is no coarser than half.
# The filters are radius in pixels and epsilon, the variance that counts as structure.
DETAIL_CONFIG = {
    "widths": [48, 96, 128, 160],
    "blocks": [2, 2, 3, 3],
    "filters": [[1, 5e-4], [1, 2e-3], [1, 8e-3], [3, 5e-4], [3, 2e-3], [3, 8e-3]],
}
BRANCH_SCALE = 0.2  # of a block's first step into the sum, per channel, learned from there
LOST_SCALE = 12.0  # what the codec loses deviates by some 0.08
COARSE_RADIUS_PX = 8  # of the windows whose mean is the coarse part of the latent's change


class GatedBlock(nn.Module):
    """Norm over channels, convolution, gate, mixing; added to the input. (B, width, h, w) both ways.

    The product of two halves in place of an activation is NAFNet's (Chen et al. 2022), with a full
    convolution: on a processor that is faster than one per channel.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.widen = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.mix = nn.Conv2d(width, width, 1)
        self.scale = nn.Parameter(torch.full((1, width, 1, 1), BRANCH_SCALE))

    def forward(self, x: Tensor) -> Tensor:
        mean_square = x.float().square().mean(dim=1, keepdim=True)  # (B, 1, h, w)
        normed = x * torch.rsqrt(mean_square + 1e-6).to(x.dtype)
        left, right = self.widen(normed).chunk(2, dim=1)
        return x + self.scale.to(x.dtype) * self.mix(left * right)


def gated_stack(width: int, num_blocks: int) -> nn.Sequential:
    """`num_blocks` gated blocks of one width, in a row."""
    return nn.Sequential(*(GatedBlock(width) for _ in range(num_blocks)))


class Scale(nn.Module):
    """One scale of the U, (B, widths[0], h, w) both ways: blocks, all coarser scales, blocks."""

    def __init__(self, widths: Sequence[int], blocks: Sequence[int]) -> None:
        super().__init__()
        width, *coarser = widths
        self.before = gated_stack(width, blocks[0])
        if not coarser:
            self.coarser, self.after = None, None
            return
        self.coarser = nn.Sequential(
            nn.Conv2d(width, coarser[0], 2, stride=2),  # (B, coarser, h/2, w/2)
            Scale(coarser, blocks[1:]),
            nn.Conv2d(coarser[0], 4 * width, 1),
            nn.PixelShuffle(2),  # (B, width, h, w)
        )
        self.after = gated_stack(width, blocks[0])

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        if self.coarser is None or self.after is None:
            return x
        return self.after(x + self.coarser(x))


class DetailPath(nn.Module):
    """Maps of gain, residual and shares from LQ, D(z), D(E(LQ)); 4.6 M parameters with `DETAIL_CONFIG`.

    No norms over the picture but only over channels, so that a tile computes what the whole picture does.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        if set(config) != set(DETAIL_CONFIG):
            raise ConfigError(
                f"detail path has fields {sorted(config)}, expected {sorted(DETAIL_CONFIG)}; "
                "correct the names"
            )
        widths, blocks = config["widths"], config["blocks"]
        if len(widths) != len(blocks) or not widths:
            raise ConfigError(
                f"detail path has {len(widths)} widths and {len(blocks)} numbers of blocks, expected one of "
                "each for every scale; correct the configuration"
            )
        self.filters = [(int(radius), float(epsilon)) for radius, epsilon in config["filters"]]
        num_candidates = len(self.filters) + 2
        self.enter = nn.Sequential(
            nn.PixelUnshuffle(2),  # (B, C, H, W) to (B, 4C, H/2, W/2)
            nn.Conv2d(4 * (9 + 3 * num_candidates), widths[0], 3, padding=1),
        )
        self.scales = Scale(widths, blocks)
        last = zeroed(nn.Conv2d(widths[0], 4 * (6 + 2 * num_candidates), 3, padding=1))
        with torch.no_grad():
            assert last.bias is not None
            last.bias[:12] = 1.0  # the gains of 2x2 pixels: an untouched latent gives the photo itself
        self.leave = nn.Sequential(last, nn.PixelShuffle(2))  # (B, 6 + 2K, H, W)

    def candidates(self, lq: Tensor, decoded: Tensor, lq_decoded: Tensor) -> Tensor:
        """What may be mixed in, (B, K, 3, H, W) float32: the filters' changes, the latent's change undone."""
        undone = (lq_decoded - decoded).float()
        undone = torch.stack([undone, window_mean(undone, COARSE_RADIUS_PX)], dim=1)
        return torch.cat([smoothing_changes(lq, self.filters), undone], dim=1)

    def maps(
        self, lq: Tensor, decoded: Tensor, lq_decoded: Tensor, candidates: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Gain and residual (B, 3, H, W) and shares (B, 2K, H, W) of the pictures and K candidates."""
        # all at about unit deviation
        seen = [4 * (lq - 0.5), 4 * (decoded - 0.5), LOST_SCALE * (lq - lq_decoded)]
        seen.append(LOST_SCALE * candidates.flatten(1, 2))
        inputs = torch.cat(seen, dim=1).to(next(self.parameters()).dtype)
        maps = self.leave(self.scales(self.enter(inputs))).float()
        gain, residual, shares = maps.split([3, 3, maps.shape[1] - 6], dim=1)
        return gain, residual, shares

    def forward(
        self, lq: Tensor, decoded: Tensor, lq_decoded: Tensor, weight: float | Tensor = 1.0
    ) -> Tensor:
        """The fused picture (B, 3, H, W), not clamped.

        `lq` is the input, `decoded` D(z) of the restored latent, `lq_decoded` D(E(LQ)); all (B, 3, H, W)
        float32 in the scale of [0, 1] with sides divisible by 16, whatever precision the net has. `weight` in
        [0, 1] is a number or a map (B, 1, H, W); where it is 0 the result is exactly `decoded`. Raises
        InputError if the shapes do not fit.
        """
        check_sides(lq)
        if not lq.shape == decoded.shape == lq_decoded.shape:
            raise InputError(
                f"detail path got pictures of {tuple(lq.shape)}, {tuple(decoded.shape)} and "
                f"{tuple(lq_decoded.shape)}, expected one shape; resize the input to the target first"
            )
        candidates = self.candidates(lq, decoded, lq_decoded)
        gain, residual, shares = self.maps(lq, decoded, lq_decoded, candidates)
        return decoded + weight * (gain * (lq - lq_decoded) + residual + mixed(candidates, shares))
