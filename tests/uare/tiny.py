"""A true model, small enough for a test: all parts of `UAREModel`, two layers of width 32, seeded weights."""

from __future__ import annotations

from dataclasses import replace

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from uare.config import (
    LanguageConfig,
    LatentConfig,
    SamplingConfig,
    SpecialTokens,
    TransformConfig,
    UAREConfig,
    VisionConfig,
)
from uare.model import UAREModel
from uare.packing import CleanLatent, NoisedLatent, Text, VisionImage
from uare.tokenizer import TextTokenizer

CONTROL = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>")
CORPUS = ("the photo is noisy and dark", "quality: excellent, good, fair, poor, bad", "remove the haze")


def tiny_text_tokenizer() -> TextTokenizer:
    """Byte-level BPE of some 290 entries, the control tokens last."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=280, initial_alphabet=alphabet, show_progress=False)
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in CONTROL])
    return TextTokenizer(tokenizer)


def tiny_config(prediction: str = "velocity") -> UAREConfig:
    special = tiny_text_tokenizer().special_tokens
    transform = TransformConfig(max_size=64, min_size=16, stride=8)
    return UAREConfig(
        language=LanguageConfig(
            vocab_size=300, hidden_size=32, intermediate_size=48, num_layers=2, num_heads=4, num_kv_heads=2
        ),
        vision=VisionConfig(
            hidden_size=24, intermediate_size=32, num_layers=2, num_heads=2, patch_size=8, table_side=8
        ),
        latent=LatentConfig(table_side=6),
        latent_transform=TransformConfig(max_size=96, min_size=16, stride=16),
        vision_transform=transform,
        assess_transform=transform,
        sampling=SamplingConfig(num_steps=3),
        special_tokens=SpecialTokens(**vars(special)),
        codec={
            "kind": "tiny",
            "quarter_width": 8,
            "quarter_blocks": 1,
            "eighth_width": 8,
            "eighth_blocks": 1,
        },
        prediction=prediction,
        tile_px=96,
        initializer_range=0.2,  # large enough for attention to matter
    )


def tiny_uare_model(seed: int = 0) -> UAREModel:
    """Seeded; the output layer, zero in a new model, gets weights too."""
    torch.manual_seed(seed)
    model = UAREModel(tiny_config()).eval()
    with torch.no_grad():
        model.latent.latent_out.weight.normal_(std=0.2)
    return model


def tiny_restorer(*, is_local: bool = False, changes: bool = True) -> UAREModel:
    """A model like `uare-tiny`: predicts residuals, has a detail path, restores up to 256 px at once.

    The detail path's gain starts as one, so an untouched latent gives the photo back: without `changes` (zero
    output layer, as in a new model) the restoration is the photo itself. With `is_local` every latent token
    is restored by itself, blind to its neighbours, its place and all words: only then is there a right
    answer to what tiles should add up to.
    """
    config = tiny_config("residual")
    config.latent = LatentConfig(table_side=20)  # 320 px
    config.tile_px = 256
    config.detail = {"widths": [8, 8], "blocks": [1, 1], "filters": [[1, 1e-3], [2, 1e-2]]}
    config.fidelity = 1.0
    torch.manual_seed(0)
    model = UAREModel(config).eval()
    generator = torch.Generator().manual_seed(0)  # whatever the network before it drew
    with torch.no_grad():
        if changes:
            model.latent.latent_out.weight.normal_(std=0.2, generator=generator)
        if is_local:
            model.latent.positions.table.zero_()
            for layer in model.mixture.layers:
                layer.get_parameter("restoration.o_proj.weight").zero_()
    return model


def _random(rows: int, columns: int, seed: int) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


def text(*ids: int, loss: bool = False, closes: bool = True) -> Text:
    return Text(ids=ids, loss=loss, closes=closes)


def vision(rows: int, columns: int, seed: int = 1) -> VisionImage:
    return VisionImage(patches=_random(rows * columns, 8 * 8 * 3, seed), grid=(rows, columns))


def condition(rows: int, columns: int, seed: int = 2) -> CleanLatent:
    return CleanLatent(tokens=_random(rows * columns, 64, seed), grid=(rows, columns))


def target(rows: int, columns: int, seed: int = 3, timestep: float = 1.0) -> NoisedLatent:
    return NoisedLatent(tokens=_random(rows * columns, 64, seed), grid=(rows, columns), timestep=timestep)


def judged(item: NoisedLatent, seed: int = 4) -> NoisedLatent:
    """The target with a velocity to learn."""
    return replace(item, velocity=_random(item.tokens.shape[0], item.tokens.shape[1], seed))
