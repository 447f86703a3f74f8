"""Drafts to packed samples on the training device: latents in place of pictures.

Noise is drawn from the draft's own seed, so that a sample is the same on every machine and in every row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from data.drafts import ConditionPicture, Draft, Part, TargetPicture
from uare.config import UAREConfig
from uare.encoding import encode_tokens
from uare.packing import CleanLatent, Item, NoisedLatent, Text, VisionImage, patchify_latent
from uare.schedule import draw_noise, noised
from uare.vae import Codec


def encode_drafts(drafts: Sequence[Draft], codec: Codec, config: UAREConfig) -> list[list[Item]]:
    """Drafts with latents in place of pictures, ready for `pack`; those of one size go together."""
    device = next(codec.parameters()).device
    by_size: dict[tuple[int, ...], dict[int, Tensor]] = defaultdict(dict)
    for picture in _pictures(drafts):
        by_size[tuple(picture.shape)][id(picture)] = picture
    tokens: dict[int, Tensor] = {}
    for pictures in by_size.values():
        with torch.no_grad():
            encoded = encode_tokens(codec, torch.stack(list(pictures.values())).to(device)).cpu()
        tokens |= dict(zip(pictures, encoded, strict=True))
    return [[_item(part, tokens, config) for part in draft.parts] for draft in drafts]


def _pictures(drafts: Sequence[Draft]) -> Iterator[Tensor]:
    for draft in drafts:
        for part in draft.parts:
            if isinstance(part, TargetPicture):
                yield from (part.pixels, part.base)
            elif isinstance(part, ConditionPicture) and not part.dropped:
                yield part.pixels


def _item(part: Part, tokens: dict[int, Tensor], config: UAREConfig) -> Item:
    if isinstance(part, Text | VisionImage):
        return part
    stride = config.latent.stride_px
    grid = (part.pixels.shape[-2] // stride, part.pixels.shape[-1] // stride)
    if isinstance(part, ConditionPicture):
        empty = torch.zeros(0, config.latent.token_width)
        latent = empty if part.dropped else tokens[id(part.pixels)]
        return CleanLatent(tokens=latent, grid=grid, origin=part.origin, dropped=part.dropped)
    latent = tokens[id(part.pixels)]
    shape = (config.latent.channels, *(side * config.latent.patch_size for side in grid))
    noise = config.sampling.noise_scale * patchify_latent(draw_noise(shape, [part.seed])[0])
    return NoisedLatent(
        tokens=noised(latent, noise, part.timestep),
        grid=grid,
        timestep=part.timestep,
        base=tokens[id(part.base)],
        velocity=noise - latent,
        origin=part.origin,
    )
