"""Codecs: the FLUX one against recorded values, the small one's invariants, tiles against one pass."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from uare.checkpoints.vae_names import to_diffusers, to_flux
from uare.errors import CheckpointError, ConfigError, InputError
from uare.vae import TINY_CODEC_CONFIG, FluxCodec, TinyCodec, build_codec

SMALL = {"quarter_width": 8, "quarter_blocks": 1, "eighth_width": 16, "eighth_blocks": 1}


@pytest.fixture
def small_codec() -> TinyCodec:
    """The small codec with random weights everywhere, so that no block is the identity."""
    torch.manual_seed(0)
    codec = TinyCodec(SMALL)
    for parameter in codec.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.7 / parameter[0].numel() ** 0.5)
    codec.code_shift.copy_(torch.linspace(-1, 1, 16))
    codec.code_scale.copy_(torch.linspace(0.5, 2, 16))
    return codec.eval()


@pytest.fixture(scope="module")
def bagel_folder(goldens_dir: Path) -> Path:
    return goldens_dir / "bagel-tiny-a"


@pytest.fixture(scope="module")
def flux_codec(bagel_folder: Path) -> FluxCodec:
    fields = json.loads((bagel_folder / "model_args.json").read_text())["ae"]
    wanted = ("ch", "ch_mult", "num_res_blocks", "z_channels", "scale_factor", "shift_factor")
    codec = FluxCodec({name: fields[name] for name in wanted})
    codec.autoencoder.load_state_dict(to_diffusers(load_file(bagel_folder / "checkpoint" / "ae.safetensors")))
    return codec.eval()


def assert_near(found: Tensor, recorded: Tensor) -> None:
    """Within 2e-6 of the largest recorded value: another order of float32 sums, nothing more."""
    assert float((found - recorded).abs().max()) <= 2e-6 * float(recorded.abs().max())


@pytest.mark.parametrize("image", [0, 2])
@torch.no_grad()
def test_flux_codec_reproduces_the_recorded_moments_latents_and_pixels(
    flux_codec: FluxCodec, bagel_folder: Path, image: int
) -> None:
    recorded = load_file(bagel_folder / "vae.safetensors")
    pixels = (
        load_file(bagel_folder / "images.safetensors")[f"vae.{image}"].permute(2, 0, 1)[None].float() / 255
    )
    mean, logvar = flux_codec.moments(pixels)
    assert_near(mean, recorded[f"mean.{image}"])
    assert_near(logvar, recorded[f"logvar.{image}"])
    assert_near(flux_codec.encode(pixels, recorded[f"noise.{image}"]), recorded[f"latent.{image}"])
    assert_near(flux_codec.decode(recorded[f"latent.{image}"]) * 2 - 1, recorded[f"decoded.{image}"])


@torch.no_grad()
def test_flux_latent_without_noise_is_the_scaled_mean(flux_codec: FluxCodec, bagel_folder: Path) -> None:
    recorded = load_file(bagel_folder / "vae.safetensors")
    pixels = load_file(bagel_folder / "images.safetensors")["vae.0"].permute(2, 0, 1)[None].float() / 255
    expected = recorded["scale_factor"] * (recorded["mean.0"] - recorded["shift_factor"])
    assert_near(flux_codec.encode(pixels), expected)


def test_flux_names_go_to_diffusers_and_back_bit_for_bit(bagel_folder: Path, flux_codec: FluxCodec) -> None:
    weights = load_file(bagel_folder / "checkpoint" / "ae.safetensors")
    there = to_diffusers(weights)
    assert there.keys() == flux_codec.autoencoder.state_dict().keys()
    back = to_flux(there)
    assert back.keys() == weights.keys()
    assert all(torch.equal(back[name], weights[name]) for name in weights)


def test_foreign_weights_are_refused_by_name() -> None:
    with pytest.raises(CheckpointError, match=r"'lm_head\.weight'.*ae\.safetensors"):
        to_diffusers({"lm_head.weight": torch.zeros(1)})


def test_importing_the_codecs_does_not_import_diffusers() -> None:
    script = (
        "import sys, uare.vae; raise SystemExit('diffusers' in sys.modules or 'torchvision' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_small_codec_has_about_three_million_parameters() -> None:
    count = sum(parameter.numel() for parameter in TinyCodec(TINY_CODEC_CONFIG).parameters())
    assert 2.5e6 < count < 3.5e6


@torch.no_grad()
def test_decode_undoes_the_shift_and_scale_of_encode(small_codec: TinyCodec) -> None:
    images = torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(1))
    codes, _ = small_codec.moments(images)
    latents = small_codec.encode(images)
    assert latents.shape == (2, 16, 4, 6)
    expected = (codes - small_codec.code_shift[:, None, None]) / small_codec.code_scale[:, None, None]
    assert torch.allclose(latents, expected, atol=1e-6)
    assert torch.allclose(small_codec.decode(latents), small_codec.decoder(codes) + 0.5, atol=1e-5)


@torch.no_grad()
def test_noise_moves_small_latents_by_the_training_noise(small_codec: TinyCodec) -> None:
    small_codec.code_noise.fill_(0.05)
    images = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    noise = torch.randn(1, 16, 4, 4, generator=torch.Generator().manual_seed(3))
    moved = small_codec.encode(images, noise) - small_codec.encode(images)
    assert torch.allclose(moved, 0.05 * noise, atol=1e-5)


@torch.no_grad()
def test_an_image_has_the_same_latents_alone_and_in_a_batch(small_codec: TinyCodec) -> None:
    images = torch.rand(3, 3, 48, 32, generator=torch.Generator().manual_seed(4))
    assert torch.allclose(small_codec.encode(images)[1:2], small_codec.encode(images[1:2]), atol=1e-5)


@torch.no_grad()
def test_tiles_of_the_small_codec_agree_with_one_pass(small_codec: TinyCodec, astronaut: Tensor) -> None:
    # padding is felt mostly at a tile's edge, where its weight is nearly zero; trained weights measured on a
    # photo of 896x1328 in tiles of 512: 0.014 of a latent's deviation, 0.5 grey levels
    latents = small_codec.encode(astronaut)
    tiled = small_codec.encode_tiled(astronaut, tile_px=288, overlap_px=128)
    assert float((tiled - latents).abs().max()) < 0.02
    images = small_codec.decode(latents)
    assert (
        float((small_codec.decode_tiled(latents, tile_px=288, overlap_px=128) - images).abs().max()) < 1 / 255
    )


@torch.no_grad()
def test_tiles_of_the_flux_codec_agree_where_tiles_have_the_same_statistics(flux_codec: FluxCodec) -> None:
    # group norm and attention see only the tile, so photos agree roughly; an even texture shows no seams
    texture = torch.rand(1, 3, 256, 320, generator=torch.Generator().manual_seed(6))
    latents = flux_codec.encode(texture)
    tiled = flux_codec.encode_tiled(texture, tile_px=192, overlap_px=64)
    assert float((tiled - latents).abs().mean()) < 0.15 * float(latents.std())
    images = flux_codec.decode(latents)
    tiled_images = flux_codec.decode_tiled(latents, tile_px=192, overlap_px=64)
    assert float((tiled_images - images).abs().mean()) < 0.15 * float(images.std())


@torch.no_grad()
def test_tiles_keep_the_pictures_of_a_batch_apart(small_codec: TinyCodec, astronaut: Tensor) -> None:
    pair = torch.cat([astronaut, astronaut.flip(-1)])[..., :256, :400]
    tiled = small_codec.encode_tiled(pair, tile_px=192, overlap_px=64)
    assert torch.allclose(
        tiled[1:], small_codec.encode_tiled(pair[1:], tile_px=192, overlap_px=64), atol=1e-5
    )


def test_a_picture_smaller_than_a_tile_is_one_plain_pass(small_codec: TinyCodec) -> None:
    images = torch.rand(1, 3, 64, 32, generator=torch.Generator().manual_seed(5))
    assert torch.equal(small_codec.encode_tiled(images), small_codec.encode(images))


@pytest.mark.parametrize(
    "shape", [(1, 3, 30, 32), (1, 3, 32, 40), (3, 32, 32), (1, 1, 32, 32), (1, 3, 0, 16)]
)
def test_images_that_do_not_fit_the_latent_grid_are_refused(
    small_codec: TinyCodec, shape: tuple[int, ...]
) -> None:
    with pytest.raises(InputError, match=r"expected \(B, 3, H, W\)|divisible by 16"):
        small_codec.encode(torch.zeros(shape))


def test_a_codec_is_built_from_its_kind_and_refuses_foreign_fields() -> None:
    assert isinstance(build_codec({"kind": "tiny", **SMALL}), TinyCodec)
    with pytest.raises(ConfigError, match="kind is 'vq'"):
        build_codec({"kind": "vq"})
    with pytest.raises(ConfigError, match="correct the names"):
        build_codec({"kind": "tiny", **SMALL, "width": 3})
    with pytest.raises(ConfigError, match="correct the names"):
        build_codec({"kind": "flux", "ch": 32})
