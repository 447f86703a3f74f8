"""Samples for training: what they hold, and that the same seed gives the same rows."""

import random
from collections import Counter

import pytest
import torch

from data.photos import CropSettings, PhotoCrops
from tests.uare.tiny import tiny_config
from training.pairs import Version, make_block
from training.presets import tiny_tokenizer
from training.tasks import TaskContext, analyse_then_restore, make_samples, placed
from uare.packing import CleanLatent, NoisedLatent, Text, VisionImage, pack
from uare.tokenizer import TextTokenizer
from uare.vae import TINY_CODEC_CONFIG, TinyCodec


@pytest.fixture(scope="module")
def tokenizer() -> TextTokenizer:
    return tiny_tokenizer(vocab_size=400, num_texts=200)


@pytest.fixture(scope="module")
def block() -> list[Version]:
    photo = torch.randint(0, 256, (96, 96, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    crops = PhotoCrops([photo.numpy()], CropSettings(size_px=32), 0)
    return make_block(crops, 0, 6, TinyCodec(TINY_CODEC_CONFIG), tiny_config(), 3, torch.device("cpu"))


def context_of(tokenizer: TextTokenizer, seed: int = 0) -> TaskContext:
    return TaskContext(
        config=tiny_config(),
        tokenizer=tokenizer,
        rng=random.Random(seed),
        generator=torch.Generator().manual_seed(seed),
        timestep_shift=4.0,
    )


def test_each_crop_has_two_versions_of_one_clean_crop(block: list[Version]) -> None:
    assert Counter(version.crop for version in block) == dict.fromkeys(range(6), 2)
    for first, second in zip(block[:6], block[6:], strict=True):
        assert torch.equal(first.hq, second.hq)


def test_the_same_seed_gives_the_same_rows(block: list[Version], tokenizer: TextTokenizer) -> None:
    rows = [pack(make_samples(block, context_of(tokenizer, 7), 1), tiny_config()) for _ in range(2)]
    assert torch.equal(rows[0].token_ids, rows[1].token_ids)
    assert torch.equal(rows[0].latents, rows[1].latents)


def test_the_analysis_is_written_before_the_target_and_is_never_dropped(
    block: list[Version], tokenizer: TextTokenizer
) -> None:
    for seed in range(40):
        sample = analyse_then_restore(block[0], context_of(tokenizer, seed))
        kinds = [type(item) for item in sample]
        assert kinds == [CleanLatent, VisionImage, Text, Text, NoisedLatent]
        analysis = sample[3]
        assert isinstance(analysis, Text) and analysis.loss and not analysis.dropped


def test_the_latent_of_the_photo_and_the_target_share_their_place(
    block: list[Version], tokenizer: TextTokenizer
) -> None:
    places = set()
    for seed in range(20):
        context = context_of(tokenizer, seed)
        clean, *_, noised = placed(analyse_then_restore(block[0], context), context)
        assert isinstance(clean, CleanLatent) and isinstance(noised, NoisedLatent)
        assert clean.origin == noised.origin
        places.add(clean.origin)
    assert len(places) > 5


def test_a_pair_is_labelled_and_is_seldom_a_photo_with_itself(
    block: list[Version], tokenizer: TextTokenizer
) -> None:
    samples = make_samples(block, context_of(tokenizer), 20)
    pairs = [sample for sample in samples if sum(isinstance(item, VisionImage) for item in sample) == 2]
    assert 0.15 < len(pairs) / len(samples) < 0.35
    same = 0
    for label_a, first, label_b, second, *_ in pairs:
        assert isinstance(label_a, Text) and tokenizer.decode(label_a.ids) == "Image A:"
        assert isinstance(label_b, Text) and tokenizer.decode(label_b.ids) == "Image B:"
        assert isinstance(first, VisionImage) and isinstance(second, VisionImage)
        same += first.patches is second.patches
    assert same < 0.15 * len(pairs)


def test_velocity_and_noised_latent_fit_together(block: list[Version], tokenizer: TextTokenizer) -> None:
    *_, noised = analyse_then_restore(block[0], context_of(tokenizer))
    assert isinstance(noised, NoisedLatent) and noised.velocity is not None
    clean = noised.tokens - noised.timestep * noised.velocity
    torch.testing.assert_close(clean, block[0].hq, atol=1e-4, rtol=1e-4)
