"""A sample's harm depends on its seed and index alone: not on its batch, its place or its neighbours."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from data.degradations import (
    DEGRADATIONS,
    TYPES,
    Generators,
    Row,
    compress,
    degrade,
    degrade_compression_oriented,
    degrade_second_order,
    degrade_with,
    generator_for,
)
from data.degradations.sampling import choice, ladder, rand, randn, severity_of
from data.records import DegradationRecord
from uare.errors import InputError

Result = tuple[Tensor, list[list[DegradationRecord]]]
SEED, COUNT = 4, 6  # of these six, three get drops when it rains
# Sums of an FFT or a matrix product may come in another order in a larger batch: measured up to 2e-4 in
# nearly black pixels of a blur, 2e-7 on average. Where that tips a rounding, a pixel moves by 1 of 255.
TOLERANCE = 1e-5


def seeds(indices: list[int]) -> list[torch.Generator]:
    return [generator_for(SEED, index) for index in indices]


@pytest.fixture(scope="module")
def images() -> Tensor:
    """Smooth colours with detail, (COUNT, 3, 48, 61)."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand((COUNT, 3, 6, 8), generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (48, 61), mode="bicubic")
    return (smooth + 0.1 * torch.rand((COUNT, 3, 48, 61), generator=generator)).clamp(0, 1)


def test_an_index_gives_the_same_draws_again_and_others_give_others() -> None:
    first, again, other, other_run = (
        torch.rand(4, generator=generator_for(*place)) for place in ((1, 5), (1, 5), (1, 6), (2, 5))
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other) and not torch.equal(first, other_run)
    # Seed and index are not simply added.
    assert not torch.equal(other, other_run)


@pytest.mark.parametrize("draw", [lambda g: rand((3, 2), g), lambda g: randn((3, 17), g)])
def test_draws_of_a_batch_are_those_of_each_image(draw: Callable[[Generators], Tensor]) -> None:
    assert torch.equal(draw(seeds([0, 1, 2])).flip(0), draw(seeds([2, 1, 0])))


def test_choices_of_a_batch_are_those_of_each_image() -> None:
    together = choice(40, (1.0, 2.0, 3.0), seeds(list(range(40)))).tolist()
    assert together == [int(choice(1, (1.0, 2.0, 3.0), generator_for(SEED, index))) for index in range(40)]
    assert set(together) == {0, 1, 2}


def test_a_generator_too_few_is_refused(images: Tensor) -> None:
    with pytest.raises(InputError, match="5 generators for 6 images"):
        degrade(images, seeds(list(range(COUNT - 1))), clean_share=0)


@pytest.mark.parametrize("row", DEGRADATIONS, ids=TYPES)
def test_a_type_harms_an_image_in_any_batch_as_alone(row: Row, images: Tensor) -> None:
    severity = torch.linspace(0.8, 5.2, COUNT)

    def harm(indices: list[int]) -> tuple[Tensor, list[DegradationRecord]]:
        return row.apply(images[indices], severity[indices], seeds(indices))

    check_each_alone(lambda indices: wrapped(*harm(indices)))


@pytest.mark.cuda
@pytest.mark.parametrize("row", DEGRADATIONS, ids=TYPES)
def test_a_cuda_device_does_the_same_harm_as_the_cpu(row: Row, images: Tensor) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    severity = torch.linspace(0.8, 5.2, COUNT)
    on_cpu, expected = row.apply(images, severity, seeds(list(range(COUNT))))
    on_device, records = row.apply(images.cuda(), severity, seeds(list(range(COUNT))))
    # Another FFT and another order of sums; a rounding that tips moves a JPEG block by a few of 255 levels.
    assert (on_device.cpu() - on_cpu).abs().mean() < 5e-4
    assert [record.severity for record in records] == [record.severity for record in expected]


def test_drops_lie_where_they_do_alone_though_a_neighbour_has_smaller_ones() -> None:
    # Cells of 24 to 53 px: only a photo of this size can hold more of them than its neighbour.
    grey = torch.linspace(0, 1, 160).expand(COUNT, 3, 160, 160)
    severity = torch.full((COUNT,), 3.0)

    def rain(indices: list[int]) -> Result:
        return wrapped(
            *DEGRADATIONS[TYPES.index("rain")].apply(grey[indices], severity[indices], seeds(indices))
        )

    kinds = [record.parameters["kind"] for (record,) in rain(list(range(COUNT)))[1]]
    assert kinds.count("drops") >= 2
    check_each_alone(rain)


def wrapped(harmed: Tensor, records: list[DegradationRecord]) -> Result:
    return harmed, [[record] for record in records]


def named(images: Tensor, generator: Generators) -> Result:
    return degrade_with(
        images, [["haze", "rain", "noise"]] * len(images), [[2, 3, 1]] * len(images), generator
    )


def compressed(images: Tensor, generator: Generators) -> Result:
    return wrapped(*compress(images, torch.full((len(images),), 3.0), generator))


@pytest.mark.parametrize(
    "harm", [degrade, named, compressed, degrade_second_order, degrade_compression_oriented]
)
def test_a_chain_harms_an_image_in_any_batch_as_alone(
    harm: Callable[[Tensor, Generators], Result], images: Tensor
) -> None:
    check_each_alone(lambda indices: harm(images[indices], seeds(indices)))


def check_each_alone(harm: Callable[[list[int]], Result]) -> None:
    """Compares a batch with each image alone, with the batch in another order, and with part of it."""
    everything = list(range(COUNT))
    together, records = harm(everything)
    for indices in ([4, 2, 0, 5, 3, 1], [3, 1], *([index] for index in everything)):
        harmed, made = harm(indices)
        assert (harmed - together[indices]).abs().mean() < TOLERANCE
        for record, expected in zip(made, [records[index] for index in indices], strict=True):
            assert [(one.type, one.severity) for one in record] == [
                (one.type, one.severity) for one in expected
            ]
            for one, other in zip(record, expected, strict=True):
                assert one.parameters.keys() == other.parameters.keys()
                for name, value in one.parameters.items():
                    wanted = other.parameters[name]
                    assert value == (wanted if isinstance(wanted, str) else pytest.approx(wanted, rel=1e-4))


@pytest.mark.parametrize("rungs", [(4.0, 9.0, 18.0, 32.0, 50.0), (55.0, 32.0, 20.0, 12.0, 7.0)])
def test_a_severity_is_found_again_from_its_value(rungs: tuple[float, ...]) -> None:
    severity = torch.linspace(0.5, 5.5, 21)
    assert torch.allclose(severity_of(rungs, ladder(rungs, severity)), severity, atol=1e-4)


def test_values_beyond_the_ladder_have_the_severity_of_its_ends() -> None:
    assert severity_of((4.0, 9.0, 18.0, 32.0, 50.0), torch.tensor([0.0, 500.0])).tolist() == [0.0, 5.5]
    assert severity_of((55.0, 32.0, 20.0, 12.0, 7.0), torch.tensor([100.0, 0.0])).tolist() == [0.0, 5.5]
