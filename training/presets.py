"""The sizes of `uare-tiny`, with a byte-level BPE learned from our own templates, and of BAGEL-7B-MoT."""

import random

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from data.texts import corpus
from uare.config import (
    LanguageConfig,
    LatentConfig,
    SamplingConfig,
    SpecialTokens,
    TransformConfig,
    UAREConfig,
    VisionConfig,
)
from uare.tokenizer import CONTROL_TOKENS, TextTokenizer
from uare.vae import TINY_CODEC_CONFIG

TABLE_SIDE = 48  # latent tokens along a side: 768 px in one piece


def tiny_tokenizer(vocab_size: int = 768, num_texts: int = 6000, seed: int = 0) -> TextTokenizer:
    """Learns a tokenizer from texts that `data.texts` makes; any other text still has ids, byte by byte."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[AddedToken(token, special=True) for token in CONTROL_TOKENS.values()],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(random.Random(seed), num_texts), trainer)
    return TextTokenizer(tokenizer)


def tiny_config(tokenizer: TextTokenizer) -> UAREConfig:
    """`uare-tiny`: small enough to be trained on two CPU cores in an hour (docs/results, model card)."""
    return UAREConfig(
        language=LanguageConfig(
            vocab_size=len(tokenizer),
            hidden_size=256,
            intermediate_size=704,
            num_layers=6,
            num_heads=4,
            num_kv_heads=2,
            rope_theta=10_000.0,
        ),
        vision=VisionConfig(
            hidden_size=192,
            intermediate_size=640,
            num_layers=4,
            num_heads=4,
            patch_size=16,
            table_side=32,
            texture_width=192,
        ),
        latent=LatentConfig(table_side=TABLE_SIDE),
        latent_transform=TransformConfig(max_size=16 * TABLE_SIDE, min_size=16, stride=16),
        vision_transform=TransformConfig(max_size=512, min_size=64, stride=16, cuts=True),
        assess_transform=TransformConfig(max_size=512, min_size=64, stride=16, cuts=True),
        # The residual target makes the first step good already; guidance would triple the cost of each. Noise
        # of full strength leaks into the result of so small a network as blotches (measured).
        sampling=SamplingConfig(
            num_steps=1, timestep_shift=1.0, noise_scale=0.1, text_scale=1.0, image_scale=1.0
        ),
        special_tokens=tokenizer.special_tokens,
        codec={"kind": "tiny", **TINY_CODEC_CONFIG},
        prediction="residual",
        tile_px=512,
        analysis_px=384,  # crops of at most 320 px were seen in training; at 512 words fall apart (seen)
        # 1/√width: at BAGEL's 0.02 the fixed position tables (rms 0.7) drown latents and ViT features of a
        # new network of this width, and it learns little but brightness for the first half hour (measured)
        initializer_range=256**-0.5,
        fidelity=1.0,
    )


def full_size() -> UAREConfig:
    """BAGEL-7B-MoT: 7.6 B parameters in the language model, of which each expert has 6.5 B of its own."""
    return UAREConfig(
        language=LanguageConfig(
            vocab_size=152_064,
            hidden_size=3584,
            intermediate_size=18_944,
            num_layers=28,
            num_heads=28,
            num_kv_heads=4,
        ),
        vision=VisionConfig(hidden_size=1152, intermediate_size=4304, num_layers=26, num_heads=16),
        latent=LatentConfig(table_side=64),
        latent_transform=TransformConfig(max_size=1024, min_size=512, stride=16),
        vision_transform=TransformConfig(max_size=980, min_size=224, stride=14),
        assess_transform=TransformConfig(max_size=980, min_size=378, stride=14, max_pixels=2_007_040),
        sampling=SamplingConfig(),
        special_tokens=SpecialTokens(
            text_start=151_644, text_end=151_645, image_start=151_652, image_end=151_653
        ),
        codec={
            "kind": "flux",
            "ch": 128,
            "ch_mult": [1, 2, 4, 4],
            "num_res_blocks": 2,
            "z_channels": 16,
            "scale_factor": 0.3611,
            "shift_factor": 0.1159,
        },
    )
