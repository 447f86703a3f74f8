"""SigLIP vision encoder in NaViT fashion, and the connector to model width.

Images of any size are packed patch by patch; attention stays inside each image.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uare.attention import AttentionPlan, attend, plan_attention
from uare.config import VisionConfig
from uare.errors import ConfigError
from uare.layers import PositionTable
from uare.segments import AttentionMode, Segment
from uare.texture import NUM_STATISTICS, image_statistics, patch_statistics


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


class TextureReader(nn.Module):
    """Adds what fixed filters say to every token: of its own patch, and of the image as a whole.

    The image's part is read by a small network that can be taught alone (`training/vision.py`).
    """

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        width = config.texture_width
        if config.patch_size % 16:
            raise ConfigError(f"texture needs patches of a multiple of 16 px, found {config.patch_size}")
        self.patch_size = config.patch_size
        self.image = nn.Sequential(
            nn.Linear(4 * NUM_STATISTICS, width), nn.GELU(), nn.Linear(width, width), nn.GELU()
        )
        self.image_out = nn.Linear(width, config.hidden_size)
        self.patch_out = nn.Linear(NUM_STATISTICS, config.hidden_size)

    def forward(self, patches: Tensor, lens: tuple[int, ...]) -> Tensor:
        statistics = patch_statistics(patches, self.patch_size)  # (P, S)
        dtype = self.patch_out.weight.dtype
        image = self.image_out(self.image(image_statistics(statistics, lens).to(dtype)))  # (images, D_vit)
        repeats = torch.tensor(lens, device=patches.device)
        return self.patch_out(statistics.to(dtype)) + image.repeat_interleave(repeats, dim=0)


class VisionEncoder(nn.Module):
    """Patches of packed images to features (P, D_vit)."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.patch_embedding = nn.Linear(config.patch_size**2 * 3, config.hidden_size)
        self.texture = TextureReader(config) if config.texture_width else None
        self.position_embedding = nn.Embedding(config.table_side**2, config.hidden_size)
        self.layers = nn.ModuleList(VisionLayer(config) for _ in range(config.num_layers))
        self.post_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, patches: Tensor, positions: Tensor, lens: tuple[int, ...]) -> Tensor:
        """patches (P, patch²·3) in [-1, 1], table positions (P,), patches per image; gives (P, D_vit)."""
        return self.levels(patches, positions, lens)[-1]

    def levels(self, patches: Tensor, positions: Tensor, lens: tuple[int, ...]) -> list[Tensor]:
        """What every layer says of the same patches, (P, D_vit) each; the last is what `forward` gives."""
        x = self.patch_embedding(patches.to(self.post_norm.weight.dtype)) + self.position_embedding(positions)
        segments = [Segment(length=n, mode=AttentionMode.FULL, sample=i) for i, n in enumerate(lens)]
        plan = plan_attention(segments, [0] * len(lens), x.device)
        levels = []
        for layer in self.layers:
            x = layer(x, plan)
            levels.append(x)
        features = self.post_norm(x)
        # after the layers: those of a small encoder wash it out for a long time (measured)
        levels[-1] = features if self.texture is None else features + self.texture(patches, lens)
        return levels


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
