"""The two published chains: sizes, honest records, the published kernels and codecs."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from data.calibrate import harm_of
from data.degradations import TYPES, degrade_compression_oriented, degrade_second_order
from data.degradations.compression_chain import FIRST_CODECS, LAST_CODECS, draw_codecs
from data.degradations.kernels import convolve
from data.degradations.mixed_kernels import (
    CANVAS,
    draw_mixed_kernels,
    draw_sizes,
    point_kernels,
    ringing_blur_px,
    ringing_kernels,
)
from data.degradations.stages import FIRST, draw_stages
from data.degradations.traces import Trace
from data.records import DegradationRecord
from uare.errors import InputError

pytest.importorskip("av")
Chain = Callable[..., tuple[Tensor, list[list[DegradationRecord]]]]
EACH = pytest.mark.parametrize("chain", [degrade_second_order, degrade_compression_oriented])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def photos(astronaut: Tensor, coffee: Tensor) -> Tensor:
    """Crops (4, 3, 96, 104)."""
    crops = [astronaut[..., :96, 100:204], astronaut[..., 96:192, 100:204]]
    return torch.cat([*crops, coffee[..., 100:196, 200:304], coffee[..., 200:296, 300:404]])


@EACH
@pytest.mark.parametrize("scale", [1, 4])
def test_a_chain_returns_8_bit_pictures_of_the_size_asked_for(
    chain: Chain, scale: int, photos: Tensor
) -> None:
    before = photos.clone()
    harmed, records = chain(photos, seeded(), scale=scale)
    assert harmed.shape == (4, 3, 96 // scale, 104 // scale)
    assert torch.allclose(harmed * 255, (harmed * 255).round(), atol=1e-4)
    assert harmed.min() >= 0 and harmed.max() <= 1
    assert torch.equal(photos, before)
    for one in records:
        places = [TYPES.index(record.type) for record in one]
        assert places == sorted(set(places)) and places


@EACH
def test_a_quarter_is_still_the_same_scene(chain: Chain, photos: Tensor) -> None:
    harmed, _ = chain(photos, seeded(2), scale=4)
    small = torch.nn.functional.interpolate(photos, harmed.shape[-2:], mode="area")
    for ours, clean in zip(harmed, small, strict=True):
        assert torch.corrcoef(torch.stack([ours.flatten(), clean.flatten()]))[0, 1] > 0.7


@EACH
def test_the_same_generator_state_gives_the_same_harm(chain: Chain, photos: Tensor) -> None:
    first, first_records = chain(photos, seeded(5))
    second, second_records = chain(photos, seeded(5))
    assert torch.equal(first, second)
    assert first_records == second_records


@EACH
def test_the_worse_the_records_the_worse_the_picture(chain: Chain, photos: Tensor) -> None:
    many = photos.repeat(12, 1, 1, 1)
    harmed, records = chain(many, seeded(1))
    recorded = torch.tensor([float(sum(record.severity for record in one)) for one in records])
    seen = harm_of(harmed, many)
    ranks = torch.stack([recorded.argsort().argsort(), seen.argsort().argsort()]).float()
    # Measured 0.7 to 0.8 over 60 draws; chance alone gives 0 with a deviation of 0.15.
    assert torch.corrcoef(ranks)[0, 1] > 0.5


def test_noise_that_is_left_has_the_strength_that_its_record_states() -> None:
    grey = torch.full((60, 3, 64, 64), 0.5)
    harmed, records = degrade_second_order(grey, seeded(5))
    left = (harmed - harmed.mean((2, 3), keepdim=True)).square().mean((1, 2, 3)).sqrt() * 255
    stated = [[one.parameters["sigma_255"] for one in record if one.type == "noise"] for record in records]
    ratios = torch.tensor([float(left[i]) / float(one[0]) for i, one in enumerate(stated) if one])
    assert len(ratios) > 40
    # The two JPEG remove some of it, coarse grain by chance has less or more: measured 0.7 to 1.4.
    assert 0.85 < ratios.median() < 1.2
    assert ratios.quantile(0.1) > 0.6 and ratios.quantile(0.9) < 1.6


def test_a_trace_reads_severities_off_the_ladders_of_the_single_types() -> None:
    trace = Trace(rows=[100])
    trace.blur(1.25)  # severity 2 of a Gaussian
    trace.resize(25, "bilinear")  # a quarter: severity 4
    trace.resize(100, "bicubic")
    trace.noise(18.0)  # severity 3
    trace.codec("webp", 76)  # severity 1
    trace.codec("libx264", 36)  # severity 5, the worse of the two
    found = {record.type: record for record in trace.records()}
    assert {kind: record.severity for kind, record in found.items()} == {
        "blur": 2,
        "lowres": 4,
        "noise": 3,
        "jpeg": 5,
    }
    assert found["jpeg"].parameters["codec"] == "libx264"


def test_blurs_add_up_in_pixels_of_the_picture_returned() -> None:
    trace = Trace(rows=[100])
    trace.blur(2.0)
    trace.resize(50, "area")
    trace.blur(1.0)
    trace.codec("jpeg", 95)
    blur = next(record for record in trace.records() if record.type == "blur")
    assert blur.parameters["extent_px"] == pytest.approx(math.sqrt(2))


def test_harms_that_nobody_would_name_leave_no_record() -> None:
    trace = Trace(rows=[100])
    trace.blur(0.1)
    trace.noise(0.5)
    trace.codec("jpeg", 95)
    assert trace.records() == []


@EACH
def test_a_scale_that_leaves_no_picture_is_refused(chain: Chain) -> None:
    for scale in (0, 4):
        with pytest.raises(InputError, match="scale"):
            chain(torch.zeros(1, 3, 24, 40), seeded(), scale=scale)


def test_drawn_kernels_sum_to_one_and_blur_as_far_as_stated() -> None:
    kernels, blur_px = draw_mixed_kernels(400, (0.2, 3.0), seeded())
    assert kernels.shape == (400, CANVAS, CANVAS)
    assert torch.allclose(kernels.sum((1, 2)), torch.ones(400), atol=1e-5)
    # A plateau of side 21 px is the widest; a tenth rings, which shows as weights below zero.
    assert blur_px.min() >= 0 and blur_px.max() < 6
    assert 0.05 < (kernels.amin((1, 2)) < -1e-4).float().mean() < 0.16


def test_a_ringing_kernel_passes_what_lies_below_its_cutoff_and_overshoots_at_an_edge() -> None:
    kernels = ringing_kernels(torch.tensor([math.pi / 2]), torch.tensor([21]))
    response = torch.fft.rfft2(kernels[0], s=(64, 64)).abs()[0]  # along one axis, 0 to pi
    assert response[8] > 0.9 and response[28] < 0.1
    edge = torch.zeros(1, 1, 48, 48)
    edge[..., 24:] = 1
    assert 1.03 < convolve(edge, kernels).max() < 1.2


def test_the_blur_stated_for_a_ringing_kernel_halves_at_the_cutoff() -> None:
    cutoff_rad = torch.tensor([1.5])
    sigma_px = ringing_blur_px(cutoff_rad)
    assert torch.allclose(torch.exp(-0.5 * (sigma_px * cutoff_rad) ** 2), torch.tensor([0.5]))


def test_a_point_kernel_changes_nothing(photos: Tensor) -> None:
    same = convolve(photos, point_kernels(4, photos.device))
    assert torch.allclose(same, photos, atol=1e-5)


def test_sizes_are_odd_from_7_to_21() -> None:
    assert set(draw_sizes(300, seeded()).tolist()) == set(range(7, 22, 2))


def test_stages_draw_within_the_published_ranges() -> None:
    stages = draw_stages(500, FIRST, seeded())
    factors = torch.tensor([stage.factor for stage in stages])
    smaller, larger = (factors < 1).float().mean(), (factors > 1).float().mean()
    assert factors.min() >= 0.15 and factors.max() <= 1.5
    # 0.7 and 0.2 expected; deviations 0.02.
    assert abs(smaller - 0.7) < 0.08 and abs(larger - 0.2) < 0.08
    assert {stage.mode for stage in stages} == {"area", "bilinear", "bicubic"}


def test_every_published_codec_is_drawn_within_its_range() -> None:
    for rows in (FIRST_CODECS, LAST_CODECS):
        assert sum(row.share for row in rows) == pytest.approx(1)
        drawn = draw_codecs(600, rows, seeded())
        assert {one.codec for one in drawn} == {row.codec for row in rows}
        ranges = {row.codec: row.strengths for row in rows}
        assert all(ranges[one.codec][0] <= one.strength <= ranges[one.codec][1] for one in drawn)
