"""What the degradations promise: honest records, growing harm, repeatable draws, a JPEG like the real one."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from data.degradations import DEGRADATIONS, TYPES, Row, degrade, degrade_with
from data.degradations.haze import haze
from data.degradations.jpeg import CHROMA_TABLE, LUMA_TABLE, encode_decode, quantisation_tables
from data.degradations.kernels import (
    CANVAS,
    convolve,
    disk_kernels,
    gaussian_kernels,
    lens_kernels,
    line_paths,
    path_kernels,
)
from data.degradations.lowlight import lowlight
from data.degradations.noise import noise
from data.degradations.raw import draw_camera, sensor_noise, to_display, to_sensor
from data.records import DegradationRecord
from uare.errors import InputError
from uare.vocabulary import DEGRADATIONS as VOCABULARY

skimage_data = pytest.importorskip("skimage.data")
EACH = pytest.mark.parametrize("row", DEGRADATIONS, ids=TYPES)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def photos() -> Tensor:
    """Three photographs from scikit-image, (3, 3, 128, 128)."""
    pictures = (skimage_data.astronaut(), skimage_data.coffee(), skimage_data.chelsea())
    small = [np.asarray(Image.fromarray(one[:300, :300]).resize((128, 128))) for one in pictures]
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float() / 255


def psnr_db(first: Tensor, second: Tensor) -> Tensor:
    return -10 * (first - second).square().mean((1, 2, 3)).log10()


def test_the_table_holds_every_degradation_of_the_vocabulary() -> None:
    assert set(TYPES) == set(VOCABULARY)


@EACH
def test_more_severity_is_more_harm_to_the_same_photo(row: Row, photos: Tensor) -> None:
    # The mean over many draws: a single draw of another kind may by chance do less.
    many = photos.repeat(12, 1, 1, 1)
    means = []
    for severity in range(1, 6):
        harmed, _ = row.apply(many, torch.full((len(many),), severity), seeded(severity))
        means.append(float(psnr_db(harmed, many).mean()))
    assert means == sorted(means, reverse=True)
    assert means[0] - means[-1] > 4


@EACH
def test_the_same_seed_gives_the_same_harm_and_leaves_its_input_alone(row: Row, photos: Tensor) -> None:
    before = photos.clone()
    severity = torch.tensor([1, 3, 5])
    first, first_records = row.apply(photos, severity, seeded(7))
    second, second_records = row.apply(photos, severity, seeded(7))
    assert torch.equal(first, second)
    assert first_records == second_records
    assert torch.equal(photos, before)


@EACH
def test_records_name_the_type_and_the_nearest_whole_severity(row: Row, photos: Tensor) -> None:
    _, records = row.apply(photos, torch.tensor([0.7, 3.4, 5.4]), seeded())
    assert [(one.type, one.severity) for one in records] == [(row.type, 1), (row.type, 3), (row.type, 5)]
    assert all(one.parameters for one in records)


@EACH
def test_results_are_pictures_of_the_same_size_for_any_size(row: Row) -> None:
    images = torch.rand((2, 3, 19, 33), generator=seeded())
    harmed, _ = row.apply(images, torch.tensor([2, 5]), seeded())
    assert harmed.shape == images.shape
    assert harmed.dtype == torch.float32
    assert harmed.isfinite().all() and harmed.min() >= 0 and harmed.max() <= 1


def test_blur_kernels_keep_the_brightness() -> None:
    angles, extents = torch.tensor([0.0, 1.0, 3.0]), torch.tensor([0.3, 6.0, 40.0])
    for kernels in (
        gaussian_kernels(extents / 8 + 0.2),
        disk_kernels(extents / 3),
        path_kernels(line_paths(extents, angles)),
        lens_kernels(extents / 3, torch.tensor([5, 6, 9]), angles, torch.tensor([-0.5, 0.0, 0.5])),
    ):
        assert kernels.shape == (3, CANVAS, CANVAS)
        assert torch.allclose(kernels.sum((1, 2)), torch.ones(3), atol=1e-5)


def test_a_lens_of_many_blades_blurs_like_a_disk_and_one_of_five_shows_its_corners() -> None:
    radius, angle, even = torch.tensor([9.0]), torch.tensor([0.3]), torch.tensor([0.0])
    disk = disk_kernels(radius)
    round_iris = lens_kernels(radius, torch.tensor([99]), angle, even)
    five_blades = lens_kernels(radius, torch.tensor([5]), angle, even)
    assert torch.allclose(round_iris, disk, atol=1e-4)
    # The same area, so the same brightness in the middle, but the corners reach beyond the disk.
    middle = CANVAS // 2
    assert torch.allclose(five_blades[0, middle, middle], disk[0, middle, middle], rtol=0.03)
    axis = torch.arange(CANVAS) - middle
    distance = torch.hypot(axis[:, None].float(), axis[None, :].float())
    assert distance[disk[0] > 0].max() < 9.6
    assert distance[five_blades[0] > 0].max() > 10.2
    assert float((five_blades - disk).abs().sum()) > 0.1


def test_a_bright_rim_is_brighter_than_the_middle() -> None:
    kernel = lens_kernels(torch.tensor([9.0]), torch.tensor([8]), torch.tensor([0.0]), torch.tensor([0.5]))[0]
    middle = CANVAS // 2
    assert kernel[middle, middle + 8] > 2 * kernel[middle, middle]


def test_a_point_becomes_its_kernel_in_place() -> None:
    image = torch.zeros(1, 1, 65, 97)
    image[0, 0, 30, 50] = 1
    kernels = path_kernels(line_paths(torch.tensor([9.0]), torch.tensor([0.4])))
    margin = CANVAS // 2
    spread = convolve(image, kernels)[0, 0, 30 - margin : 31 + margin, 50 - margin : 51 + margin]
    assert torch.allclose(spread[: 31 + margin], kernels[0, : spread.shape[0]], atol=1e-6)


def test_convolution_agrees_with_torch_on_each_image_of_its_own_kernel() -> None:
    images = torch.rand((2, 3, 50, 61), generator=seeded())
    kernels = path_kernels(line_paths(torch.tensor([5.0, 12.0]), torch.tensor([0.3, 2.0])))
    padded = torch.nn.functional.pad(images, (CANVAS // 2,) * 4, mode="reflect")
    for index in range(2):
        flipped = kernels[index].flip(0, 1).expand(3, 1, -1, -1)  # conv2d correlates
        expected = torch.nn.functional.conv2d(padded[index : index + 1], flipped, groups=3)
        assert torch.allclose(convolve(images, kernels)[index], expected[0], atol=1e-5)


def test_noise_has_the_strength_that_its_record_states() -> None:
    grey = torch.full((24, 3, 96, 96), 0.5)  # far from black and white, so nothing is cut off at severity 3
    noisy, records = noise(grey, torch.full((24,), 3), seeded())
    measured = (noisy - grey).std((1, 2, 3)) * 255
    stated = torch.tensor([float(one.parameters["sigma_255"]) for one in records])
    # 96 x 96 correlated samples know their own deviation to about 3 %.
    assert torch.allclose(measured, stated, rtol=0.08)


def test_light_noise_covers_photographs_at_high_iso(photos: Tensor) -> None:
    # Real pairs at ISO 3200-6400 come in at 31 to 38 dB.
    many = photos.repeat(16, 1, 1, 1)
    severity = 0.6 + 1.8 * torch.rand(len(many), generator=seeded())
    measured = psnr_db(noise(many, severity, seeded())[0], many)
    assert measured.min() < 31 and measured.max() > 37


def test_camera_noise_correlates_neighbours_and_channels_as_photographs_do() -> None:
    grey = torch.full((64, 3, 64, 64), 0.5)
    noisy, records = noise(grey, torch.full((64,), 2), seeded())
    camera = torch.tensor([one.parameters["kind"] == "camera" for one in records])
    field = (noisy - grey)[camera]
    variance = field.square().mean()
    neighbours = (field[..., 1:] * field[..., :-1]).mean() / variance
    channels = (field[:, 0] * field[:, 1]).mean() / variance
    assert 0.1 < neighbours < 0.7
    assert 0.3 < channels < 0.8


def test_a_photo_goes_to_the_sensor_and_back_unchanged_below_the_highlights(photos: Tensor) -> None:
    dull = photos * 0.9
    camera = draw_camera(len(dull), seeded(), dull.device)
    sensor = to_sensor(dull, camera)
    assert torch.allclose(to_display(sensor, camera), dull, atol=2e-3)
    # Gains and the curve lie between: the sensor saw far less than the display shows.
    assert sensor.mean() < 0.5 * dull.mean()


def test_sensor_noise_shows_as_strong_as_asked_and_more_in_channels_of_more_gain() -> None:
    grey = torch.full((6, 3, 64, 64), 0.4)
    camera = draw_camera(6, seeded(), grey.device)
    field = torch.randn(grey.shape, generator=seeded(1))
    sigma = torch.tensor([4.0, 8.0, 12.0, 16.0, 20.0, 24.0]) / 255
    noisy, shot = sensor_noise(grey, field, sigma, camera)
    measured = (noisy - grey).square().mean((1, 2, 3)).sqrt()
    # Found on a sixteenth of the pixels, 768 values, which know their deviation to 3 %.
    assert torch.allclose(measured, sigma, rtol=0.1)
    # Sensors have shot noise of 1e-4 to 0.012 per unit of light, from base sensitivity to the highest.
    assert shot.min() > 5e-5 and shot.max() < 0.024
    red, green, _ = (noisy - grey).std((2, 3)).unbind(1)
    assert (red > 1.1 * green).all()


@pytest.mark.parametrize("quality", [8, 15, 30, 60, 90])
@pytest.mark.parametrize("halve_chroma", [True, False])
def test_jpeg_agrees_with_a_real_codec(photos: Tensor, quality: int, halve_chroma: bool) -> None:
    for photo in photos:
        stored = (photo.permute(1, 2, 0) * 255).round().byte().numpy()
        buffer = io.BytesIO()
        Image.fromarray(stored).save(buffer, "JPEG", quality=quality, subsampling=2 if halve_chroma else 0)
        real = torch.from_numpy(np.asarray(Image.open(buffer)).copy()).permute(2, 0, 1).float()
        ours = encode_decode(photo[None], torch.tensor([float(quality)]), halve_chroma)[0] * 255
        difference = (ours - real).abs()
        # The codec works in integers and alternates its rounding of halved chroma: a coefficient may go the
        # other way and move one block a little. Measured: mean 0.05-0.81 levels, 43-53 dB.
        assert difference.mean() < 1
        assert float(-10 * ((difference / 255).square().mean()).log10()) > 42


def test_quantisation_tables_are_those_of_pillow() -> None:
    for quality in (8, 30, 75):
        buffer = io.BytesIO()
        Image.new("RGB", (16, 16)).save(buffer, "JPEG", quality=quality)
        real = Image.open(buffer).quantization  # type: ignore[attr-defined]
        for index, table in enumerate((LUMA_TABLE, CHROMA_TABLE)):
            ours = quantisation_tables(table, torch.tensor([float(quality)])).flatten().tolist()
            assert ours == list(real[index])


def test_haze_turns_a_black_picture_into_its_airlight_times_what_does_not_arrive() -> None:
    black = torch.zeros(4, 3, 64, 64)
    harmed, records = haze(black, torch.full((4,), 5), seeded())
    for image, record in zip(harmed, records, strict=True):
        light, share = float(record.parameters["airlight"]), float(record.parameters["transmission"])
        # The mean of exp(-beta d) lies above exp(-beta mean d), the more the distances differ; the cast adds
        # 0.03 at most.
        assert -0.2 < float(image.mean()) - light * (1 - share) < 0.03


def test_the_darkest_low_light_is_as_dark_as_photographed_pairs(photos: Tensor) -> None:
    many = photos.repeat(8, 1, 1, 1)
    dark, _ = lowlight(many, torch.full((len(many),), 5.4), seeded())
    assert dark.mean((1, 2, 3)).min() < 0.05
    assert dark.mean((1, 2, 3)).max() < 0.2
    assert torch.allclose(dark * 255, (dark * 255).round(), atol=1e-4)


def test_a_share_stays_clean_and_is_not_touched(photos: Tensor) -> None:
    many = (photos.repeat(64, 1, 1, 1) * 255).round() / 255
    harmed, records = degrade(many, seeded(), clean_share=0.5)
    clean = [not one for one in records]
    assert 0.35 < sum(clean) / len(clean) < 0.65
    mask = torch.tensor(clean)
    assert torch.equal(harmed[mask], many[mask])


def test_random_chains_use_all_types_in_physical_order_without_repeats(photos: Tensor) -> None:
    _, records = degrade(photos.repeat(40, 1, 1, 1), seeded(), clean_share=0.0, count_shares=(0, 0.5, 0.5))
    seen: set[str] = set()
    for chain in records:
        places = [TYPES.index(one.type) for one in chain]
        assert places == sorted(set(places))
        assert 2 <= len(chain) <= 3
        seen.update(one.type for one in chain)
    assert seen == set(TYPES)


def test_only_allowed_types_are_drawn(photos: Tensor) -> None:
    _, records = degrade(photos.repeat(10, 1, 1, 1), seeded(), clean_share=0.0, types=("noise", "jpeg"))
    assert {one.type for chain in records for one in chain} == {"noise", "jpeg"}


def test_named_degradations_are_done_as_named_and_rounded_to_8_bits(photos: Tensor) -> None:
    types: list[list[str]] = [["jpeg", "haze"], [], ["blur"]]
    severities: list[list[float]] = [[2, 4], [], [1]]
    harmed, records = degrade_with(photos, types, severities, seeded())
    assert [[(one.type, one.severity) for one in chain] for chain in records] == [
        [("haze", 4), ("jpeg", 2)],
        [],
        [("blur", 1)],
    ]
    assert torch.equal(harmed, (harmed * 255).round() / 255)


@pytest.mark.parametrize(
    ("types", "severities"),
    [([["fog"]], [[1]]), ([["blur"]], [[6]]), ([["blur"]], [[]]), ([["blur"], ["blur"]], [[1], [1]])],
)
def test_wrong_wishes_are_refused(types: list[list[str]], severities: list[list[float]]) -> None:
    with pytest.raises(InputError):
        degrade_with(torch.zeros(1, 3, 8, 8), types, severities, seeded())


def test_records_survive_a_round_trip_and_refuse_nonsense() -> None:
    record = DegradationRecord("rain", 3, {"kind": "drops", "share": 0.5})
    assert DegradationRecord.from_dict(record.to_dict()) == record
    for wrong in ({"type": "rain"}, {"type": "snow", "severity": 1}, {"type": "rain", "severity": 6}):
        with pytest.raises(InputError):
            DegradationRecord.from_dict(wrong)
