"""The training of the region head: honest splits, known measures, and that a head learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from data.forms import read_form
from tests.uare.tiny import tiny_restorer, tiny_text_tokenizer
from training.region_examples import RegionExamples, harmed_crop, region_input
from training.region_head import (
    PARTS,
    ablation_page,
    agreement,
    compare_parts,
    config_of,
    ranks,
    split_photos,
    train_head,
)
from training.region_settings import ExampleSettings, RegionHeadSettings
from uare.experts.region_head import RegionInput
from uare.pipeline import UAREPipeline


def settings(**changes: object) -> RegionHeadSettings:
    fields: dict[str, object] = {
        "output": "runs/head",
        "examples": {"photos": "photos"},
        "head": {"width": 16, "guided_width": 8},
        "epochs": 20,
        "learning_rate": 3e-3,
    }
    return RegionHeadSettings.model_validate(fields | changes)


def examples(count: int = 80) -> RegionExamples:
    """Made-up features whose last level holds the target."""
    generator = torch.Generator().manual_seed(0)
    targets = torch.rand(count, generator=generator)
    level = torch.randn(count, 6, 4, 4, generator=generator) * 0.1
    masks = torch.zeros(count, 2, 32, 32)
    masks[:, 0, :, :16] = masks[:, 1, :, 16:] = 1
    return RegionExamples(
        given=RegionInput(
            features=(torch.randn(count, 6, 8, 8, generator=generator), level + targets[:, None, None, None]),
            image=torch.rand(count, 3, 32, 32, generator=generator),
            masks=masks,
            texts=torch.rand(count, 2, 25, generator=generator),
        ),
        targets=targets,
        photos=tuple(f"photo{i // 4}" for i in range(count)),
    )


def test_the_shipped_settings_can_be_read(checkout: Path) -> None:
    found = read_form(RegionHeadSettings, checkout / "training" / "configs" / "region_head.yaml")
    assert found.head.attention and len(found.seeds) == 2


def test_no_photo_is_on_both_sides_of_the_split() -> None:
    given = examples()
    train, outside = split_photos(given, 0.25, seed=1)
    assert len(train) == 60 and len(outside) == 20
    assert not {given.photos[i] for i in train} & {given.photos[i] for i in outside}


def test_ranks_share_ties() -> None:
    assert ranks(torch.tensor([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]
    a, b = torch.rand(30).round(decimals=1), torch.rand(30)
    found = torch.corrcoef(torch.stack([ranks(a), ranks(b)]))[0, 1]
    assert float(found) == pytest.approx(spearmanr(a, b).statistic, abs=1e-6)


def test_a_head_learns_what_its_features_hold() -> None:
    given, chosen = examples(), settings()
    train, outside = split_photos(given, 0.25, seed=0)
    head = train_head(config_of(chosen, given), given, train, chosen, seed=0)
    assert agreement(head, given, outside)["srcc"] > 0.9


def test_every_part_is_compared_and_stands_on_the_page() -> None:
    chosen = settings(epochs=1, seeds=(0, 1))
    found = compare_parts(chosen, examples(16))
    assert list(found) == list(PARTS) and all(len(runs) == 2 for runs in found.values())
    page = ablation_page("python training/region_head.py", found, "16 crops.")
    assert all(f"| {name} |" in page for name in PARTS)


def test_harm_in_a_region_counts_by_its_share() -> None:
    clean = torch.full((3, 64, 64), 0.5)
    clean[:, :, 32:] = 0.9
    local = ExampleSettings(photos=Path("photos"), local_share=1.0, clean_share=0.0)
    whole = ExampleSettings(photos=Path("photos"), local_share=0.0, clean_share=0.0)
    _, part = harmed_crop(clean, local, np.random.default_rng(0))
    _, all_of_it = harmed_crop(clean, whole, np.random.default_rng(0))
    assert 0 <= all_of_it < part < 1
    untouched = ExampleSettings(photos=Path("photos"), clean_share=1.0)
    pixels, target = harmed_crop(clean, untouched, np.random.default_rng(0))
    assert target == 1 and torch.equal(pixels, clean)


def test_what_the_head_reads_fits_together() -> None:
    pipe = UAREPipeline(tiny_restorer(), tiny_text_tokenizer())
    given = region_input(pipe, torch.rand(3, 64, 48, generator=torch.Generator().manual_seed(0)))
    assert [tuple(level.shape) for level in given.features] == [(1, 24, 8, 6)] * 4
    assert given.masks.shape == (1, 5, 64, 48)
    assert (given.masks.sum(1) == 1).all()
    present = given.masks.flatten(2).any(-1)
    assert given.texts.shape == (1, 5, 25)
    assert torch.allclose(given.texts.sum(-1)[present], torch.tensor(5.0), atol=1e-4)
    assert (given.texts[~present] == 0).all()
