"""Noise: Gaussian, shot noise, and what a camera leaves after its own processing.

Severity sets the root mean square of the noise. Photographs at ISO 3200-6400 lie 31-38 dB from their
averaged truth, that is 3 to 7 of 255, correlated between neighbours (0.3-0.9) and channels (0.3-0.9):
severities 1 and 2 of the camera kind. The raw kind is made where noise arises, on the sensor. Severity 5 is
the sigma 50 of the denoising literature.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from data.degradations.raw import draw_camera, read_noise, sensor_noise
from data.degradations.sampling import (
    Columns,
    Generators,
    choice,
    device_of,
    generators_of,
    ladder,
    normal_like,
    per_image,
    records_of,
    uniform,
)
from data.records import DegradationRecord

KINDS = ("gaussian", "shot", "camera", "raw")
SHARES = (0.3, 0.2, 0.3, 0.2)
SIGMA_255 = (4.0, 9.0, 18.0, 32.0, 50.0)  # root mean square in 1/255, severities 1..5
# Grains of several pixels show more than white noise: by eye, as harmful at 0.7 of its sigma.
PROCESSED_SIGMA = 0.7


def low_passed(field: Tensor, sigma_px: Tensor) -> Tensor:
    """Filters image i of (B, C, H, W) with a 5-tap Gaussian of deviation i, keeping unit variance."""
    count, channels, height, width = field.shape
    taps = torch.arange(-2, 3, device=field.device).float()
    kernels = torch.exp(-0.5 * (taps / sigma_px.view(-1, 1)) ** 2)
    kernels = kernels / kernels.square().sum(1, keepdim=True).sqrt()
    kernels = kernels.repeat_interleave(channels, 0)
    flat = F.pad(field, (2, 2, 2, 2), mode="circular" if min(height, width) > 2 else "replicate")
    flat = flat.reshape(1, count * channels, height + 4, width + 4)
    flat = F.conv2d(flat, kernels[:, None, :, None], groups=count * channels)
    flat = F.conv2d(flat, kernels[:, None, None, :], groups=count * channels)
    return flat.view(count, channels, height, width)


def camera_field(images: Tensor, generator: Generators) -> tuple[Tensor, Tensor, Tensor]:
    """Unit-variance noise as it looks after demosaicking: (B, 3, H, W), and the (B,) draws behind it.

    Neighbours share through a low-pass of 0.35-1.3 px, channels through a common part of 0.2-0.9.
    """
    count = images.shape[0]
    sigma_px = uniform(count, 0.35, 1.3, generator)
    common = uniform(count, 0.2, 0.9, generator)
    field = low_passed(normal_like(images, generator), sigma_px.to(images.device))
    grey = low_passed(normal_like(images[:, :1], generator), sigma_px.to(images.device))
    share = per_image(common, images)
    return share.sqrt() * grey + (1 - share).sqrt() * field, sigma_px, common


def noise(images: Tensor, severity: Tensor, generator: Generators) -> tuple[Tensor, list[DegradationRecord]]:
    """Adds noise to each image of (B, 3, H, W) in [0, 1]; records kind, sigma in 1/255 and correlations.

    The raw kind also records the variance per light of the sensor's shot noise and that of its read noise.
    """
    count = images.shape[0]
    severity = severity.to(device_of(generator))
    kind = choice(count, SHARES, generator)
    is_gaussian, is_raw = kind == KINDS.index("gaussian"), kind == KINDS.index("raw")
    is_processed = is_raw | (kind == KINDS.index("camera"))
    sigma = ladder(SIGMA_255, severity)
    sigma = torch.where(is_processed, PROCESSED_SIGMA * sigma, sigma)
    white = normal_like(images, generator)
    correlated, low_pass_px, common = camera_field(images, generator)
    field = torch.where(per_image(is_processed, images), correlated, white)
    # Shot noise has a variance that grows with the light; the floor is the read noise.
    strength = (images.clamp(0, 1) + 0.05).sqrt()
    strength = strength / strength.square().mean((1, 2, 3), keepdim=True).sqrt()
    strength = torch.where(per_image(is_gaussian, images), torch.ones_like(strength), strength)
    noisy = images + field * strength * per_image(sigma / 255, images)
    zero = torch.zeros_like(common)
    shot, read = zero.clone(), zero.clone()
    chosen = is_raw.nonzero().squeeze(1)
    if len(chosen):
        place = chosen.to(images.device)
        camera = draw_camera(len(chosen), generators_of(generator, chosen.tolist()), images.device)
        wanted = (sigma[chosen] / 255).to(images.device)
        noisy[place], gain = sensor_noise(images[place], field[place], wanted, camera)
        shot[chosen], read[chosen] = gain.to(shot.device), read_noise(gain, camera).to(read.device)
    columns: Columns = {
        "kind": [KINDS[index] for index in kind.tolist()],
        "sigma_255": sigma,
        "low_pass_px": torch.where(is_processed, low_pass_px, zero),
        "channel_share": torch.where(is_processed, common, zero),
        "shot": shot,
        "read": read,
    }
    return noisy.clamp(0, 1), records_of("noise", severity, columns)
