"""Norm, rotary positions, gated MLP and fixed position tables: the small parts that several files share."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """Root-mean-square norm over the last axis; statistics in float32 whatever the input's dtype."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()  # half precision loses small variances
        wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return self.weight * wide.to(x.dtype)


class GatedMLP(nn.Module):
    """Qwen2 MLP: down(silu(gate(x)) · up(x)), no biases."""

    def __init__(self, width: int, inner_width: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(width, inner_width, bias=False)
        self.up_proj = nn.Linear(width, inner_width, bias=False)
        self.down_proj = nn.Linear(inner_width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


def rope_tables(positions: Tensor, head_width: int, theta: float) -> tuple[Tensor, Tensor]:
    """Returns cos and sin (N, Dh) float32 of positions (N,), the two halves repeated (Qwen2 form)."""
    exponents = torch.arange(0, head_width, 2, dtype=torch.float32, device=positions.device) / head_width
    angles = positions.float()[:, None] * (1.0 / theta**exponents)  # (N, Dh/2)
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos(), angles.sin()


def apply_rope(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotates heads (N, heads, Dh); channel i is paired with i + Dh/2."""
    first, second = x.chunk(2, dim=-1)
    rotated = torch.cat([-second, first], dim=-1)
    return x * cos.to(x.dtype)[:, None] + rotated * sin.to(x.dtype)[:, None]


def sincos_table(side: int, width: int) -> Tensor:
    """Returns the fixed table (side², width) float32 of 2-D positions, column part first.

    Row r, column c: [sin(c·ω), cos(c·ω), sin(r·ω), cos(r·ω)], ω_k = 10000^(−4k/width). Computed in float64
    (BAGEL, modeling/bagel/modeling_utils.py).
    """
    omega = 10000.0 ** (-torch.arange(width // 4, dtype=torch.float64, device="cpu") / (width / 4))
    angles = torch.arange(side, dtype=torch.float64, device="cpu")[:, None] * omega  # (side, width/4)
    waves = torch.cat([angles.sin(), angles.cos()], dim=-1)  # (side, width/2)
    columns = waves[None, :, :].expand(side, side, -1)
    rows = waves[:, None, :].expand(side, side, -1)
    return torch.cat([columns, rows], dim=-1).reshape(side * side, width).float()


class PositionTable(nn.Module):
    """Looks 2-D positions up in the fixed sin-cos table; nothing to learn, nothing to save."""

    table: Tensor

    def __init__(self, side: int, width: int) -> None:
        super().__init__()
        self.side, self.width = side, width
        self.register_buffer("table", sincos_table(side, width), persistent=False)

    def fill(self) -> None:
        """Writes the table again, after the module was built on the meta device."""
        self.table.copy_(sincos_table(self.side, self.width))

    def forward(self, positions: Tensor) -> Tensor:
        return self.table[positions]


class TimestepEmbedding(nn.Module):
    """Timestep in [0, 1] (not scaled) to model width: a sinusoid of 256, then two linear layers."""

    sinusoid_width = 256

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(self.sinusoid_width, width)
        self.fc2 = nn.Linear(width, width)

    def sinusoid(self, timesteps: Tensor) -> Tensor:
        """Returns (M, 256) float32, cosine half first."""
        half = self.sinusoid_width // 2
        steps = torch.arange(half, dtype=torch.float32, device=timesteps.device)
        frequencies = torch.exp(-torch.log(torch.tensor(10000.0)) * steps / half)
        angles = timesteps.float()[:, None] * frequencies
        return torch.cat([angles.cos(), angles.sin()], dim=-1)

    def forward(self, timesteps: Tensor) -> Tensor:
        hidden = self.fc1(self.sinusoid(timesteps).to(self.fc1.weight.dtype))
        return self.fc2(F.silu(hidden))
