"""Blur kernels as batched tensors, and the convolution that gives every image of a batch its own.

Kernels live on one fixed canvas of `CANVAS` pixels a side, so that a batch of different ones is one tensor.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from data.degradations.sampling import Generators, normal_like

CANVAS = 41  # px, odd; holds a line of 40 px and a Gaussian of sigma 6 to three deviations
PATH_POINTS = 96  # points of a motion path; more than two per pixel of the longest one


def _centre_distance(device: torch.device) -> Tensor:
    """Distance of each canvas pixel from the canvas centre, (CANVAS, CANVAS) px."""
    axis = torch.arange(CANVAS, device=device) - CANVAS // 2
    return (axis[:, None] ** 2 + axis[None, :] ** 2).float().sqrt()


def _normalised(kernels: Tensor) -> Tensor:
    return kernels / kernels.sum((-2, -1), keepdim=True)


def gaussian_kernels(sigma_px: Tensor) -> Tensor:
    """Round Gaussians, (B, CANVAS, CANVAS), each summing to one, from (B,) deviations."""
    distance = _centre_distance(sigma_px.device)
    return _normalised(torch.exp(-0.5 * (distance / sigma_px.view(-1, 1, 1)) ** 2))


def disk_kernels(radius_px: Tensor) -> Tensor:
    """Defocus disks with an edge softened over one pixel, (B, CANVAS, CANVAS), each summing to one."""
    distance = _centre_distance(radius_px.device)
    return _normalised((radius_px.view(-1, 1, 1) + 0.5 - distance).clamp(0, 1))


def lens_kernels(radius_px: Tensor, blades: Tensor, angle_rad: Tensor, rim: Tensor) -> Tensor:
    """Out of focus behind an iris of straight blades, (B, CANVAS, CANVAS), each summing to one.

    The polygon of (B,) blades has the area of the disk of that radius. `rim` in (-1, 1) makes its edge
    brighter than its middle, or darker, as a lens does that is not quite corrected.
    """
    axis = torch.arange(CANVAS, device=radius_px.device) - CANVAS // 2
    direction = torch.atan2(axis[:, None].float(), axis[None, :].float()) - angle_rad.view(-1, 1, 1)
    distance, radius = _centre_distance(radius_px.device), radius_px.view(-1, 1, 1)
    sector = 2 * math.pi / blades.view(-1, 1, 1)
    outer = radius * (sector / sector.sin()).sqrt()
    to_edge = outer * (sector / 2).cos() - distance * (direction.remainder(sector) - sector / 2).cos()
    brightness = 1 + rim.view(-1, 1, 1) * (2 * (distance / outer) ** 2 - 1).clamp(-1, 1)
    return _normalised((to_edge + 0.5).clamp(0, 1) * brightness)


def line_paths(length_px: Tensor, angle_rad: Tensor) -> Tensor:
    """Straight paths through the origin, (B, PATH_POINTS, 2) as (x, y) px; angle 0 is horizontal."""
    along = torch.linspace(-0.5, 0.5, PATH_POINTS, device=length_px.device)
    direction = torch.stack([angle_rad.cos(), angle_rad.sin()], dim=-1)
    return length_px.view(-1, 1, 1) * along.view(1, -1, 1) * direction.unsqueeze(1)


def shake_paths(length_px: Tensor, angle_rad: Tensor, generator: Generators) -> Tensor:
    """Paths of a shaken hand, (B, PATH_POINTS, 2) px, starting towards `angle_rad`, `length_px` across.

    The heading drifts as a random walk, so that hooks and bends come out as in hand-held exposures.
    """
    turns = normal_like(angle_rad.view(-1, 1).expand(-1, PATH_POINTS), generator)
    # 2.5 rad of drift over the whole path: from nearly straight to a full hook.
    heading = angle_rad.view(-1, 1) + turns.cumsum(1) * (2.5 / math.sqrt(PATH_POINTS))
    path = torch.stack([heading.cos(), heading.sin()], dim=-1).cumsum(1)
    path = path - (path.amax(1, keepdim=True) + path.amin(1, keepdim=True)) / 2
    extent = 2 * path.abs().amax((1, 2)).clamp_min(1e-6)
    return path * (length_px / extent).view(-1, 1, 1)


def path_kernels(paths: Tensor) -> Tensor:
    """Draws paths (B, P, 2) px onto the canvas bilinearly, (B, CANVAS, CANVAS), each summing to one.

    Points off the canvas are moved to its border.
    """
    count, points, _ = paths.shape
    place = (paths + CANVAS // 2).clamp(0, CANVAS - 1.001)
    corner = place.floor()
    share = place - corner
    kernels = torch.zeros((count, CANVAS * CANVAS), device=paths.device)
    for dx in (0, 1):
        for dy in (0, 1):
            offset = torch.tensor([dx, dy], device=paths.device)
            weight = (1 - offset - share).abs().prod(-1)
            index = ((corner[..., 1] + dy) * CANVAS + corner[..., 0] + dx).long()
            kernels.scatter_add_(1, index, weight)
    return kernels.view(count, CANVAS, CANVAS) / points


def convolve(images: Tensor, kernels: Tensor) -> Tensor:
    """Convolves image i (of (B, C, H, W)) with kernel i (of (B, K, K), K odd); borders are mirrored.

    Goes through the FFT: at this canvas it is several times faster on a CPU than a grouped convolution.
    """
    height, width = images.shape[-2:]
    size_px = kernels.shape[-1]
    margin = size_px // 2
    mode = "reflect" if min(height, width) > margin else "replicate"  # a mirror must be wider than its image
    padded = F.pad(images, (margin,) * 4, mode=mode)
    size = (padded.shape[-2], padded.shape[-1])
    spectrum = torch.fft.rfft2(padded) * torch.fft.rfft2(kernels.unsqueeze(1), s=size)
    # Kernels are not centred on the origin, so the wanted pixels begin after a whole canvas.
    return torch.fft.irfft2(spectrum, s=size)[..., size_px - 1 :, size_px - 1 :][..., :height, :width]
