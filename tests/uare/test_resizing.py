"""The size an image gets before an encoder."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uare.config import TransformConfig
from uare.resizing import fitted, resize, target_size

LATENT = TransformConfig(max_size=1024, min_size=512, stride=16)
ASSESS = TransformConfig(max_size=980, min_size=378, stride=14, max_pixels=2_007_040)
SIDES = st.integers(1, 6000)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((512, 512), (512, 512)),
        ((200, 300), (512, 768)),  # enlarged until the short side is 512
        ((1080, 1920), (576, 1024)),
        ((500, 4000), (128, 1024)),  # by way of 512x4096, whose area is above the budget
    ],
)
def test_sizes_follow_the_rule(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert target_size(size, LATENT) == expected


def test_three_images_share_the_budget_of_pixels() -> None:
    assert target_size((980, 980), ASSESS, num_images=2) == (980, 980)
    assert target_size((980, 980), ASSESS, num_images=3) == (686, 686)  # 980 · ratio of areas, not its root


@given(height=SIDES, width=SIDES, num_images=st.integers(1, 3))
def test_sides_are_multiples_of_the_stride_within_the_maximum(
    height: int, width: int, num_images: int
) -> None:
    for limits in (LATENT, ASSESS):
        size = target_size((height, width), limits, num_images)
        assert all(side >= limits.stride and side % limits.stride == 0 for side in size)
        assert max(size) <= limits.max_size


@given(height=SIDES, width=SIDES)
def test_turning_an_image_turns_its_size(height: int, width: int) -> None:
    assert target_size((width, height), LATENT) == target_size((height, width), LATENT)[::-1]


def test_an_image_of_the_right_size_is_untouched() -> None:
    image = torch.rand(3, 16, 32)
    assert resize(image, (16, 32)) is image


def test_resizing_keeps_a_plain_colour_and_the_range() -> None:
    plain = torch.full((3, 20, 30), 100 / 255)
    assert torch.equal(resize(plain, (16, 32)), torch.full((3, 16, 32), 100 / 255))
    edge = torch.zeros(3, 40, 40)
    edge[:, :, 20:] = 1.0
    small = resize(edge, (16, 16))  # bicubic overshoots; eight bits cannot
    assert small.min() == 0
    assert small.max() == 1


def test_the_middle_is_cut_out_on_the_grid_where_that_is_wanted() -> None:
    limits = TransformConfig(max_size=64, min_size=16, stride=16, cuts=True)
    image = torch.rand(3, 41, 135, generator=torch.Generator().manual_seed(0))
    assert torch.equal(fitted(image, limits), image[:, :32, 32:96])  # 35.5 px in, back to a multiple of 16
    small = image[:, :8, :20]  # below the smallest size: enlarged by the rule
    assert fitted(small, limits).shape == (3, *target_size((8, 20), limits))
    resized = resize(image, target_size((41, 135), limits))
    assert torch.equal(fitted(image, replace(limits, cuts=False)), resized)


def test_what_gets_lower_and_wider_has_its_height_resized_first() -> None:
    image = (torch.rand(3, 48, 64, generator=torch.Generator().manual_seed(0)) * 255).round() / 255
    in_two_steps = resize(resize(image, (42, 64)), (42, 70))
    assert torch.equal(resize(image, (42, 70)), in_two_steps)
    assert not torch.equal(resize(resize(image, (48, 70)), (42, 70)), in_two_steps)  # the order is seen
