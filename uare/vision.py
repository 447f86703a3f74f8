"""SigLIP vision encoder in NaViT fashion, and the connector to model width.

Images of any size are packed patch by patch; attention stays inside each image.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uare.attention import AttentionPlan, attend, plan_attention
from uare.config import VisionConfig
from uare.layers import PositionTable
from uare.segments import AttentionMode, Segment


class VisionLayer(nn.Module):
    """Pre-norm transformer layer with biases everywhere (SigLIP)."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.num_heads = config.num_heads
        self.norm1 = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.fc1 = nn.Linear(width, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, width)

    def forward(self, x: Tensor, plan: AttentionPlan) -> Tensor:
        h = self.norm1(x)
        q, k, v = (
            proj(h).unflatten(-1, (self.num_heads, -1))  # (P, heads, head width)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        attended, _ = attend(q, k, v, plan)
        x = x + self.out_proj(attended.flatten(-2))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x)), approximate="tanh"))


TEXTURE_GAIN = 8.0  # brings the deviation of texture (0.05 to 0.1) to that of patches


class PatchStem(nn.Module):
    """Convolutions inside each patch (nothing crosses its border, so packing stays possible).

    Noise, blur and block edges show in how much small filters answer on average, whatever the picture: the
    convolutions see the patch and what its local mean leaves of it, and the logarithms of the mean answers go
    to the token beside the maps themselves.
    """

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        width = config.stem_width
        self.patch_size = config.patch_size
        self.fine = nn.Conv2d(6, width, 3, padding=1)
        self.reduce = nn.Conv2d(width, 2 * width, 4, stride=4)
        self.coarse = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.out = nn.Linear(2 * width * (config.patch_size // 4) ** 2, config.hidden_size)
        self.energies = nn.Linear(5 * width, config.hidden_size)

    def forward(self, patches: Tensor) -> Tensor:
        x = patches.unflatten(-1, (self.patch_size, self.patch_size, 3)).permute(0, 3, 1, 2)  # (P, 3, p, p)
        texture = x - F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
        fine = self.fine(torch.cat([x, TEXTURE_GAIN * texture], dim=1)).abs()  # (P, width, p, p)
        reduced = F.gelu(self.reduce(fine))  # (P, 2 width, p/4, p/4)
        coarse = F.gelu(self.coarse(reduced))
        means = torch.cat([maps.mean((2, 3)) for maps in (fine, reduced, coarse)], dim=1)  # (P, 5 width)
        energies = torch.log(means.float().clamp_min(0) + 1e-2)
        return self.out(coarse.flatten(1)) + self.energies(energies.to(x.dtype))


class VisionEncoder(nn.Module):
    """Patches of packed images to features (P, D_vit)."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        if config.stem_width:
            self.patch_embedding: nn.Module = PatchStem(config)
        else:
            self.patch_embedding = nn.Linear(config.patch_size**2 * 3, config.hidden_size)
        self.position_embedding = nn.Embedding(config.table_side**2, config.hidden_size)
        self.layers = nn.ModuleList(VisionLayer(config) for _ in range(config.num_layers))
        self.post_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, patches: Tensor, positions: Tensor, lens: tuple[int, ...]) -> Tensor:
        """patches (P, patch²·3) in [-1, 1], table positions (P,), patches per image; gives (P, D_vit)."""
        x = self.patch_embedding(patches.to(self.post_norm.weight.dtype)) + self.position_embedding(positions)
        segments = [Segment(length=n, mode=AttentionMode.FULL, sample=i) for i, n in enumerate(lens)]
        plan = plan_attention(segments, [0] * len(lens), x.device)
        for layer in self.layers:
            x = layer(x, plan)
        return self.post_norm(x)


class Connector(nn.Module):
    """ViT width to model width, and the fixed 2-D positions on top."""

    def __init__(self, config: VisionConfig, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, width)
        self.fc2 = nn.Linear(width, width)
        self.positions = PositionTable(config.table_side, width)

    def forward(self, features: Tensor, positions: Tensor) -> Tensor:
        """Features (P, D_vit) at table positions (P,) to tokens (P, D)."""
        tokens = self.fc2(F.gelu(self.fc1(features), approximate="tanh"))
        return tokens + self.positions(positions).to(tokens.dtype)
