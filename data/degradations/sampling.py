"""Random draws and severity ladders that all degradations share.

Every draw is made on the generator's device and moved to the images', so a CPU generator gives the same
parameters on every machine and a CUDA generator keeps a training step on its device.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from data.records import DegradationRecord

# What was drawn for a batch: a value per image under each parameter's name.
Columns = dict[str, Tensor | list[str]]


def uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """Draws (count,) float32 values from [low, high)."""
    return low + (high - low) * torch.rand(count, generator=generator, device=generator.device)


def choice(count: int, shares: Sequence[float], generator: torch.Generator) -> Tensor:
    """Draws (count,) int64 indices into `shares`, which need not sum to one."""
    weights = torch.tensor(shares, device=generator.device)
    return torch.multinomial(weights, count, replacement=True, generator=generator)


def normal_like(images: Tensor, generator: torch.Generator) -> Tensor:
    """Draws standard normal values of the images' shape, on their device."""
    return torch.randn(images.shape, generator=generator, device=generator.device).to(images.device)


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


def per_image(values: Tensor, images: Tensor) -> Tensor:
    """Turns (B,) values into (B, 1, 1, 1) on the images' device."""
    return values.to(images.device).view(-1, 1, 1, 1)


def smooth_field(
    count: int, size: tuple[int, int], cells: int, generator: torch.Generator, device: torch.device
) -> Tensor:
    """Draws random fields without sharp edges, (B, 1, H, W) in [0, 1], about `cells` hills to a side."""
    grid = torch.rand((count, 1, cells, cells), generator=generator, device=generator.device).to(device)
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
