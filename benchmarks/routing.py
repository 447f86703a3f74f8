"""Routing once per forward pass against routing at every projection, on the same weights.

`uare.mixture` sorts the tokens by expert once. The other way, taken by BAGEL (qwen2_navit.py), keeps them in
reading order: every norm, projection and MLP gathers its expert's tokens and scatters its results back.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.scene import Scene
from uare.attention import AttentionPlan, attend, plan_attention
from uare.layers import apply_rope, rope_tables
from uare.mixture import Mixture, MixtureLayer
from uare.packing import pack


@dataclass(frozen=True)
class Row:
    """A packed row without cache, as in training: photo, texts and target."""

    x: Tensor  # (N, D)
    positions: Tensor  # (N,) int64
    latent_index: Tensor  # (M,) int64, of the restoration expert's tokens
    plan: AttentionPlan


@torch.no_grad()
def build_row(scene: Scene) -> Row:
    """The scene as one row."""
    model = scene.model
    batch = pack([[*scene.images, *scene.texts, scene.target]], model.config).to(model.device)
    plan = plan_attention(batch.segments, (0,), model.device)
    return Row(model.embed(batch, model.see(batch)), batch.positions, batch.latent_index, plan)


@torch.no_grad()
def routed_once(mixture: Mixture, row: Row) -> Tensor:
    """Hidden states (N, D) by the mixture itself."""
    hidden, _ = mixture(row.x, row.positions, row.latent_index, row.plan)
    return hidden


@torch.no_grad()
def routed_everywhere(mixture: Mixture, row: Row) -> Tensor:
    """The same hidden states (N, D), gathered and scattered at every projection."""
    is_latent = torch.zeros(len(row.x), dtype=torch.bool, device=row.x.device)
    is_latent[row.latent_index] = True
    places = (torch.nonzero(~is_latent).flatten(), torch.nonzero(is_latent).flatten())
    rope = rope_tables(row.positions, mixture.head_width, mixture.rope_theta)
    x = row.x
    for layer in mixture.layers:
        assert isinstance(layer, MixtureLayer)
        x = _layer(layer, x, places, rope, row.plan)
    return _scattered(x, places, mixture.iqa_norm, mixture.restoration_norm)


def _layer(
    layer: MixtureLayer,
    x: Tensor,
    places: tuple[Tensor, Tensor],
    rope: tuple[Tensor, Tensor],
    plan: AttentionPlan,
) -> Tensor:
    def both(values: Tensor, name: str) -> Tensor:
        return _scattered(values, places, getattr(layer.iqa, name), getattr(layer.restoration, name))

    num_heads, num_kv_heads = layer.iqa.num_heads, layer.iqa.num_kv_heads
    h = both(x, "attention_norm")
    q = both(h, "q_proj").unflatten(-1, (num_heads, -1))  # (N, Nh, Dh)
    k = both(h, "k_proj").unflatten(-1, (num_kv_heads, -1))  # (N, Nkv, Dh)
    v = both(h, "v_proj").unflatten(-1, (num_kv_heads, -1))
    q, k = apply_rope(both(q, "q_norm"), *rope), apply_rope(both(k, "k_norm"), *rope)
    attended, _ = attend(q, k, v, plan)
    x = x + both(attended.flatten(-2), "o_proj")
    return x + both(both(x, "mlp_norm"), "mlp")


def _scattered(x: Tensor, places: tuple[Tensor, Tensor], iqa: nn.Module, restoration: nn.Module) -> Tensor:
    """Each expert's function of its own tokens, put back into reading order (N, ...)."""
    results = iqa(x[places[0]]), restoration(x[places[1]])
    out = results[0].new_empty(len(x), *results[0].shape[1:])
    out[places[0]], out[places[1]] = results
    return out
