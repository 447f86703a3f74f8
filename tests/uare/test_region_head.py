"""The head that knows regions: known answers of its formulas, switches, and that it learns."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from uare.errors import ConfigError
from uare.experts.region_head import (
    Attention,
    Fusion,
    GatedDown,
    GuidedMaps,
    RegionHead,
    RegionHeadConfig,
    RegionInput,
    across_regions,
    region_bias,
)


def config(**changes: object) -> RegionHeadConfig:
    sizes = {"feature_widths": (8, 12, 16), "text_width": 25, "width": 16, "guided_width": 8, "num_heads": 4}
    return RegionHeadConfig(**(sizes | changes))  # type: ignore[arg-type]


def given(batch: int = 2, num_regions: int = 3, seed: int = 0) -> RegionInput:
    """Three levels at strides 4 to 16 of 60 px, which the tokens' grid does not divide; vertical stripes."""
    generator = torch.Generator().manual_seed(seed)
    features = tuple(
        torch.randn(batch, width, side, side, generator=generator)
        for width, side in ((8, 15), (12, 8), (16, 4))
    )
    masks = torch.zeros(batch, num_regions, 60, 60)
    for index, part in enumerate(torch.arange(60).chunk(num_regions)):
        masks[:, index, :, part] = 1
    return RegionInput(
        features=features,
        image=torch.rand(batch, 3, 60, 60, generator=generator),
        masks=masks,
        texts=torch.rand(batch, num_regions, 25, generator=generator),
    )


def test_levels_of_any_size_become_one_grid() -> None:
    torch.manual_seed(0)
    assert Fusion(config())(given().features).shape == (2, 49, 16)


def test_a_gate_without_weights_lets_half_through() -> None:
    torch.manual_seed(0)
    down = GatedDown(8, 16, 7)
    last = cast(nn.Conv2d, down.gate[-1])
    nn.init.zeros_(last.weight)
    assert last.bias is not None
    nn.init.zeros_(last.bias)
    level = given().features[0]
    half = down.out(torch.nn.functional.adaptive_avg_pool2d(0.5 * down.value(level), 7))
    assert torch.allclose(down(level), half, atol=1e-6)


def test_what_is_fused_depends_on_the_finest_level() -> None:
    torch.manual_seed(0)
    finest = given().features[0].requires_grad_()
    Fusion(config())((finest, *given().features[1:])).square().sum().backward()
    assert finest.grad is not None and finest.grad.abs().max() > 0


def guided_maps() -> tuple[GuidedMaps, Tensor]:
    torch.manual_seed(0)
    maps = GuidedMaps(config())
    one = given()
    return maps, maps(one.image, one.masks, torch.randn(2, 3, 8))


def test_the_bias_is_symmetric_and_positive_semidefinite() -> None:
    _, maps = guided_maps()
    bias = region_bias(maps, torch.ones(4))
    assert bias.shape == (2, 4, 49, 49)
    assert torch.allclose(bias, bias.transpose(-1, -2), atol=1e-6)
    assert torch.linalg.eigvalsh(bias.double()).min() > -1e-6


def test_the_bias_between_tokens_of_different_regions_is_zero() -> None:
    one = given(num_regions=2)  # the border lies in the middle column of tokens
    torch.manual_seed(0)
    bias = region_bias(GuidedMaps(config())(one.image, one.masks, torch.randn(2, 2, 8)), torch.ones(4))
    grid = bias.unflatten(-1, (7, 7)).unflatten(2, (7, 7))  # (B, heads, 7, 7, 7, 7)
    assert (grid[:, :, :, :3, :, 4:] == 0).all()
    assert (grid[:, :, :, :3, :, :3] != 0).any()


def test_an_empty_region_changes_nothing() -> None:
    torch.manual_seed(0)
    head, one = RegionHead(config()).eval(), given()
    more = RegionInput(
        features=one.features,
        image=one.image,
        masks=torch.cat([one.masks, torch.zeros(2, 1, 60, 60)], dim=1),
        texts=torch.cat([one.texts, torch.rand(2, 1, 25)], dim=1),
    )
    assert torch.allclose(head(one), head(more), atol=1e-6)


def test_the_order_of_regions_does_not_matter() -> None:
    torch.manual_seed(0)
    head, one = RegionHead(config()).eval(), given()
    order = torch.tensor([2, 0, 1])
    turned = RegionInput(
        features=one.features, image=one.image, masks=one.masks[:, order], texts=one.texts[:, order]
    )
    assert torch.allclose(head(one), head(turned), atol=1e-6)


def test_a_sample_does_not_depend_on_its_batch() -> None:
    torch.manual_seed(0)
    head, one = RegionHead(config()).eval(), given()
    alone = RegionInput(
        features=tuple(level[1:] for level in one.features),
        image=one.image[1:],
        masks=one.masks[1:],
        texts=one.texts[1:],
    )
    assert torch.allclose(head(one)[1:], head(alone), atol=1e-6)


def test_without_strength_the_bias_is_plain_attention() -> None:
    torch.manual_seed(0)
    attention, x = Attention(16, 4), torch.randn(2, 49, 16)
    _, maps = guided_maps()
    assert torch.allclose(attention(x, x, region_bias(maps, torch.zeros(4))), attention(x, x), atol=1e-6)


def test_hard_attention_stays_inside_its_region() -> None:
    torch.manual_seed(0)
    attention, x = Attention(16, 4), torch.randn(1, 49, 16)
    shares = torch.zeros(1, 2, 49)
    shares[:, 0, :20] = shares[:, 1, 20:] = 1
    bias = torch.zeros(1, 4, 49, 49).masked_fill(across_regions(shares), float("-inf"))
    changed = x.clone()
    changed[:, 20:] += 1
    assert torch.allclose(attention(x, x, bias)[:, :20], attention(changed, changed, bias)[:, :20], atol=1e-6)


@pytest.mark.parametrize("mode", ["bias", "hard", "both"])
@pytest.mark.parametrize(
    "parts",
    [
        {"fusion": False, "text": False, "attention": False},
        {"fusion": True, "text": False, "attention": False},
        {"fusion": True, "text": True, "attention": False},
        {"fusion": True, "text": True, "attention": True},
    ],
)
def test_every_part_can_be_switched_off_and_the_others_are_all_used(
    parts: dict[str, bool], mode: str
) -> None:
    torch.manual_seed(0)
    head = RegionHead(config(mode=mode, **parts))
    score = head(given())
    assert score.shape == (2,)
    score.sum().backward()
    unused = [name for name, weight in head.named_parameters() if weight.grad is None]
    # where attention is cut off and not biased, nothing is asked of the maps
    assert all(mode == "hard" and name.startswith(("maps", "strength")) for name in unused)


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="num_heads"):
        config(num_heads=3)
    with pytest.raises(ConfigError, match="switch text on"):
        config(text=False)


class ThreeStages(nn.Module):
    """A small convolutional backbone: levels at strides 2, 4 and 8."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 16, 32, 48)
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(a, b, 3, 2, 1),
                nn.GroupNorm(4, b),
                nn.GELU(),
                nn.Conv2d(b, b, 3, padding=1),
                nn.GELU(),
            )
            for a, b in pairwise(widths)
        )

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        levels = []
        x = image - 0.5
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        return tuple(levels)


def procedural(count: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Images (n, 3, 64, 64) of two textures, masks (n, 2, 64, 64), severities (n, 2): noise on one."""
    generator = torch.Generator().manual_seed(seed)
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    images, masks, severities = [], [], []
    for _ in range(count):
        draw = torch.rand(12, generator=generator)
        angle = 2 * torch.pi * draw[0]
        side = (rows - 32) * angle.sin() + (columns - 32) * angle.cos() > 20 * (draw[1] - 0.5)
        waves = [
            0.5 + 0.25 * torch.sin(rows * (0.1 + 0.6 * draw[2 + i]) + columns * (0.1 + 0.6 * draw[4 + i]))
            for i in (0, 1)
        ]
        mask = torch.stack([side, ~side]).float()
        severity = torch.zeros(2)
        severity[int(draw[8] < 0.5)] = draw[9]
        colours = torch.rand(2, 3, 1, 1, generator=generator) * 0.6 + 0.2
        image = sum(0.5 * (colours[i] + waves[i]) * mask[i] for i in (0, 1))
        noise = torch.randn(3, 64, 64, generator=generator) * 0.25
        image = image + noise * sum(severity[i] * mask[i] for i in (0, 1))
        images.append(image.clamp(0, 1))
        masks.append(mask)
        severities.append(severity)
    return torch.stack(images), torch.stack(masks), torch.stack(severities)


@pytest.mark.slow
def test_the_head_learns_to_score_and_to_name_the_harmed_region() -> None:
    torch.manual_seed(0)
    backbone = ThreeStages()
    head = RegionHead(
        RegionHeadConfig(feature_widths=(16, 32, 48), text_width=48, side=8, width=32, guided_width=16)
    )
    severity_head = nn.Linear(48, 1)
    weights = [*backbone.parameters(), *head.parameters(), *severity_head.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=2e-3)

    def run(images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        levels = backbone(images)
        shares = torch.nn.functional.adaptive_avg_pool2d(masks, levels[-1].shape[-2:])
        sums = torch.einsum("bchw,blhw->blc", levels[-1], shares)
        texts = sums / shares.sum((2, 3))[..., None].clamp_min(1e-6)
        score = head(RegionInput(features=levels, image=images, masks=masks, texts=texts))
        return score, severity_head(texts)[..., 0]

    images, masks, severities = procedural(128, seed=1)
    targets = (severities * masks.mean((2, 3))).sum(1)
    generator = torch.Generator().manual_seed(0)
    for _ in range(100):
        chosen = torch.randint(0, 128, (24,), generator=generator)
        score, severity = run(images[chosen], masks[chosen])
        loss = (score - targets[chosen]).square().mean() + (severity - severities[chosen]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    images, masks, severities = procedural(128, seed=2)
    with torch.no_grad():
        score, severity = run(images, masks)
    assert spearmanr(score, (severities * masks.mean((2, 3))).sum(1)).statistic > 0.85
    clear = severities.amax(1) > 0.15
    named = (severity.argmax(1) == severities.argmax(1))[clear].float().mean()
    assert named >= 0.9
