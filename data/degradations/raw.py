"""A photo back to what its sensor saw, noise there, and forward again through a camera's processing.

Sensor values are linear in the light, each channel behind its own gain, colours mixed by filters that
overlap. The steps and ranges are those of Brooks et al., "Unprocessing Images for Learned Raw Denoising",
CVPR 2019; the mixing of colours is a made-up crosstalk in place of four particular cameras' matrices.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from data.degradations.sampling import Generators, per_image, randn, uniform

GAMMA = 2.2
PROTECTED = 0.9  # from here up to white the gains fade out, or clipped skies would turn pink
LARGEST_SHOT = 1.0  # far beyond any sensor: where a picture is all black or white no noise reaches its aim


@dataclass(frozen=True, kw_only=True)
class Camera:
    """What a camera does to colours, one of each image."""

    gains: Tensor  # (B, 3, 1, 1): white balance and brightness, on the way to the display
    mixing: Tensor  # (B, 3, 3): from display primaries to the sensor's filters; rows sum to one
    read_offset: Tensor  # (B,): of the log of the read noise about its line


def draw_camera(count: int, generator: Generators, device: torch.device) -> Camera:
    """Draws `count` cameras with published gains."""
    brightness = 1 / (0.8 + 0.1 * randn((count,), generator)).clamp_min(0.4)
    red, blue = uniform(count, 1.9, 2.4, generator), uniform(count, 1.5, 1.9, generator)
    gains = torch.stack([red, torch.ones_like(red), blue], dim=1) * brightness.unsqueeze(1)
    crosstalk = uniform(count, 0.05, 0.2, generator).view(-1, 1, 1)
    mixing = crosstalk + (1 - 3 * crosstalk) * torch.eye(3, device=crosstalk.device)
    return Camera(
        gains=gains.view(count, 3, 1, 1).to(device),
        mixing=mixing.to(device),
        read_offset=0.26 * randn((count,), generator).to(device),
    )


def to_sensor(images: Tensor, camera: Camera) -> Tensor:
    """Display values (B, 3, H, W) in [0, 1] to sensor values in [0, 1]."""
    linear = (0.5 - torch.sin(torch.asin(1 - 2 * images.clamp(0, 1)) / 3)).clamp_min(0) ** GAMMA
    filtered = torch.einsum("boc,bchw->bohw", camera.mixing, linear)
    protected = ((filtered.mean(1, keepdim=True) - PROTECTED).clamp_min(0) / (1 - PROTECTED)) ** 2
    return filtered * torch.maximum(protected + (1 - protected) / camera.gains, 1 / camera.gains)


def to_display(sensor: Tensor, camera: Camera) -> Tensor:
    """Sensor values (B, 3, H, W) to display values in [0, 1]: gains, colours, gamma, tone curve."""
    balanced = (sensor * camera.gains).clamp(0, 1)
    linear = torch.einsum("boc,bchw->bohw", camera.mixing.inverse(), balanced)
    value = linear.clamp(1e-8, 1) ** (1 / GAMMA)
    return value * value * (3 - 2 * value)


def read_noise(shot: Tensor, camera: Camera) -> Tensor:
    """Variance (B,) that sensors add in the dark at the gain that gives this shot noise."""
    return (2.18 * shot.log() + 1.20 + camera.read_offset).exp()


def sensor_noise(images: Tensor, field: Tensor, sigma: Tensor, camera: Camera) -> tuple[Tensor, Tensor]:
    """Adds noise of root mean square `sigma` (B,), as seen on the display, to (B, 3, H, W) in [0, 1].

    `field` is standard normal; it is scaled by the light that each sensor value stands for. Returns the
    images and the (B,) shot noise: the variance per unit of light, from which the read noise follows.
    """
    sensor = to_sensor(images, camera)
    # The processing is not linear, so the gain of the sensor that shows as `sigma` is found by trying, on a
    # sixteenth of the pixels. An exponent of 1.2 converges wherever the display noise grows between the root
    # of the shot noise (bright) and its first power (dark).
    few, few_field = sensor[..., ::4, ::4], field[..., ::4, ::4]
    clean = to_display(few, camera)
    shot = (2 * sigma) ** 2
    for _ in range(5):
        seen = (to_display(_noisy(few, few_field, shot, camera), camera) - clean).square().mean((1, 2, 3))
        shot = (shot * (sigma / seen.sqrt().clamp_min(1e-4)) ** 1.2).clamp(1e-7, LARGEST_SHOT)
    # Only the change is added: the way there and back alone alters protected highlights.
    change = to_display(_noisy(sensor, field, shot, camera), camera) - to_display(sensor, camera)
    return images + change, shot


def _noisy(sensor: Tensor, field: Tensor, shot: Tensor, camera: Camera) -> Tensor:
    variance = per_image(shot, sensor) * sensor + per_image(read_noise(shot, camera), sensor)
    return sensor + field * variance.clamp_min(0).sqrt()
