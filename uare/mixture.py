"""The mixture of transformers: in every layer two experts with parameters of their own and one attention.

Tokens are sorted by expert once per forward pass; only the attention needs them in reading order.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from uare.attention import AttentionPlan, attend
from uare.cache import ContextCache, LayerCache
from uare.config import LanguageConfig
from uare.experts.expert import ExpertLayer
from uare.layers import RMSNorm, rope_tables


@dataclass(frozen=True)
class Routing:
    """Which token goes to which expert: the IQA expert's tokens first, each expert's in reading order."""

    order: Tensor  # (N,) int64, place in the row of each sorted token
    inverse: Tensor  # (N,) int64, place in sorted order of each token of the row
    num_iqa: int


def route(num_tokens: int, latent_index: Tensor) -> Routing:
    """Latent tokens (M,) to the restoration expert, all others (text, markers, ViT) to the IQA expert."""
    is_latent = torch.zeros(num_tokens, dtype=torch.bool, device=latent_index.device)
    is_latent[latent_index] = True
    order = torch.argsort(is_latent, stable=True)
    return Routing(order, torch.argsort(order), num_tokens - latent_index.shape[0])


class MixtureLayer(nn.Module):
    """Two experts around one attention."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.iqa = ExpertLayer(config)
        self.restoration = ExpertLayer(config)

    def forward(
        self,
        tokens: tuple[Tensor, Tensor],
        rope: tuple[Tensor, Tensor],
        routing: Routing,
        plan: AttentionPlan,
        cache: LayerCache | None,
    ) -> tuple[tuple[Tensor, Tensor], LayerCache]:
        """Takes and returns each expert's tokens ((N0, D), (N1, D)); `rope`: cos, sin in sorted order."""
        split = (routing.num_iqa, len(routing.order) - routing.num_iqa)
        (cos_iqa, cos_restoration), (sin_iqa, sin_restoration) = (table.split(split) for table in rope)
        if not split[1] and not torch.is_grad_enabled():
            # words alone; in training both experts always run, since ranks that shard them must act alike
            attended, grown = attend(*self.iqa.project(tokens[0], cos_iqa, sin_iqa), plan, cache)
            return (self.iqa.finish(tokens[0], attended), tokens[1]), grown
        projected = zip(
            self.iqa.project(tokens[0], cos_iqa, sin_iqa),
            self.restoration.project(tokens[1], cos_restoration, sin_restoration),
            strict=True,
        )
        q, k, v = (torch.cat(pair)[routing.inverse] for pair in projected)  # (N, heads, Dh), reading order
        attended, grown = attend(q, k, v, plan, cache)  # (N, Nh, Dh)
        iqa, restoration = attended[routing.order].split(split)
        return (self.iqa.finish(tokens[0], iqa), self.restoration.finish(tokens[1], restoration)), grown


class Mixture(nn.Module):
    """All layers and each expert's final norm.

    Training may set `recomputes_layers` (activations are computed again in the backward pass instead of kept)
    and `detaches_iqa` (no gradient flows through the IQA expert's tokens: BAGEL's `freeze_und`, which leaves
    the forward pass as it is).
    """

    recomputes_layers = False
    detaches_iqa = False

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.head_width, self.rope_theta = config.head_width, config.rope_theta
        self.layers = nn.ModuleList(MixtureLayer(config) for _ in range(config.num_layers))
        self.iqa_norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.restoration_norm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self,
        x: Tensor,
        positions: Tensor,
        latent_index: Tensor,
        plan: AttentionPlan,
        cache: ContextCache | None = None,
    ) -> tuple[Tensor, tuple[LayerCache, ...]]:
        """Runs tokens x (N, D) at RoPE `positions` (N,); returns them and every layer's grown cache."""
        routing = route(len(x), latent_index)
        cos, sin = rope_tables(positions[routing.order], self.head_width, self.rope_theta)
        iqa, restoration = x[routing.order].split((routing.num_iqa, len(x) - routing.num_iqa))
        tokens = (iqa, restoration)
        grown: list[LayerCache] = []
        for i, layer in enumerate(self.layers):
            if self.detaches_iqa:
                tokens = (tokens[0].detach(), tokens[1])
            arguments = (tokens, (cos, sin), routing, plan, cache.layers[i] if cache else None)
            if self.recomputes_layers and torch.is_grad_enabled():
                tokens, layer_cache = checkpoint(layer, *arguments, use_reentrant=False)
            else:
                tokens, layer_cache = layer(*arguments)
            grown.append(layer_cache)
        normed = torch.cat([self.iqa_norm(tokens[0]), self.restoration_norm(tokens[1])])
        return normed[routing.inverse], tuple(grown)
