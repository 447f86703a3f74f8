"""Random draws and severity ladders that all degradations share.

Every draw is made on the generator's device and moved to the images', so a CPU generator gives the same
parameters on every machine and a CUDA generator keeps a training step on its device. One generator serves a
batch; where an image must come out the same in any batch, each brings its own (`generator_for`).
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from data.records import DegradationRecord
from uare.errors import InputError

# One for the whole batch, or one per image, whose draws then do not depend on its neighbours.
Generators = torch.Generator | Sequence[torch.Generator]

# What was drawn for a batch: a value per image under each parameter's name.
Columns = dict[str, Tensor | list[str]]


def generator_for(seed: int, index: int, device: torch.device | str = "cpu") -> torch.Generator:
    """The generator of sample number `index` (0 and up) of the run with that seed (0 and up).

    Seed and index are hashed together, so that neighbouring indices share nothing. A CPU generator uses
    32 bits of the hash: among millions of samples a few repeat another's draws, on another picture.
    """
    high, low = np.random.SeedSequence((seed, index)).generate_state(2, np.uint32)
    return torch.Generator(device).manual_seed((int(high) << 32) + int(low))


def device_of(generator: Generators) -> torch.device:
    """The device on which draws are made."""
    return generator.device if isinstance(generator, torch.Generator) else generator[0].device


def generators_of(generator: Generators, chosen: Sequence[int]) -> Generators:
    """What draws for the chosen images of a batch alone."""
    return generator if isinstance(generator, torch.Generator) else [generator[index] for index in chosen]


def one_each(generator: Generators, count: int) -> list[torch.Generator]:
    """A generator for each of `count` images; one for the batch stands in for all."""
    return [generator] * count if isinstance(generator, torch.Generator) else list(generator)


def _each(
    count: int, generator: Sequence[torch.Generator], draw: Callable[[torch.Generator], Tensor]
) -> Tensor:
    if len(generator) != count:
        raise InputError(
            f"found {len(generator)} generators for {count} images, expected one or one per image"
        )
    return torch.stack([draw(one) for one in generator])


def rand(shape: Sequence[int], generator: Generators) -> Tensor:
    """Draws values from [0, 1) of a shape that begins with B, on the generator's device."""
    if isinstance(generator, torch.Generator):
        return torch.rand(tuple(shape), generator=generator, device=generator.device)
    return _each(
        shape[0], generator, lambda one: torch.rand(tuple(shape[1:]), generator=one, device=one.device)
    )


def randn(shape: Sequence[int], generator: Generators) -> Tensor:
    """Draws standard normal values of a shape that begins with B, on the generator's device."""
    if isinstance(generator, torch.Generator):
        return torch.randn(tuple(shape), generator=generator, device=generator.device)
    return _each(
        shape[0], generator, lambda one: torch.randn(tuple(shape[1:]), generator=one, device=one.device)
    )


def uniform(count: int, low: float, high: float, generator: Generators) -> Tensor:
    """Draws (count,) float32 values from [low, high)."""
    return low + (high - low) * rand((count,), generator)


def choice(count: int, shares: Sequence[float], generator: Generators) -> Tensor:
    """Draws (count,) int64 indices into `shares`, which need not sum to one."""
    weights = torch.tensor(shares, device=device_of(generator))
    if isinstance(generator, torch.Generator):
        return torch.multinomial(weights, count, replacement=True, generator=generator)
    return _each(
        count, generator, lambda one: torch.multinomial(weights, 1, replacement=True, generator=one)[0]
    )


def normal_like(images: Tensor, generator: Generators) -> Tensor:
    """Draws standard normal values of the images' shape, on their device."""
    return randn(images.shape, generator).to(images.device)


def ladder(rungs: Sequence[float], severity: Tensor) -> Tensor:
    """Reads the value for each severity off five positive rungs, (B,) float32.

    Between two whole severities it goes geometrically, as the eye judges ratios; the outer rungs reach half
    a level further.
    """
    logs = torch.tensor(rungs, device=severity.device).log()
    place = severity.float().clamp(0.5, 5.5) - 1
    below = place.floor().clamp(0, len(rungs) - 2).long()
    share = place - below
    return torch.lerp(logs[below], logs[below + 1], share).exp()


def severity_of(rungs: Sequence[float], values: Tensor) -> Tensor:
    """The severity whose `ladder` value is nearest to each of (B,) values, from 0 (harmless) to 5.5."""
    logs = torch.tensor(rungs, device=values.device).log()
    steps = logs.diff()
    place = (values.float().clamp_min(1e-6).log().unsqueeze(-1) - logs[:-1]) / steps  # from each rung, (B, 4)
    # Rungs rise or fall all the way, so the last one passed is where the value lies.
    below = (place > 0).sum(-1).sub(1).clamp_min(0)
    return (1 + below + place.gather(-1, below.unsqueeze(-1)).squeeze(-1)).clamp(0, 5.5)


def per_image(values: Tensor, images: Tensor) -> Tensor:
    """Turns (B,) values into (B, 1, 1, 1) on the images' device."""
    return values.to(images.device).view(-1, 1, 1, 1)


def smooth_field(
    count: int, size: tuple[int, int], cells: int, generator: Generators, device: torch.device
) -> Tensor:
    """Draws random fields without sharp edges, (B, 1, H, W) in [0, 1], about `cells` hills to a side."""
    grid = rand((count, 1, cells, cells), generator).to(device)
    return F.interpolate(grid, size, mode="bicubic", align_corners=True).clamp(0, 1)


def records_of(kind: str, severity: Tensor, columns: Columns) -> list[DegradationRecord]:
    """One record per image: the nearest whole severity and the image's value of each parameter."""
    levels = severity.float().round().clamp(1, 5).long().tolist()
    lists = {
        name: list(values) if isinstance(values, list) else values.tolist()
        for name, values in columns.items()
    }
    return [
        DegradationRecord(kind, level, {name: values[index] for name, values in lists.items()})
        for index, level in enumerate(levels)
    ]
