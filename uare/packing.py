"""Samples to one packed row: the only way into the network, for training and for inference.

A sample is a list of items (text, ViT image, clean latent, noised latent). Each becomes one segment with its
markers; positions count on as in BAGEL (reference: data/dataset_base.py): one per text token, one per image.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from uare.config import UAREConfig
from uare.errors import InputError
from uare.segments import AttentionMode, Labels, PackedBatch, Segment


@dataclass(frozen=True, kw_only=True)
class Text:
    """Token ids between the start and end marker. With `loss` each id and the end marker is a label.

    An open end (`closes=False`) lets generation go on after the last id; without `opens` the ids continue a
    text that is in the cache already.
    """

    ids: tuple[int, ...]
    loss: bool = False
    opens: bool = True
    closes: bool = True
    dropped: bool = False  # condition dropout: leaves no trace, positions do not advance


@dataclass(frozen=True, kw_only=True)
class VisionImage:
    """ViT patches of one image, row by row; of all of it, or of a part."""

    patches: Tensor  # (rows · columns, patch² · 3) float32, or those at `places` alone
    grid: tuple[int, int]  # rows, columns
    places: Tensor | None = None  # (n,) int64, which patches of the grid they are; None: all
    origin: tuple[int, int] = (0, 0)  # place of its corner in the position table
    dropped: bool = False  # condition dropout: the position still advances by one


@dataclass(frozen=True, kw_only=True)
class CleanLatent:
    """The latent of a condition image."""

    tokens: Tensor  # (rows · columns, C*4) float32
    grid: tuple[int, int]
    origin: tuple[int, int] = (0, 0)
    dropped: bool = False


@dataclass(frozen=True, kw_only=True)
class NoisedLatent:
    """A target: x_t = (1 − t) · latent + t · noise. It leaves the position where it is."""

    tokens: Tensor  # (rows · columns, C*4) float32, x_t
    grid: tuple[int, int]
    timestep: float  # 1 = noise
    base: Tensor | None = None  # (rows · columns, C*4), latent of the photo to restore
    velocity: Tensor | None = None  # (rows · columns, C*4), noise − latent; None at inference
    origin: tuple[int, int] = (0, 0)


Item = Text | VisionImage | CleanLatent | NoisedLatent


def patchify_latent(latent: Tensor, patch: int = 2) -> Tensor:
    """Cuts a latent (C, h·p, w·p) into tokens (h·w, p·p·C): rows first, channel last."""
    channels, height, width = latent.shape
    rows, columns = height // patch, width // patch
    grid = latent.reshape(channels, rows, patch, columns, patch)
    return grid.permute(1, 3, 2, 4, 0).reshape(rows * columns, patch * patch * channels)


def unpatchify_latent(tokens: Tensor, grid: tuple[int, int], patch: int = 2) -> Tensor:
    """Puts tokens (h·w, p·p·C) together to a latent (C, h·p, w·p)."""
    rows, columns = grid
    channels = tokens.shape[-1] // patch**2
    latent = tokens.reshape(rows, columns, patch, patch, channels)
    return latent.permute(4, 0, 2, 1, 3).reshape(channels, rows * patch, columns * patch)


def patchify_image(image: Tensor, patch: int) -> Tensor:
    """Cuts an image (3, H, W) into ViT patches (rows·columns, patch·patch·3): rows first, channel last."""
    return patchify_latent(image, patch)


def table_positions(grid: tuple[int, int], table_side: int, origin: tuple[int, int] = (0, 0)) -> Tensor:
    """Returns (rows·columns,) int64 places in a position table of `table_side`², `row · table_side + column`.

    Raises InputError where the image does not fit the table.
    """
    (rows, columns), (top, left) = grid, origin
    if top + rows > table_side or left + columns > table_side:
        raise InputError(
            f"an image of {rows}x{columns} tokens at {origin} exceeds the position table of "
            f"{table_side}x{table_side}; resize it or restore it in tiles"
        )
    row = torch.arange(top, top + rows)
    column = torch.arange(left, left + columns)
    return (row[:, None] * table_side + column[None, :]).flatten()


@dataclass
class _Row:
    """The row under construction; lists that `pack` turns into tensors."""

    config: UAREConfig
    segments: list[Segment] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    token_ids: list[int] = field(default_factory=list)
    token_index: list[int] = field(default_factory=list)
    patches: list[Tensor] = field(default_factory=list)
    patch_positions: list[Tensor] = field(default_factory=list)
    patch_index: list[Tensor] = field(default_factory=list)
    latents: list[Tensor] = field(default_factory=list)
    base: list[Tensor] = field(default_factory=list)
    timesteps: list[Tensor] = field(default_factory=list)
    latent_positions: list[Tensor] = field(default_factory=list)
    latent_index: list[Tensor] = field(default_factory=list)
    logit_index: list[int] = field(default_factory=list)
    label_ids: list[int] = field(default_factory=list)
    label_weights: list[float] = field(default_factory=list)
    target_index: list[Tensor] = field(default_factory=list)
    velocity: list[Tensor] = field(default_factory=list)

    def add_text(self, item: Text, sample: int, position: int) -> int:
        special = self.config.special_tokens
        ids = [special.text_start] * item.opens + list(item.ids) + [special.text_end] * item.closes
        start = len(self.positions)
        self.token_ids += ids
        self.token_index += range(start, start + len(ids))
        self.positions += range(position, position + len(ids))
        self.segments.append(Segment(length=len(ids), mode=AttentionMode.CAUSAL, sample=sample))
        if item.loss:
            labels = [*item.ids, special.text_end]
            self.logit_index += range(start, start + len(labels))
            self.label_ids += labels
            self.label_weights += [len(labels) ** -0.5] * len(labels)
        elif not item.closes:
            self.logit_index.append(start + len(ids) - 1)
        return position + len(ids)

    def add_image(self, num_tokens: int, mode: AttentionMode, sample: int, position: int) -> Tensor:
        """Lays down markers and room for the tokens; returns the places (num_tokens,) of the latter."""
        special = self.config.special_tokens
        start = len(self.positions)
        self.token_ids += [special.image_start, special.image_end]
        self.token_index += [start, start + num_tokens + 1]
        self.positions += [position] * (num_tokens + 2)
        self.segments.append(Segment(length=num_tokens + 2, mode=mode, sample=sample))
        return torch.arange(start + 1, start + 1 + num_tokens)

    def add_vision(self, item: VisionImage, sample: int, position: int) -> int:
        self.patch_index.append(self.add_image(len(item.patches), AttentionMode.FULL, sample, position))
        self.patches.append(item.patches)
        positions = table_positions(item.grid, self.config.vision.table_side, item.origin)
        self.patch_positions.append(positions if item.places is None else positions[item.places])
        return position + 1

    def add_latent(self, item: CleanLatent | NoisedLatent, sample: int, position: int) -> int:
        num_tokens = len(item.tokens)
        is_target = isinstance(item, NoisedLatent)
        mode = AttentionMode.NOISE if is_target else AttentionMode.FULL
        self.latent_index.append(self.add_image(num_tokens, mode, sample, position))
        self.latents.append(item.tokens)
        self.latent_positions.append(table_positions(item.grid, self.config.latent.table_side, item.origin))
        base = item.base if isinstance(item, NoisedLatent) else None
        self.base.append(torch.zeros_like(item.tokens) if base is None else base)
        timestep = item.timestep if isinstance(item, NoisedLatent) else 0.0
        self.timesteps.append(torch.full((num_tokens,), timestep))
        if not isinstance(item, NoisedLatent):
            return position + 1
        first = sum(len(tokens) for tokens in self.latents[:-1])
        self.target_index.append(torch.arange(first, first + num_tokens))
        if item.velocity is not None:
            self.velocity.append(item.velocity)
        return position

    def add(self, item: Item, sample: int, position: int) -> int:
        """Adds an item of `sample` at RoPE `position`; returns where the next item starts."""
        if isinstance(item, Text):
            return position if item.dropped else self.add_text(item, sample, position)
        if isinstance(item, VisionImage):
            return position + 1 if item.dropped else self.add_vision(item, sample, position)
        if isinstance(item, CleanLatent) and item.dropped:
            return position + 1
        return self.add_latent(item, sample, position)

    def finished(self, next_positions: Sequence[int]) -> PackedBatch:
        patch_width = self.config.vision.patch_size**2 * 3
        token_width = self.config.latent.token_width
        labels = None
        if self.label_ids or self.velocity:
            labels = Labels(
                token_ids=torch.tensor(self.label_ids, dtype=torch.int64),
                token_weights=torch.tensor(self.label_weights, dtype=torch.float32),
                velocity=_joined(self.velocity, (0, token_width)),
            )
        return PackedBatch(
            segments=tuple(self.segments),
            positions=torch.tensor(self.positions, dtype=torch.int64),
            token_ids=torch.tensor(self.token_ids, dtype=torch.int64),
            token_index=torch.tensor(self.token_index, dtype=torch.int64),
            patches=_joined(self.patches, (0, patch_width)),
            patch_positions=_joined(self.patch_positions, (0,), torch.int64),
            patch_index=_joined(self.patch_index, (0,), torch.int64),
            patch_lens=tuple(len(patches) for patches in self.patches),
            latents=_joined(self.latents, (0, token_width)),
            base=_joined(self.base, (0, token_width)),
            timesteps=_joined(self.timesteps, (0,)),
            latent_positions=_joined(self.latent_positions, (0,), torch.int64),
            latent_index=_joined(self.latent_index, (0,), torch.int64),
            logit_index=torch.tensor(self.logit_index, dtype=torch.int64),
            target_index=_joined(self.target_index, (0,), torch.int64),
            next_positions=tuple(next_positions),
            labels=labels,
        )


def _joined(parts: list[Tensor], empty: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.cat(parts) if parts else torch.zeros(empty, dtype=dtype)


def pack(
    samples: Sequence[Sequence[Item]], config: UAREConfig, start_positions: Sequence[int] | None = None
) -> PackedBatch:
    """Packs samples (lists of items) end to end into one row.

    `start_positions` gives each sample's first RoPE position where its earlier items lie in a KV cache.
    """
    row = _Row(config)
    next_positions = list(start_positions or [0] * len(samples))
    for index, sample in enumerate(samples):
        for item in sample:
            next_positions[index] = row.add(item, index, next_positions[index])
    return row.finished(next_positions)
