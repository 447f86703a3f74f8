"""Keys and values of contexts that were read already, one entry per sample.

A cache never changes: growing returns a new one that shares memory with the old, so contexts branch for free
(guidance needs the same context with and without its texts).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LayerCache:
    """One layer's keys (after norm and RoPE) and values: per sample (Nkv, tokens, Dh)."""

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]


@dataclass(frozen=True)
class ContextCache:
    """What the network has read of each sample, and the RoPE position at which it goes on."""

    layers: tuple[LayerCache, ...]
    lens: tuple[int, ...]  # tokens of each sample
    next_positions: tuple[int, ...]

    @property
    def num_samples(self) -> int:
        return len(self.lens)

    def select(self, samples: Sequence[int]) -> "ContextCache":
        """The cache of some samples, in the order given (repeats allowed)."""
        return ContextCache(
            layers=tuple(
                LayerCache(tuple(layer.keys[i] for i in samples), tuple(layer.values[i] for i in samples))
                for layer in self.layers
            ),
            lens=tuple(self.lens[i] for i in samples),
            next_positions=tuple(self.next_positions[i] for i in samples),
        )

    def truncated(self, lens: Sequence[int], next_positions: Sequence[int]) -> "ContextCache":
        """The cache as it was when sample i held `lens[i]` tokens."""
        return ContextCache(
            layers=tuple(
                LayerCache(
                    tuple(key[:, :n] for key, n in zip(layer.keys, lens, strict=True)),
                    tuple(value[:, :n] for value, n in zip(layer.values, lens, strict=True)),
                )
                for layer in self.layers
            ),
            lens=tuple(lens),
            next_positions=tuple(next_positions),
        )


def joined(caches: Sequence[ContextCache]) -> ContextCache:
    """One cache with the samples of all, in order: how guided branches become one batch."""
    return ContextCache(
        layers=tuple(
            LayerCache(
                tuple(key for cache in caches for key in cache.layers[i].keys),
                tuple(value for cache in caches for value in cache.layers[i].values),
            )
            for i in range(len(caches[0].layers))
        ),
        lens=tuple(n for cache in caches for n in cache.lens),
        next_positions=tuple(n for cache in caches for n in cache.next_positions),
    )


def grown(layer: LayerCache | None, keys: Sequence[Tensor], values: Sequence[Tensor]) -> LayerCache:
    """Appends each sample's new keys and values (Nkv, tokens, Dh) to its old ones."""
    if layer is None:
        return LayerCache(tuple(keys), tuple(values))
    return LayerCache(
        tuple(torch.cat([old, new], dim=1) for old, new in zip(layer.keys, keys, strict=True)),
        tuple(torch.cat([old, new], dim=1) for old, new in zip(layer.values, values, strict=True)),
    )
