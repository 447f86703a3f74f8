"""A score from a photo's features and its regions (RSFIQA): fusion of levels, attention within regions.

The paper's formulas came down damaged, so every docstring names the reading that is built here. Everything
that depends on regions sums over them: their order means nothing. Each part can be switched off, down to a
plain head over the last level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uare.errors import ConfigError

IMAGE_STRIDE = 4  # pixels of the image for one of the guided maps
Mode = Literal["bias", "hard", "both"]


@dataclass(frozen=True, kw_only=True)
class RegionHeadConfig:
    """Sizes of the head, and which parts it has."""

    feature_widths: tuple[int, ...]  # of the backbone's levels, finest first
    text_width: int  # of what is said about a region
    side: int = 7  # tokens along a side
    width: int = 64
    guided_width: int = 64  # C_e, of region texts and guided maps
    num_heads: int = 4
    fusion: bool = True  # multi-scale hierarchical fusion; without it the last level alone
    text: bool = True  # what is said about regions goes into the tokens
    attention: bool = True  # region-aware semantic attention; needs text
    mode: Mode = "bias"  # the formula; hard: no attention across regions; both

    def __post_init__(self) -> None:
        if self.width % self.num_heads:
            raise ConfigError(
                f"width must be a multiple of num_heads, found {self.width} and {self.num_heads}"
            )
        if self.attention and not self.text:
            raise ConfigError("attention is guided by what is said about regions; switch text on too")
        if not self.feature_widths:
            raise ConfigError("feature_widths is empty, expected the width of at least one level")


@dataclass(frozen=True, kw_only=True)
class RegionInput:
    """What the head is given of a batch."""

    features: tuple[Tensor, ...]  # per level (B, C_i, h_i, w_i), finest first
    image: Tensor  # (B, 3, H, W) in [0, 1]
    masks: Tensor  # (B, L, H, W) float, 1 inside; a region that a sample lacks is empty
    texts: Tensor  # (B, L, text width)


def attended(query: Tensor, key: Tensor, value: Tensor, num_heads: int, bias: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention of (B, T, C), `bias` (B, heads or 1, T, T) on the logits (eq. 2 and 9)."""
    q, k, v = (x.unflatten(-1, (num_heads, -1)).transpose(1, 2) for x in (query, key, value))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2).flatten(2)


class Attention(nn.Module):
    """Attention with linear projections and norms before them; the paper is silent about norms and heads."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query_norm, self.context_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))

    def forward(self, query: Tensor, context: Tensor, bias: Tensor | None = None) -> Tensor:
        query, context = self.query_norm(query), self.context_norm(context)
        return attended(self.q(query), self.k(context), self.v(context), self.num_heads, bias)


class GatedDown(nn.Module):
    """A level (B, C_i, h, w) at the last level's size (B, C, side, side).

    Eq. 1, read as D = Conv(Pool(sigmoid(phi(F)) * W F)): a gated convolution (Yu et al. 2019) with a
    bottleneck phi, then average pooling.
    """

    def __init__(self, width_in: int, width: int, side: int) -> None:
        super().__init__()
        inner = max(1, width_in // 4)
        self.gate = nn.Sequential(
            nn.Conv2d(width_in, inner, 1),
            nn.GELU(),
            nn.Conv2d(inner, inner, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(inner, width_in, 1),
        )
        self.value = nn.Conv2d(width_in, width_in, 1)
        self.out = nn.Conv2d(width_in, width, 1)
        self.side = side

    def forward(self, level: Tensor) -> Tensor:
        gated = self.gate(level).sigmoid() * self.value(level)
        return self.out(F.adaptive_avg_pool2d(gated, self.side))


class Fusion(nn.Module):
    """All levels as tokens (B, side², C): each asks what lies below it (eq. 3 and 4).

    Eq. 4 is read with the higher level as the query: D''_{i+1} = Attn(D_{i+1}, D''_i, D''_i) + D_{i+1}.
    """

    def __init__(self, config: RegionHeadConfig) -> None:
        super().__init__()
        widths = config.feature_widths
        self.down = nn.ModuleList(GatedDown(width, config.width, config.side) for width in widths)
        self.attention = nn.ModuleList(Attention(config.width, config.num_heads) for _ in widths)

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        levels = [
            down(level).flatten(2).transpose(1, 2) for down, level in zip(self.down, features, strict=True)
        ]
        fused = levels[0]
        for index, (level, attention) in enumerate(zip(levels, self.attention, strict=True)):
            fused = level + attention(level, level if index == 0 else fused)
        return fused


class GuidedMaps(nn.Module):
    """Maps Ĝ (B, L, side², C_e): where in its region an image answers to what is said of the region.

    Eq. 6 is lost. Reading: what is said asks the region's pixels X = M * phi(I), and the answers are kept
    before they are summed: G(x) = |M| a(x) W_v X(x), with a the softmax over the region's pixels. Eq. 7, the
    way to the tokens' grid, averages over each region's own pixels, so that no region smears into another.
    """

    def __init__(self, config: RegionHeadConfig) -> None:
        super().__init__()
        width = config.guided_width
        self.side = config.side
        self.embed = nn.Sequential(
            nn.Conv2d(3, width, IMAGE_STRIDE, stride=IMAGE_STRIDE),
            nn.GELU(),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))

    def forward(self, image: Tensor, masks: Tensor, said: Tensor) -> Tensor:
        """Of an image (B, 3, H, W), masks (B, L, H, W) and what is said of each region (B, L, C_e)."""
        pixels = self.embed(image - 0.5)  # (B, C_e, H/4, W/4)
        shares = F.adaptive_avg_pool2d(masks, pixels.shape[-2:])  # (B, L, H/4, W/4)
        x = pixels.flatten(2).transpose(1, 2)  # (B, pixels, C_e)
        logits = torch.einsum("blc,bpc->blp", self.q(said), self.k(x)) / x.shape[-1] ** 0.5
        inside = shares.flatten(2) >= 0.5  # (B, L, pixels)
        logits = logits.masked_fill(~inside, torch.finfo(logits.dtype).min)
        answers = logits.softmax(-1) * inside * inside.sum(-1, keepdim=True)
        maps = answers[..., None] * self.v(x)[:, None]  # (B, L, pixels, C_e)
        grid = maps.transpose(2, 3).flatten(0, 1).unflatten(-1, tuple(pixels.shape[-2:]))
        pooled = F.adaptive_avg_pool2d(grid, self.side)  # a mean over the cell, 0 outside the region
        return pooled.flatten(2).transpose(1, 2).unflatten(0, masks.shape[:2])


def region_bias(maps: Tensor, strength: Tensor) -> Tensor:
    """B (B, heads, T, T) = strength * sum over regions of Ĝ Ĝᵀ / C_e, of maps (B, L, T, C_e) (eq. 8).

    Without the division each token would attend to itself alone: the diagonal of Ĝ Ĝᵀ is C_e.
    """
    products = torch.einsum("bltc,blsc->bts", maps, maps) / maps.shape[-1]
    return strength[None, :, None, None] * products[:, None]


def across_regions(shares: Tensor) -> Tensor:
    """True (B, 1, T, T) where two tokens lie mostly in different regions, of shares (B, L, T)."""
    owner = shares.argmax(1)  # (B, T)
    return (owner[:, :, None] != owner[:, None, :])[:, None]


class RegionHead(nn.Module):
    """Score (B,) in about [0, 1] of a `RegionInput`; 1 is best."""

    def __init__(self, config: RegionHeadConfig) -> None:
        super().__init__()
        self.config = config
        width, guided = config.width, config.guided_width
        if config.fusion:
            self.levels: nn.Module = Fusion(config)
        else:
            self.levels = nn.Conv2d(config.feature_widths[-1], width, 1)
        if config.text:
            self.say = nn.Linear(config.text_width, guided)
            self.said = nn.Linear(guided, width)
        if config.attention:
            self.maps = GuidedMaps(config)
            self.strength = nn.Parameter(torch.ones(config.num_heads))  # the paper's lambda, per head
            self.region_attention = Attention(width, config.num_heads)
        self.self_attention = Attention(width, config.num_heads)
        self.score = nn.Sequential(nn.Linear(width, width // 2), nn.GELU(), nn.Linear(width // 2, 1))

    def forward(self, given: RegionInput) -> Tensor:
        x = self._tokens(given.features)  # (B, T, C)
        shares = F.adaptive_avg_pool2d(given.masks, self.config.side).flatten(2)  # (B, L, T)
        if self.config.text:
            said = self.say(given.texts)  # (B, L, C_e)
            x = x + torch.einsum("blt,blc->btc", shares, self.said(said))
            if self.config.attention:
                x = self._across(x, given, said, shares)
        x = x + self.self_attention(x, x)
        return self.score(x.mean(1))[:, 0]

    def _tokens(self, features: tuple[Tensor, ...]) -> Tensor:
        if self.config.fusion:
            return self.levels(features)
        last = F.adaptive_avg_pool2d(self.levels(features[-1]), self.config.side)
        return last.flatten(2).transpose(1, 2)

    def _across(self, x: Tensor, given: RegionInput, said: Tensor, shares: Tensor) -> Tensor:
        """R = softmax(B + QKᵀ/√d) V (eq. 9), added to x: alone, a new head would blur its input."""
        bias = region_bias(self.maps(given.image, given.masks, said), self.strength)
        if self.config.mode == "hard":
            bias = torch.zeros_like(bias)
        if self.config.mode != "bias":
            bias = bias.masked_fill(across_regions(shares), float("-inf"))
        return x + self.region_attention(x, x, bias)
