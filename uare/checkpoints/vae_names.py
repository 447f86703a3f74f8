"""Names of the FLUX autoencoder's weights: those of `ae.safetensors` and those of diffusers' AutoencoderKL.

The two hold the same numbers; only names differ, the order of the decoder's levels, and the 1x1 kernels of
the middle attention, which diffusers keeps as matrices. Both directions are exact.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from uare.errors import CheckpointError

# (FLUX part, diffusers part), exact inside a dotted name; the decoder's levels are renumbered separately
_PARTS = (
    (".down.", ".down_blocks."),
    (".up.", ".up_blocks."),
    (".block.", ".resnets."),
    (".downsample.conv.", ".downsamplers.0.conv."),
    (".upsample.conv.", ".upsamplers.0.conv."),
    (".mid.block_1.", ".mid_block.resnets.0."),
    (".mid.block_2.", ".mid_block.resnets.1."),
    (".mid.attn_1.norm.", ".mid_block.attentions.0.group_norm."),
    (".mid.attn_1.q.", ".mid_block.attentions.0.to_q."),
    (".mid.attn_1.k.", ".mid_block.attentions.0.to_k."),
    (".mid.attn_1.v.", ".mid_block.attentions.0.to_v."),
    (".mid.attn_1.proj_out.", ".mid_block.attentions.0.to_out.0."),
    (".nin_shortcut.", ".conv_shortcut."),
    (".norm_out.", ".conv_norm_out."),
)
_FLUX_LEVEL = re.compile(r"^(decoder\.up\.)(\d+)(\..+)$")
_DIFFUSERS_LEVEL = re.compile(r"^(decoder\.up_blocks\.)(\d+)(\..+)$")
_ATTENTION_MATRIX = re.compile(r"\.mid_block\.attentions\.0\.(to_q|to_k|to_v|to_out\.0)\.weight$")


def to_diffusers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of `ae.safetensors` under diffusers' names; tensors are views of the same numbers.

    Raises CheckpointError if a name is not one of the FLUX encoder or decoder.
    """
    renamed = {}
    last_level = _last_level(weights, _FLUX_LEVEL)
    for flux_name, value in weights.items():
        name = _reverse_level(flux_name, _FLUX_LEVEL, last_level)
        for flux_part, diffusers_part in _PARTS:
            name = name.replace(flux_part, diffusers_part)
        renamed[name] = (
            value.flatten(1) if _ATTENTION_MATRIX.search(name) else value
        )  # (C, C, 1, 1) to (C, C)
    return renamed


def to_flux(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of an AutoencoderKL under the names of `ae.safetensors`; the inverse of `to_diffusers`."""
    renamed = {}
    last_level = _last_level(weights, _DIFFUSERS_LEVEL)
    for diffusers_name, value in weights.items():
        name = _reverse_level(diffusers_name, _DIFFUSERS_LEVEL, last_level)
        for flux_part, diffusers_part in reversed(_PARTS):
            name = name.replace(diffusers_part, flux_part)
        renamed[name] = value[:, :, None, None] if _ATTENTION_MATRIX.search(diffusers_name) else value
    return renamed


def _last_level(weights: Mapping[str, Tensor], level: re.Pattern[str]) -> int:
    for name in weights:
        if not name.startswith(("encoder.", "decoder.")):
            raise CheckpointError(
                f"{name!r} is no name of a FLUX autoencoder, expected encoder.* or decoder.*; "
                "choose the file ae.safetensors"
            )
    levels = [int(match[2]) for name in weights if (match := level.match(name))]
    if not levels:
        raise CheckpointError(
            "found no decoder levels among the autoencoder's weights; choose the file ae.safetensors"
        )
    return max(levels)


def _reverse_level(name: str, level: re.Pattern[str], last_level: int) -> str:
    """Renumbers a decoder level: FLUX counts from full resolution, diffusers from the smallest."""
    match = level.match(name)
    return name if match is None else f"{match[1]}{last_level - int(match[2])}{match[3]}"
