"""The detail path: gives a restored photo back what the codec lost, as far as it was right in the input.

Fusion happens in pixels: `D(z) + w·(g·(LQ - D(E(LQ))) + r)`. `LQ - D(E(LQ))` is what the codec drops of the
input, real detail and degradation alike; a small U-shaped net sees the pictures and says per pixel how much
of it to keep (gain g) and what to add (residual r). It starts as the plain decoder (g = r = 0).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from uare.errors import ConfigError, InputError
from uare.vae import check_sides, residual_stack, zeroed

DETAIL_CONFIG = {"quarter_width": 64, "quarter_blocks": 3, "eighth_width": 112, "eighth_blocks": 4}
HALF_WIDTH = 32  # channels at half size in the last step


class DetailPath(nn.Module):
    """Gain and residual maps from LQ, D(z), D(E(LQ)); about 2 M parameters with `DETAIL_CONFIG`.

    Convolutions only, without norms over the picture, so that a tile computes what the whole picture does.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        if set(config) != set(DETAIL_CONFIG):
            raise ConfigError(
                f"detail path has fields {sorted(config)}, expected {sorted(DETAIL_CONFIG)}; "
                "correct the names"
            )
        quarter, eighth = config["quarter_width"], config["eighth_width"]
        num_blocks = config["quarter_blocks"]
        self.enter = nn.Sequential(
            nn.PixelUnshuffle(4),  # (B, 9, H, W) to (B, 144, H/4, W/4)
            nn.Conv2d(144, quarter, 3, padding=1),
            residual_stack(quarter, num_blocks),
        )
        self.middle = nn.Sequential(
            nn.Conv2d(quarter, eighth, 4, stride=2, padding=1),  # (B, eighth, H/8, W/8)
            residual_stack(eighth, config["eighth_blocks"]),
            nn.Conv2d(eighth, 4 * quarter, 3, padding=1),
            nn.PixelShuffle(2),  # (B, quarter, H/4, W/4)
        )
        self.leave = nn.Sequential(
            residual_stack(quarter, num_blocks),
            # two steps of 2, as in the codec: one shuffle by 4 shows its grid
            nn.Conv2d(quarter, 4 * HALF_WIDTH, 3, padding=1),
            nn.PixelShuffle(2),  # (B, 32, H/2, W/2)
            nn.SiLU(),
            zeroed(nn.Conv2d(HALF_WIDTH, 24, 3, padding=1)),
            nn.PixelShuffle(2),  # (B, 6, H, W): gain and residual
        )

    def maps(self, lq: Tensor, decoded: Tensor, lq_decoded: Tensor) -> tuple[Tensor, Tensor]:
        """Gain and residual (B, 3, H, W) of the three pictures (B, 3, H, W)."""
        quarter = self.enter(torch.cat([lq - 0.5, decoded - 0.5, lq - lq_decoded], dim=1))
        gain, residual = self.leave(quarter + self.middle(quarter)).to(decoded.dtype).chunk(2, dim=1)
        return gain, residual

    def forward(
        self, lq: Tensor, decoded: Tensor, lq_decoded: Tensor, weight: float | Tensor = 1.0
    ) -> Tensor:
        """The fused picture (B, 3, H, W), not clamped.

        `lq` is the input, `decoded` D(z) of the restored latent, `lq_decoded` D(E(LQ)); all (B, 3, H, W) in
        the scale of [0, 1] with sides divisible by 16. `weight` in [0, 1] is a number or a map (B, 1, H, W);
        where it is 0 the result is exactly `decoded`. Raises InputError if the shapes do not fit.
        """
        check_sides(lq)
        if not lq.shape == decoded.shape == lq_decoded.shape:
            raise InputError(
                f"detail path got pictures of {tuple(lq.shape)}, {tuple(decoded.shape)} and "
                f"{tuple(lq_decoded.shape)}, expected one shape; resize the input to the target first"
            )
        gain, residual = self.maps(lq, decoded, lq_decoded)
        return decoded + weight * (gain * (lq - lq_decoded) + residual)
