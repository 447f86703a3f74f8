"""Rain: streaks in the air, or drops on the glass in front of the lens.

Severity sets density, length and opacity of streaks, and number and opacity of drops. Rain100L's streaks
(26-28 dB) are severity 2, photographed drops of the DeRaindrop set (16-20 dB) severities 4 and 5.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from data.degradations.kernels import convolve, gaussian_kernels, line_paths, path_kernels
from data.degradations.sampling import (
    Columns,
    Generators,
    choice,
    device_of,
    generators_of,
    ladder,
    per_image,
    rand,
    records_of,
    uniform,
)
from data.records import DegradationRecord

KINDS = ("streaks", "drops")
SHARES = (0.65, 0.35)

STREAK_DENSITY = (0.0014, 0.0026, 0.0042, 0.006, 0.0085)  # seeds per pixel, severities 1..5
STREAK_LENGTH_PX = (10.0, 14.0, 19.0, 25.0, 32.0)
STREAK_OPACITY = (0.45, 0.55, 0.65, 0.75, 0.85)
STREAK_VEIL = (0.01, 0.02, 0.04, 0.07, 0.12)  # far rain that no longer shows as streaks
STREAK_TILT_RAD = math.radians(45)  # from the vertical, either way
STREAK_WIDTH_PX = (0.4, 1.3)  # deviation across

DROP_SHARE = (0.2, 0.3, 0.42, 0.6, 0.8)  # of cells that hold a drop, severities 1..5
DROP_OPACITY = (0.55, 0.7, 0.82, 0.91, 0.97)
DROP_CELL_PX = (24.0, 72.0)  # side of the square in which at most one drop lies, at most a third of the image
DROP_RADIUS = (0.18, 0.58)  # as a share of the cell: no drop reaches past the neighbouring cell
# Steps along rows and columns of the two-dimensional golden ratio: they fill any block of cells evenly, so
# that no small picture is called rainy without a drop in it.
CELL_STEPS = (0.7548777, 0.5698403)
DROP_LIFT = (0.05, 0.65)  # share of white in a drop, which gathers light from the sky
DROP_ZOOM = 3.0  # a drop shows the scene upside down and about this much smaller


def _streaks(images: Tensor, severity: Tensor, generator: Generators) -> tuple[Tensor, dict[str, Tensor]]:
    """Screen-blends one field of streaks over each image; returns images and what was drawn."""
    count, _, height, width = images.shape
    device = images.device
    angle_rad = math.pi / 2 + uniform(count, -STREAK_TILT_RAD, STREAK_TILT_RAD, generator)
    length_px = ladder(STREAK_LENGTH_PX, severity) * uniform(count, 0.6, 1.7, generator)
    width_px = uniform(count, *STREAK_WIDTH_PX, generator)
    opacity = ladder(STREAK_OPACITY, severity)
    density = ladder(STREAK_DENSITY, severity)
    chance = rand((count, 1, height, width), generator).to(device)
    # Brightness of each seed varies from a fifth to full: near and far drops in one layer.
    brightness = 0.2 + 0.8 * rand((count, 1, height, width), generator).to(device)
    seeds = (chance < per_image(density, images)) * brightness
    lines = path_kernels(line_paths(length_px, angle_rad)).to(device)
    across = gaussian_kernels(width_px.to(device))
    streaks = convolve(convolve(seeds, lines), across)
    # Undo what length and width spread, so that a full seed gives a streak of full brightness in its middle.
    gain = length_px * width_px * math.sqrt(2 * math.pi)
    cover = (streaks * per_image(gain, images)).clamp(0, 1) * per_image(opacity, images)
    veil = per_image(ladder(STREAK_VEIL, severity), images)
    rainy = 1 - (1 - images) * (1 - cover) * (1 - 0.8 * veil)
    drawn = {"density": density, "length_px": length_px, "opacity": opacity, "angle_rad": angle_rad}
    return rainy, drawn


def _cell_range_px(height: int, width: int) -> tuple[float, float]:
    low_px, high_px = (min(limit, min(height, width) / 3) for limit in DROP_CELL_PX)
    return low_px, high_px


def _drop_map(images: Tensor, cell_px: Tensor, share: Tensor, generator: Generators) -> tuple[Tensor, Tensor]:
    """Where drops are and what they show: cover (B, H, W) in [0, 1] and centres (B, H, W, 2) as (x, y) px.

    One jittered ellipse per occupied cell of a grid; a pixel looks at its own cell and the eight around
    it, so the cost does not grow with the number of drops.
    """
    count, _, height, width = images.shape
    device = images.device
    # As many cells as the smallest could need: a count of the batch's own would tie photos to each other.
    smallest_px, _ = _cell_range_px(height, width)
    columns = int(width / smallest_px) + 3
    rows = int(height / smallest_px) + 3
    # Per cell: centre x, centre y, radius, elongation.
    cells = rand((count, rows * columns, 4), generator).to(device)
    start = per_image(uniform(count, 0, 1, generator), images).squeeze(1)
    share = per_image(share, images).squeeze(1)
    scale = cell_px.to(device).view(-1, 1, 1)
    y, x = torch.meshgrid(
        torch.arange(height, device=device) + 0.5, torch.arange(width, device=device) + 0.5, indexing="ij"
    )
    grid_x, grid_y = x / scale, y / scale  # (B, H, W) in cells
    cover = torch.zeros((count, height, width), device=device)
    centres = torch.stack([x, y], dim=-1).expand(count, -1, -1, -1)
    for step_y in (-1, 0, 1):
        for step_x in (-1, 0, 1):
            column, row = grid_x.floor() + step_x, grid_y.floor() + step_y
            index = ((row + 1) * columns + column + 1).long().view(count, -1, 1).expand(-1, -1, 4)
            cell = cells.gather(1, index).view(count, height, width, 4)
            radius = DROP_RADIUS[0] + (DROP_RADIUS[1] - DROP_RADIUS[0]) * cell[..., 2] ** 2
            centre_x, centre_y = column + 0.2 + 0.6 * cell[..., 0], row + 0.2 + 0.6 * cell[..., 1]
            stretch = 0.8 + 0.5 * cell[..., 3]  # hanging drops are taller than wide
            distance = torch.hypot((grid_x - centre_x) * stretch, (grid_y - centre_y) / stretch) / radius
            # Out of focus as the glass is near: the edge fades over the outer 60 % of the radius.
            drop = ((1.15 - distance) / 0.6).clamp(0, 1)
            drop = drop * ((start + row * CELL_STEPS[0] + column * CELL_STEPS[1]).remainder(1) < share)
            nearer = drop > cover
            cover = torch.where(nearer, drop, cover)
            centre = torch.stack([centre_x * scale, centre_y * scale], dim=-1)
            centres = torch.where(nearer.unsqueeze(-1), centre, centres)
    return cover * cover * (3 - 2 * cover), centres  # smooth at both ends


def _drops(images: Tensor, severity: Tensor, generator: Generators) -> tuple[Tensor, dict[str, Tensor]]:
    """Puts drops in front of each image; each shows a small, upside-down, blurred and lighter scene."""
    count, _, height, width = images.shape
    device = images.device
    cell_px = uniform(count, *_cell_range_px(height, width), generator)
    share, opacity = ladder(DROP_SHARE, severity), ladder(DROP_OPACITY, severity)
    blur_px = uniform(count, 1.5, 4.0, generator)
    lift = uniform(count, *DROP_LIFT, generator)
    cover, centres = _drop_map(images, cell_px, share, generator)
    y, x = torch.meshgrid(
        torch.arange(height, device=device) + 0.5, torch.arange(width, device=device) + 0.5, indexing="ij"
    )
    seen = centres - DROP_ZOOM * (torch.stack([x, y], dim=-1) - centres)
    size = torch.tensor([width, height], device=device)
    soft = convolve(images, gaussian_kernels(blur_px.to(device)))
    inside = F.grid_sample(soft, 2 * seen / size - 1, padding_mode="reflection", align_corners=False)
    inside = inside + (1 - inside) * per_image(lift, images)
    alpha = cover.unsqueeze(1) * per_image(opacity, images)
    rainy = images * (1 - alpha) + inside * alpha
    return rainy, {"cell_px": cell_px, "share": share, "opacity": opacity, "lift": lift}


def rain(images: Tensor, severity: Tensor, generator: Generators) -> tuple[Tensor, list[DegradationRecord]]:
    """Rains on each image of (B, 3, H, W) in [0, 1], by streaks or drops; records kind and what was drawn."""
    severity = severity.to(device_of(generator))
    kind = choice(images.shape[0], SHARES, generator)
    result = images.clone()
    records: dict[int, DegradationRecord] = {}
    for index, (name, make) in enumerate(zip(KINDS, (_streaks, _drops), strict=True)):
        chosen = (kind == index).nonzero().squeeze(1)
        if not len(chosen):
            continue
        place = chosen.to(images.device)
        rainy, drawn = make(images[place], severity[chosen], generators_of(generator, chosen.tolist()))
        result[place] = rainy.clamp(0, 1)
        columns: Columns = {"kind": [name] * len(chosen), **drawn}
        made = records_of("rain", severity[chosen], columns)
        records.update(zip(chosen.tolist(), made, strict=True))
    return result, [records[index] for index in range(len(images))]
