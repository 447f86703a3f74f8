"""Pixels to latent tokens, and tokens to pixels again (ViT patches: `uare.patches`)."""

import torch
from torch import Tensor

from uare.packing import patchify_latent, unpatchify_latent
from uare.vae import Codec


def encode_tokens(codec: Codec, images: Tensor, noise: Tensor | None = None, patch: int = 2) -> Tensor:
    """Latent tokens (B, h·w, C*4) float32 of images (B, 3, H, W) in [0, 1]; sides divisible by 16.

    `noise` (B, C, H/8, W/8) samples the codec's posterior, None takes its mean.
    """
    dtype = next(codec.parameters()).dtype
    latents = codec.encode(images.to(dtype), None if noise is None else noise.to(dtype)).float()
    return torch.stack([patchify_latent(latent, patch) for latent in latents])


def decode_tokens(codec: Codec, tokens: Tensor, grid: tuple[int, int], patch: int = 2) -> Tensor:
    """Images (B, 3, H, W) float32, not clamped, of latent tokens (B, h·w, C*4) on a grid (h, w)."""
    latents = torch.stack([unpatchify_latent(sample, grid, patch) for sample in tokens])
    return codec.decode(latents.to(next(codec.parameters()).dtype)).float()
