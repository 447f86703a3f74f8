"""Blur: straight motion, camera shake, defocus, Gaussian, a lens; mixed in linear light as a sensor does.

Severity sets the size in pixels. The five kinds of a level are matched by gradient-magnitude similarity
deviation (GMSD): 0.03, 0.07, 0.12, 0.18, 0.23 in the mean of three photographs of 256 x 256 px, within 20 %.
"""

import math

import torch
from torch import Tensor

from data.degradations.kernels import (
    convolve,
    disk_kernels,
    gaussian_kernels,
    lens_kernels,
    line_paths,
    path_kernels,
    shake_paths,
)
from data.degradations.sampling import Columns, Generators, choice, device_of, ladder, records_of, uniform
from data.records import DegradationRecord

KINDS = ("motion", "shake", "defocus", "gaussian", "lens")
# Motion leads because it is what photographs of moving things have; the rest follow field practice.
SHARES = (0.35, 0.25, 0.15, 0.15, 0.1)
# Extent in px for severities 1..5: length, length across, radius, standard deviation, radius.
EXTENT_PX = (
    (3.0, 5.0, 8.0, 13.0, 25.0),
    (2.5, 4.0, 6.0, 10.0, 18.0),
    (1.3, 2.3, 3.4, 5.0, 7.5),
    (0.75, 1.25, 1.9, 2.9, 4.5),
    (1.3, 2.3, 3.4, 5.0, 7.5),
)
BLADES = (5, 6, 7, 8, 9)  # of an iris
RIM = 0.5  # how much brighter or darker the edge of a lens's disk may be than its mean
GAMMA = 2.2  # of the display curve that photographs are stored with


def blur(images: Tensor, severity: Tensor, generator: Generators) -> tuple[Tensor, list[DegradationRecord]]:
    """Blurs each image of (B, 3, H, W) in [0, 1] with a kernel of its own; records kind, extent and angle."""
    count = images.shape[0]
    kind = choice(count, SHARES, generator)
    angle_rad = uniform(count, 0, math.pi, generator)
    severity = severity.to(device_of(generator))
    extent_px = torch.stack([ladder(rungs, severity) for rungs in EXTENT_PX], dim=1)
    extent_px = extent_px.gather(1, kind.view(-1, 1)).squeeze(1)
    shaken = shake_paths(extent_px, angle_rad, generator)
    blades = torch.tensor(BLADES, device=kind.device)[choice(count, [1.0] * len(BLADES), generator)]
    rim = uniform(count, -RIM, RIM, generator)
    candidates = torch.stack(
        [
            path_kernels(line_paths(extent_px, angle_rad)),
            path_kernels(shaken),
            disk_kernels(extent_px),
            gaussian_kernels(extent_px),
            lens_kernels(extent_px, blades, angle_rad, rim),
        ],
        dim=1,
    )
    kernels = candidates[torch.arange(count, device=kind.device), kind].to(images.device)
    # A floor above zero keeps the steep foot of the curve from amplifying FFT rounding.
    blurred = convolve(images.clamp_min(1e-3) ** GAMMA, kernels).clamp_min(1e-7) ** (1 / GAMMA)
    names = [KINDS[index] for index in kind.tolist()]
    columns: Columns = {"kind": names, "extent_px": extent_px, "angle_rad": angle_rad}
    return blurred.clamp(0, 1), records_of("blur", severity, columns)
