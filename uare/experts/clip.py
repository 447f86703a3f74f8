"""CLIP's vision tower, as FGResQ uses it: the normed class token, without the projection to the joint space.

Modules have the names of the published weights, so that a state dict fits after its prefix is cut off.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class TowerConfig:
    """Sizes of a tower; CLIP ViT-B/16 unless said otherwise."""

    width: int = 768
    inner_width: int = 3072
    num_layers: int = 12
    num_heads: int = 12
    patch_size: int = 16
    image_size: int = 224  # px, square


class _SelfAttention(nn.Module):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.q_proj = nn.Linear(config.width, config.width)
        self.k_proj = nn.Linear(config.width, config.width)
        self.v_proj = nn.Linear(config.width, config.width)
        self.out_proj = nn.Linear(config.width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            proj(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # (B, heads, tokens, head width)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        return self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2))


class _MLP(nn.Module):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.width, config.inner_width)
        self.fc2 = nn.Linear(config.inner_width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        h = self.fc1(x)
        return self.fc2(h * torch.sigmoid(1.702 * h))  # CLIP's "quick" GELU; the exact one is another network


class _Layer(nn.Module):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(config.width)
        self.self_attn = _SelfAttention(config)
        self.layer_norm2 = nn.LayerNorm(config.width)
        self.mlp = _MLP(config)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class _Embeddings(nn.Module):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        patch, num_patches = config.patch_size, (config.image_size // config.patch_size) ** 2
        self.class_embedding = nn.Parameter(torch.zeros(config.width))
        self.patch_embedding = nn.Conv2d(3, config.width, patch, stride=patch, bias=False)
        self.position_embedding = nn.Embedding(num_patches + 1, config.width)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patch_embedding(images).flatten(2).transpose(1, 2)  # (B, patches, D)
        first = self.class_embedding.expand(len(images), 1, -1)
        return torch.cat([first, patches], dim=1) + self.position_embedding.weight


class _Encoder(nn.Module):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.num_layers))


class ClipTower(nn.Module):
    """Images (B, 3, size, size), normalised as CLIP's, to features (B, width)."""

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = _Embeddings(config)
        self.pre_layrnorm = nn.LayerNorm(config.width)  # spelt as in the weights
        self.encoder = _Encoder(config)
        self.post_layernorm = nn.LayerNorm(config.width)

    def forward(self, images: Tensor) -> Tensor:
        x = self.pre_layrnorm(self.embeddings(images))
        for layer in self.encoder.layers:
            x = layer(x)
        return self.post_layernorm(x[:, 0])
