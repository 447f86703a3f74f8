"""The contexts that BAGEL's request function builds, and their comparison with the recorded cache updates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from tests.goldens.folder import Golden, Report
from uare.cache import ContextCache, LayerCache
from uare.packing import Item, Text, pack
from uare.segments import PackedBatch


def empty_cache(num_layers: int, num_samples: int, like: Tensor) -> ContextCache:
    """A cache that holds nothing; `like` (Nkv, any, Dh) gives shape, dtype and device."""
    nothing = like.new_zeros(like.shape[0], 0, like.shape[-1])
    layer = LayerCache((nothing,) * num_samples, (nothing,) * num_samples)
    return ContextCache((layer,) * num_layers, (0,) * num_samples, (0,) * num_samples)


@dataclass
class Contexts:
    """The three contexts of guidance, grown as BAGEL's request function grows them.

    The text-free context is the full one before its last text, or after its last image; the image-free one
    holds texts only. Every read batch is kept with the length of the cache it went to, in BAGEL's order.
    """

    golden: Golden
    full: ContextCache = field(init=False)
    text_free: ContextCache = field(init=False)
    image_free: ContextCache = field(init=False)
    reads: list[tuple[PackedBatch, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        language = self.golden.config.language
        like = torch.zeros(language.num_kv_heads, 0, language.head_width)
        self.full = self.text_free = self.image_free = empty_cache(language.num_layers, 1, like)

    @torch.no_grad()
    def read(self, item: Item, cache: ContextCache) -> ContextCache:
        batch = pack([[item]], self.golden.config, cache.next_positions)
        self.reads.append((batch, cache.lens[0]))
        return self.golden.model(batch, cache).cache

    def add_text(self, text: str) -> None:
        item = Text(ids=self.golden.ids(text))
        lens, positions = self.full.lens, self.full.next_positions
        self.full = self.read(item, self.full)
        self.text_free = self.full.truncated(lens, positions)
        self.image_free = self.read(item, self.image_free)

    def add_image(self, items: list[Item]) -> None:
        for item in items:
            self.full = self.read(item, self.full)
        self.text_free = self.full

    def add_answer(self, text: str) -> None:
        """Appends a generated text, decoded and encoded again; it is in the full context alone."""
        self.full = self.read(Text(ids=self.golden.ids(text)), self.full)

    def compare(self, report: Report, name: str, updates: list[dict[str, Any]]) -> None:
        """Compares every read batch with the recorded cache updates."""
        report.equal(f"{name}: updates", len(self.reads), len(updates))
        for (batch, cached), update in zip(self.reads, updates, strict=False):
            ours = batch_as_update(batch, cached)
            for key in update:
                if key in ours:
                    report.equal(f"{name}: {update['op']}.{key}", ours[key], update[key])


def batch_as_update(batch: PackedBatch, cached: int) -> dict[str, Any]:
    """A batch of one item in the words of BAGEL's cache updates."""
    num_tokens = batch.num_tokens
    if not len(batch.patch_index) and not len(batch.latent_index):
        return {
            "op": "forward_cache_update_text",
            "text_token_lens": [num_tokens],
            "packed_text_ids": batch.token_ids,
            "packed_text_position_ids": batch.positions,
            "packed_text_indexes": batch.token_index + cached,
            "key_values_lens": [cached],
        }
    image = {
        "packed_text_ids": batch.token_ids,
        "packed_text_indexes": batch.token_index,
        "packed_position_ids": batch.positions,
        "packed_seqlens": [num_tokens],
        "packed_indexes": list(range(cached, cached + num_tokens)),
        "key_values_lens": [cached],
    }
    if len(batch.patch_index):
        return image | {
            "op": "forward_cache_update_vit",
            "vit_token_seqlens": batch.patch_lens,
            "packed_vit_position_ids": batch.patch_positions,
            "packed_vit_token_indexes": batch.patch_index,
        }
    return image | {
        "op": "forward_cache_update_vae",
        "packed_vae_position_ids": batch.latent_positions,
        "packed_vae_token_indexes": batch.latent_index,
        "packed_timesteps": batch.timesteps[:1].int(),
    }


def compare_cache(report: Report, name: str, cache: ContextCache, tensors: dict[str, Tensor]) -> None:
    """Compares the recorded layers of a context's keys and values (tokens, Nkv, Dh)."""
    for title, recorded in tensors.items():
        for kind in ("key", "value"):
            if title.startswith(f"{name}.{kind}_cache."):
                layer = cache.layers[int(title.rsplit(".", 1)[1])]
                ours = (layer.keys if kind == "key" else layer.values)[0].transpose(0, 1)
                report.close(title, ours, recorded)
