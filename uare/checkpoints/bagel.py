"""BAGEL folders: their configuration as a `UAREConfig`, and their tensor names as ours.

The folder leaves much unsaid (BAGEL's scripts hard-code it); whatever can be derived is read off the shapes
of the tensors, the rest are the release's values.
"""

import json
import re
from collections.abc import Mapping
from math import isqrt
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from uare.config import (
    LanguageConfig,
    LatentConfig,
    SamplingConfig,
    SpecialTokens,
    TransformConfig,
    UAREConfig,
    VisionConfig,
)
from uare.errors import CheckpointError
from uare.tokenizer import TextTokenizer

WEIGHTS_FILE = "ema.safetensors"
CODEC_FILE = "ae.safetensors"

# Applied in this order to a BAGEL name; the form is what transformers takes as `key_mapping`.
KEY_MAPPING: dict[str, str] = {
    r"^vit_model\.vision_model\.embeddings\.": "vision.",
    r"^vit_model\.vision_model\.encoder\.layers\.(\d+)\.self_attn\.": r"vision.layers.\1.",
    r"^vit_model\.vision_model\.encoder\.layers\.(\d+)\.mlp\.": r"vision.layers.\1.",
    r"^vit_model\.vision_model\.encoder\.layers\.(\d+)\.layer_norm1\.": r"vision.layers.\1.norm1.",
    r"^vit_model\.vision_model\.encoder\.layers\.(\d+)\.layer_norm2\.": r"vision.layers.\1.norm2.",
    r"^vit_model\.vision_model\.post_layernorm\.": "vision.post_norm.",
    r"^language_model\.model\.embed_tokens\.": "text.embed.",
    r"^language_model\.lm_head\.": "text.head.",
    r"^language_model\.model\.norm_moe_gen\.": "mixture.restoration_norm.",
    r"^language_model\.model\.norm\.": "mixture.iqa_norm.",
    r"^language_model\.model\.layers\.": "mixture.layers.",
    r"\.input_layernorm_moe_gen\.": ".restoration.attention_norm.",
    r"\.input_layernorm\.": ".iqa.attention_norm.",
    r"\.post_attention_layernorm_moe_gen\.": ".restoration.mlp_norm.",
    r"\.post_attention_layernorm\.": ".iqa.mlp_norm.",
    r"\.mlp_moe_gen\.": ".restoration.mlp.",
    r"^(mixture\.layers\.\d+)\.mlp\.": r"\1.iqa.mlp.",
    r"\.self_attn\.(\w+)_moe_gen\.": r".restoration.\1.",
    r"\.self_attn\.": ".iqa.",
    r"^time_embedder\.mlp\.0\.": "latent.timestep.fc1.",
    r"^time_embedder\.mlp\.2\.": "latent.timestep.fc2.",
    r"^vae2llm\.": "latent.latent_in.",
    r"^llm2vae\.": "latent.latent_out.",
}

# Fixed sin-cos tables: stored by BAGEL (rounded to bfloat16), computed by us.
RECOMPUTED = ("latent_pos_embed.pos_embed", "vit_pos_embed.pos_embed")


def our_name(bagel_name: str) -> str | None:
    """Our name of a tensor of `ema.safetensors`; None for a table that is recomputed."""
    if bagel_name in RECOMPUTED:
        return None
    for pattern, replacement in KEY_MAPPING.items():
        bagel_name = re.sub(pattern, replacement, bagel_name)
    return bagel_name


def is_bagel_folder(path: str | Path) -> bool:
    """True if `path` is a folder in the layout of the BAGEL release."""
    return (Path(path) / "llm_config.json").is_file()


def read_config(folder: Path) -> UAREConfig:
    """The configuration of a BAGEL folder. Raises CheckpointError where a file is missing or unreadable."""
    weights = tensor_shapes(folder / WEIGHTS_FILE)
    codec = tensor_shapes(folder / CODEC_FILE)
    return config_from_shapes(
        _read_json(folder / "llm_config.json"),
        _read_json(folder / "vit_config.json"),
        weights,
        codec,
        TextTokenizer.from_folder(folder).special_tokens,
    )


def config_from_shapes(
    language: Mapping[str, Any],
    vision: Mapping[str, Any],
    weights: Mapping[str, tuple[int, ...]],
    codec: Mapping[str, tuple[int, ...]],
    special_tokens: SpecialTokens,
) -> UAREConfig:
    """The configuration that BAGEL's two JSON files and the shapes of its tensors imply."""
    try:
        latent = LatentConfig(
            channels=codec["decoder.conv_in.weight"][1],
            downsample=2 ** (_count(codec, r"encoder\.down\.(\d+)\.") - 1),
            patch_size=isqrt(weights["vae2llm.weight"][1] // codec["decoder.conv_in.weight"][1]),
            table_side=isqrt(weights["latent_pos_embed.pos_embed"][0]),
        )
        vision_section = VisionConfig(
            hidden_size=vision["hidden_size"],
            intermediate_size=vision["intermediate_size"],
            num_layers=_count(weights, r"vit_model\.vision_model\.encoder\.layers\.(\d+)\."),
            num_heads=vision["num_attention_heads"],
            patch_size=vision["patch_size"],
            table_side=isqrt(weights["vit_pos_embed.pos_embed"][0]),
            layer_norm_eps=vision.get("layer_norm_eps", 1e-6),
        )
        return UAREConfig(
            language=LanguageConfig(
                vocab_size=weights["language_model.model.embed_tokens.weight"][0],
                hidden_size=language["hidden_size"],
                intermediate_size=language["intermediate_size"],
                num_layers=language["num_hidden_layers"],
                num_heads=language["num_attention_heads"],
                num_kv_heads=language["num_key_value_heads"],
                rope_theta=language["rope_theta"],
                rms_norm_eps=language["rms_norm_eps"],
            ),
            vision=vision_section,
            latent=latent,
            latent_transform=_limited(1024, 512, latent.stride_px, latent.table_side),
            vision_transform=_limited(980, 224, vision_section.patch_size, vision_section.table_side),
            assess_transform=_limited(
                980, 378, vision_section.patch_size, vision_section.table_side, 2_007_040
            ),
            sampling=SamplingConfig(num_steps=49),  # BAGEL's 50 times are 49 steps
            special_tokens=special_tokens,
            codec={"kind": "flux", **_codec_shape(codec)},
            tile_px=latent.table_side * latent.stride_px,
            initializer_range=language.get("initializer_range", 0.02),
        )
    except KeyError as error:
        raise CheckpointError(
            f"the BAGEL folder lacks {error}; expected the layout of BAGEL-7B-MoT"
        ) from None


def _limited(
    max_size: int, min_size: int, stride: int, table_side: int, max_pixels: int = 1_806_336
) -> TransformConfig:
    """BAGEL's limits, lowered where the position table is smaller than the release's."""
    largest = min(max_size, stride * table_side)
    return TransformConfig(
        max_size=largest, min_size=min(min_size, largest), stride=stride, max_pixels=max_pixels
    )


def _codec_shape(codec: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """The FLUX autoencoder's sizes, read off its tensors; scale and shift are the release's."""
    base = codec["encoder.conv_in.weight"][0]
    levels = _count(codec, r"encoder\.down\.(\d+)\.")
    return {
        "ch": base,
        "ch_mult": [codec[f"encoder.down.{i}.block.0.conv1.weight"][0] // base for i in range(levels)],
        "num_res_blocks": _count(codec, r"encoder\.down\.0\.block\.(\d+)\."),
        "z_channels": codec["decoder.conv_in.weight"][1],
        "scale_factor": 0.3611,
        "shift_factor": 0.1159,
    }


def _count(shapes: Mapping[str, tuple[int, ...]], pattern: str) -> int:
    return 1 + max((int(found[1]) for name in shapes if (found := re.match(pattern, name))), default=-1)


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes in a safetensors file, without reading its data."""
    if not path.is_file():
        raise CheckpointError(f"{path} is missing; a BAGEL folder needs {WEIGHTS_FILE} and {CODEC_FILE}")
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()  # an opened file is no mapping: it cannot be iterated over itself
            return {name: tuple(file.get_slice(name).get_shape()) for name in names}
    except SafetensorError as error:
        raise CheckpointError(
            f"{path} is not a complete safetensors file ({error}); fetch it again"
        ) from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise CheckpointError(f"{path} is missing; expected the layout of BAGEL-7B-MoT") from None
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{path} is not JSON ({error}); fetch it again") from None
