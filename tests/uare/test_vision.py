"""The vision encoder: images of any size in one row, each as if it were alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.uare.tiny import tiny_config, vision
from uare.config import VisionConfig
from uare.model import UAREModel
from uare.packing import VisionImage, pack
from uare.vision import Connector, TextureReader

CONFIG: VisionConfig = tiny_config().vision


@torch.no_grad()
def features(model: UAREModel, *images: VisionImage) -> torch.Tensor:
    batch = pack([list(images)], model.config)
    return model.vision(batch.patches, batch.patch_positions, batch.patch_lens)


def test_packed_images_have_the_features_of_each_alone(tiny_model: UAREModel) -> None:
    images = [vision(2, 3), vision(4, 1, seed=5), vision(2, 3, seed=6)]
    alone = torch.cat([features(tiny_model, image) for image in images])
    torch.testing.assert_close(features(tiny_model, *images), alone, atol=1e-5, rtol=0)


def test_the_same_patches_at_another_place_have_other_features(tiny_model: UAREModel) -> None:
    image = vision(2, 3)
    moved = replace(image, origin=(1, 1))
    assert (features(tiny_model, image) - features(tiny_model, moved)).abs().max() > 1e-3


@torch.no_grad()
def test_the_connector_adds_the_fixed_positions() -> None:
    torch.manual_seed(0)
    connector = Connector(CONFIG, 32)
    same = torch.randn(1, CONFIG.hidden_size).expand(2, -1)
    tokens = connector(same, torch.tensor([0, 9]))
    table = connector.positions.table
    torch.testing.assert_close(tokens[1] - tokens[0], table[9] - table[0], atol=1e-6, rtol=0)
    assert table[0].tolist() == [0.0] * 8 + [1.0] * 8 + [0.0] * 8 + [1.0] * 8  # row 0, column 0: sin, cos
    assert table[9, 0] == pytest.approx(0.841471, abs=1e-6)  # column 1: sin(1)
    assert torch.equal(table[9, :16], table[1, :16])  # the column comes first, rows do not change it


@torch.no_grad()
def test_what_texture_says_of_an_image_reaches_all_its_tokens_and_no_other_image() -> None:
    torch.manual_seed(0)
    reader = TextureReader(replace(CONFIG, patch_size=16, texture_width=4))
    patches = torch.rand(5, 16 * 16 * 3) * 2 - 1
    changed = patches.clone()
    changed[1] /= 2
    before, after = reader(patches, (3, 2)), reader(changed, (3, 2))
    assert (before != after).any(-1).tolist() == [True, True, True, False, False]
