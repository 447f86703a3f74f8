"""Pixels to latents and back: the small codec of `uare-tiny` and the FLUX autoencoder of BAGEL folders.

Both are `Codec`s, and the rest of the code cannot tell them apart. Images are RGB in [0, 1], (B, 3, H, W)
with sides divisible by 16; latents are (B, 16, H/8, W/8) at about unit deviation. Reading checkpoint files is
left to `uare.checkpoints`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from uare.errors import ConfigError, InputError
from uare.tiling import Canvas, TilePlan, cut_tile, plan_tiles

SIDE_MULTIPLE_PX = 16  # one latent token is a 2x2 patch of latents at 1/8 size


class Codec(nn.Module):
    """What both codecs share: checks, tiles, and the posterior's mean or a sample from given noise."""

    downsample = 8
    channels = 16

    def moments(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance (B, 16, H/8, W/8) of the unscaled posterior of images in [0, 1]."""
        raise NotImplementedError

    def standardise(self, codes: Tensor) -> Tensor:
        """Turns unscaled codes into latents of about unit deviation; same shape."""
        raise NotImplementedError

    def decode(self, latents: Tensor) -> Tensor:
        """Images (B, 3, H, W) of latents, in the scale of [0, 1] but not clamped."""
        raise NotImplementedError

    def encode(self, images: Tensor, noise: Tensor | None = None) -> Tensor:
        """Latents of images in [0, 1]; `noise` (latent shape, unit normal) samples the posterior.

        None takes the posterior's mean. Raises InputError if the images are not (B, 3, H, W) with sides
        divisible by 16.
        """
        check_sides(images)
        mean, logvar = self.moments(images)
        return self.standardise(mean if noise is None else mean + torch.exp(logvar / 2) * noise)

    def encode_tiled(self, images: Tensor, tile_px: int = 512, overlap_px: int = 128) -> Tensor:
        """`encode` (mean) in overlapping square tiles, blended; for photos too large for one pass.

        The small codec agrees with one pass within 0.02 of a latent's deviation; the FLUX codec only
        roughly, because its norms and its attention see the tile's extent.
        """
        check_sides(images)
        height, width = images.shape[-2:]
        return in_tiles(self.encode, images, *self._plans(height, width, tile_px, overlap_px), self.channels)

    def decode_tiled(self, latents: Tensor, tile_px: int = 512, overlap_px: int = 128) -> Tensor:
        """`decode` in overlapping square tiles, blended; the tile's sizes are in pixels of the result."""
        height, width = (side * self.downsample for side in latents.shape[-2:])
        pixel_plan, latent_plan = self._plans(height, width, tile_px, overlap_px)
        return in_tiles(self.decode, latents, latent_plan, pixel_plan, 3)

    def _plans(self, height: int, width: int, tile_px: int, overlap_px: int) -> tuple[TilePlan, TilePlan]:
        """The same tiles in pixels and in latents; they begin at whole latent tokens in both."""
        step = self.downsample
        return (
            plan_tiles(height, width, tile_px, overlap_px, SIDE_MULTIPLE_PX),
            plan_tiles(
                height // step, width // step, tile_px // step, overlap_px // step, SIDE_MULTIPLE_PX // step
            ),
        )


def in_tiles(
    apply: Callable[[Tensor], Tensor], inputs: Tensor, plan: TilePlan, result_plan: TilePlan, channels: int
) -> Tensor:
    """`apply` on the tiles of inputs (B, C, H, W), one after the other, blended to (B, channels, H', W').

    The plans hold the same tiles at the scales of the inputs and of the result.
    """
    canvas = Canvas(result_plan, channels * len(inputs), inputs.device)  # (B*channels, H', W')
    for box, result_box in zip(plan.boxes, result_plan.boxes, strict=True):
        canvas.add(apply(cut_tile(inputs, box)).flatten(0, 1), result_box)
    return canvas.result().unflatten(0, (len(inputs), channels)).to(inputs.dtype)


def check_sides(images: Tensor) -> None:
    """Raises InputError unless images are (B, 3, H, W) with sides that are positive multiples of 16."""
    if images.ndim != 4 or images.shape[1] != 3:
        raise InputError(
            f"images have shape {tuple(images.shape)}, expected (B, 3, H, W); stack RGB images into a batch"
        )
    height, width = images.shape[-2:]
    if min(height, width) < SIDE_MULTIPLE_PX or height % SIDE_MULTIPLE_PX or width % SIDE_MULTIPLE_PX:
        raise InputError(
            f"latent grid needs sides divisible by {SIDE_MULTIPLE_PX}, found {height}x{width} px; "
            f"pad the image to a multiple of {SIDE_MULTIPLE_PX} first"
        )


def zeroed(convolution: nn.Conv2d) -> nn.Conv2d:
    """The convolution with all weights set to zero."""
    with torch.no_grad():
        for parameter in convolution.parameters():
            parameter.zero_()
    return convolution


class ResidualBlock(nn.Module):
    """x + conv(SiLU(conv(x))), (B, C, H, W) both ways; without norms a tile computes what the whole does."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(width, width, 3, padding=1)
        # without norms, depth is only stable if a block starts as the identity
        self.project = zeroed(nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.project(functional.silu(self.expand(x)))


def residual_stack(width: int, num_blocks: int) -> nn.Sequential:
    """`num_blocks` residual blocks of one width, in a row."""
    return nn.Sequential(*(ResidualBlock(width) for _ in range(num_blocks)))


TINY_CODEC_CONFIG = {"quarter_width": 96, "quarter_blocks": 2, "eighth_width": 128, "eighth_blocks": 3}
HALF_WIDTH = 32  # channels at half size in the last step of the decoder


class TinyCodec(Codec):
    """Convolutional codec of about 3 M parameters (`TINY_CODEC_CONFIG`), for any size divisible by 16.

    `code_shift`, `code_scale` (16,) make latents of zero mean and unit deviation; measured after training.
    `code_noise` is the deviation of the training noise in latent units: the (constant) posterior deviation.
    """

    code_shift: Tensor
    code_scale: Tensor
    code_noise: Tensor

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        if set(config) != set(TINY_CODEC_CONFIG):
            raise ConfigError(
                f"small codec has fields {sorted(config)}, expected {sorted(TINY_CODEC_CONFIG)}; "
                "correct the names"
            )
        quarter, eighth = config["quarter_width"], config["eighth_width"]
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(4),  # (B, 48, H/4, W/4)
            nn.Conv2d(48, quarter, 3, padding=1),
            residual_stack(quarter, config["quarter_blocks"]),
            nn.Conv2d(quarter, eighth, 4, stride=2, padding=1),  # (B, eighth, H/8, W/8)
            residual_stack(eighth, config["eighth_blocks"]),
            nn.Conv2d(eighth, self.channels, 3, padding=1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(self.channels, eighth, 3, padding=1),
            residual_stack(eighth, config["eighth_blocks"]),
            nn.Conv2d(eighth, 4 * quarter, 3, padding=1),
            nn.PixelShuffle(2),  # (B, quarter, H/4, W/4)
            residual_stack(quarter, config["quarter_blocks"]),
            # Two steps of 2 with a convolution between: one shuffle by 4 leaves a grid of 4 px in flat areas.
            nn.Conv2d(quarter, 4 * HALF_WIDTH, 3, padding=1),
            nn.PixelShuffle(2),  # (B, 32, H/2, W/2)
            nn.SiLU(),
            nn.Conv2d(HALF_WIDTH, 12, 3, padding=1),
            nn.PixelShuffle(2),  # (B, 3, H, W)
        )
        self.register_buffer("code_shift", torch.zeros(self.channels))
        self.register_buffer("code_scale", torch.ones(self.channels))
        self.register_buffer("code_noise", torch.tensor(1e-3))

    def moments(self, images: Tensor) -> tuple[Tensor, Tensor]:
        mean = self.encoder(images - 0.5)
        # (16,) to (1, 16, 1, 1); the log of a tiny number stays finite in float32
        logvar = 2 * torch.log(self.code_noise.float() * self.code_scale.float()).view(1, -1, 1, 1)
        return mean, logvar.to(mean.dtype).expand_as(mean)

    def standardise(self, codes: Tensor) -> Tensor:
        return (codes - self.code_shift.view(1, -1, 1, 1)) / self.code_scale.view(1, -1, 1, 1)

    def decode(self, latents: Tensor) -> Tensor:
        codes = latents * self.code_scale.view(1, -1, 1, 1) + self.code_shift.view(1, -1, 1, 1)
        return self.decoder(codes) + 0.5


FLUX_CODEC_FIELDS = ("ch", "ch_mult", "num_res_blocks", "z_channels", "scale_factor", "shift_factor")


class FluxCodec(Codec):
    """The FLUX.1 autoencoder through diffusers; `config` has `FLUX_CODEC_FIELDS` (BAGEL, autoencoder.py).

    Weights of an `ae.safetensors` go into `autoencoder` under the names of `uare.checkpoints.vae_names`.
    """

    autoencoder: Any  # diffusers' AutoencoderKL, whose lazy import hides its type

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        if set(config) != set(FLUX_CODEC_FIELDS):
            raise ConfigError(
                f"FLUX codec has fields {sorted(config)}, expected {sorted(FLUX_CODEC_FIELDS)}; "
                "correct the names"
            )
        from diffusers import AutoencoderKL  # costs seconds, and the default model never needs it

        widths = tuple(config["ch"] * factor for factor in config["ch_mult"])
        self.downsample = 2 ** (len(widths) - 1)
        self.channels = config["z_channels"]
        self.scale_factor = float(config["scale_factor"])
        self.shift_factor = float(config["shift_factor"])
        self.autoencoder = AutoencoderKL(
            block_out_channels=widths,
            down_block_types=("DownEncoderBlock2D",) * len(widths),
            up_block_types=("UpDecoderBlock2D",) * len(widths),
            layers_per_block=config["num_res_blocks"],
            latent_channels=self.channels,
            norm_num_groups=32,
            use_quant_conv=False,
            use_post_quant_conv=False,
            scaling_factor=self.scale_factor,
            shift_factor=self.shift_factor,
        )

    def moments(self, images: Tensor) -> tuple[Tensor, Tensor]:
        # the network's pixels are in [-1, 1]; its own logvar clamp is left out, as in BAGEL
        mean, logvar = self.autoencoder.encoder(images * 2 - 1).chunk(2, dim=1)
        return mean, logvar

    def standardise(self, codes: Tensor) -> Tensor:
        return self.scale_factor * (codes - self.shift_factor)

    def decode(self, latents: Tensor) -> Tensor:
        return self.autoencoder.decoder(latents / self.scale_factor + self.shift_factor) * 0.5 + 0.5


def build_codec(config: Mapping[str, Any]) -> Codec:
    """The codec that `UAREConfig.codec` describes: `kind` (`tiny` or `flux`) and the fields of that kind."""
    fields = {name: value for name, value in config.items() if name != "kind"}
    match config.get("kind"):
        case "tiny":
            return TinyCodec(fields)
        case "flux":
            return FluxCodec(fields)
        case other:
            raise ConfigError(
                f"codec kind is {other!r}, expected 'tiny' or 'flux'; correct the configuration"
            )
