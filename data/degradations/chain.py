"""Several harms on one image, in physical order: drawn at random for training, or named for evaluation."""

from collections.abc import Sequence

import torch
from torch import Tensor

from data.degradations.sampling import Generators, choice, device_of, generators_of, rand, uniform
from data.degradations.table import DEGRADATIONS, TYPES
from data.records import DegradationRecord
from uare.errors import InputError

# Shares of images with one, two and three harms.
COUNT_SHARES = (0.6, 0.3, 0.1)
# The more harms, the milder each: three catastrophes leave nothing to learn from.
WORST_OF_COUNT = (5, 5, 4, 3)  # for 0, 1, 2, 3 harms and more
JITTER = 0.4  # of a level: fills the range, yet leaves a gap so that two words never mean the same harm


def apply_severities(
    images: Tensor, severities: Tensor, generator: Generators
) -> tuple[Tensor, list[list[DegradationRecord]]]:
    """Harms images by severities (B, number of types) in table order, 0: spared; returns as `degrade`."""
    result = images.clone()
    records: list[list[DegradationRecord]] = [[] for _ in range(len(images))]
    for column, row in enumerate(DEGRADATIONS):
        chosen = (severities[:, column] > 0).nonzero().squeeze(1)
        if not len(chosen):
            continue
        place = chosen.to(images.device)
        drawing = generators_of(generator, chosen.tolist())
        harmed, made = row.apply(result[place], severities[chosen, column], drawing)
        result[place] = harmed
        for index, record in zip(chosen.tolist(), made, strict=True):
            records[index].append(record)
    return (result * 255).round().clamp(0, 255) / 255, records


def draw_levels(chosen: Tensor, generator: Generators) -> Tensor:
    """Severities (B, number of types) for a choice of who suffers what: 0 where `chosen` is False.

    Levels are uniform from 1 to the worst that the number of an image's harms allows.
    """
    number = chosen.sum(1)
    worst = torch.tensor(WORST_OF_COUNT, device=chosen.device)[number.clamp_max(len(WORST_OF_COUNT) - 1)]
    share, jitter = rand(chosen.shape, generator), rand(chosen.shape, generator)
    level = (1 + (share * worst.view(-1, 1)).floor()).clamp_max(5)
    return (level + JITTER * (2 * jitter - 1)) * chosen


def draw_severities(
    count: int,
    generator: Generators,
    *,
    clean_share: float,
    count_shares: Sequence[float],
    types: Sequence[str],
) -> Tensor:
    """Draws who suffers what: (count, number of types) float severities in table order, 0 where spared."""
    device = device_of(generator)
    number = 1 + choice(count, count_shares, generator)
    number = torch.where(uniform(count, 0, 1, generator) < clean_share, torch.zeros_like(number), number)
    allowed = torch.tensor([name in types for name in TYPES], device=device)
    # The `number` largest of random keys are a draw without replacement; types not allowed never lead.
    keys = rand((count, len(TYPES)), generator) + allowed
    rank = keys.argsort(dim=1, descending=True).argsort(dim=1)
    chosen = (rank < number.view(-1, 1)) & allowed
    return draw_levels(chosen, generator)


def degrade(
    images: Tensor,
    generator: Generators,
    *,
    clean_share: float = 0.1,
    count_shares: Sequence[float] = COUNT_SHARES,
    types: Sequence[str] = TYPES,
) -> tuple[Tensor, list[list[DegradationRecord]]]:
    """Harms images (B, 3, H, W) in [0, 1] at random; returns 8-bit values in [0, 1] and each image's records.

    `clean_share` of the images stay as they are (no record); the rest get one, two, … of `types` by
    `count_shares`. Records come in the order of application. The argument is not changed. With a generator
    per image, an image is harmed as it would be alone. Raises `InputError` for an unknown type.
    """
    unknown = sorted(set(types) - set(TYPES))
    if unknown or not types:
        raise InputError(f"found degradation types {list(types)}, expected one or more of {', '.join(TYPES)}")
    severities = draw_severities(
        len(images), generator, clean_share=clean_share, count_shares=count_shares, types=types
    )
    return apply_severities(images, severities, generator)


def degrade_with(
    images: Tensor,
    types: Sequence[Sequence[str]],
    severities: Sequence[Sequence[float]],
    generator: Generators,
) -> tuple[Tensor, list[list[DegradationRecord]]]:
    """Harms image i with `types[i]` at `severities[i]` (1..5, fractions allowed), in physical order.

    Returns as `degrade`. Raises `InputError` where the lists do not match the images or a type or severity
    is unknown.
    """
    if not len(images) == len(types) == len(severities):
        raise InputError(
            f"found {len(types)} type lists and {len(severities)} severity lists for {len(images)} images, "
            "expected one of each per image"
        )
    wanted = torch.zeros((len(images), len(TYPES)), device=device_of(generator))
    for index, (names, levels) in enumerate(zip(types, severities, strict=True)):
        if len(names) != len(levels):
            raise InputError(
                f"found {len(names)} types and {len(levels)} severities for image {index}, expected pairs"
            )
        for name, level in zip(names, levels, strict=True):
            if name not in TYPES:
                raise InputError(f"found degradation type {name!r}, expected one of {', '.join(TYPES)}")
            if not 0.5 <= level <= 5.5:
                raise InputError(f"found severity {level} for {name}, expected 1 to 5")
            wanted[index, TYPES.index(name)] = level
    return apply_severities(images, wanted, generator)
