"""Haze by atmospheric scattering, I = J t + A (1 - t), t = exp(-beta d), on display values as RESIDE does.

There is no depth for our photographs, so d is made up: higher in the picture is farther, bright smooth
areas (skies) are farther; a smooth random field and a nearer thing with a sharp outline break the rule.
Severity sets the transmission at the mean distance.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from data.degradations.sampling import (
    Columns,
    Generators,
    device_of,
    ladder,
    per_image,
    rand,
    records_of,
    smooth_field,
    uniform,
)
from data.records import DegradationRecord

# Share of the scene's own light that arrives, severities 1..5. SOTS pictures of 9.7-20 dB lie at 2 to 5.
TRANSMISSION = (0.84, 0.70, 0.55, 0.41, 0.29)
NEAREST = (0.03, 0.6)  # distance of the closest thing as a share of the farthest: from table to wall


def made_up_depth(images: Tensor, generator: Generators) -> Tensor:
    """A plausible distance map, (B, 1, H, W) in [0, 1], 1 = farthest."""
    count, _, height, width = images.shape
    ramp = torch.linspace(1, 0, height, device=images.device).view(1, 1, -1, 1)
    hills = smooth_field(count, (height, width), 4, generator, images.device)
    things = (smooth_field(count, (height, width), 4, generator, images.device) > 0.5).float()
    # Brightness blurred by going through an 8 x 8 thumbnail: a cue for sky, not an outline of every object.
    thumbnail = F.adaptive_avg_pool2d(images.mean(1, keepdim=True), 8)
    bright = F.interpolate(thumbnail, (height, width), mode="bilinear", align_corners=False)
    weights = rand((count, 4), generator).to(images.device) + 0.05
    ramp_share, hills_share, things_share, bright_share = weights.view(count, 4, 1, 1).split(1, dim=1)
    depth = ramp_share * ramp + hills_share * hills + things_share * things + bright_share * bright
    low, high = depth.amin((2, 3), keepdim=True), depth.amax((2, 3), keepdim=True)
    nearest = per_image(uniform(count, *NEAREST, generator), images)
    return nearest + (1 - nearest) * (depth - low) / (high - low).clamp_min(1e-6)


def haze(images: Tensor, severity: Tensor, generator: Generators) -> tuple[Tensor, list[DegradationRecord]]:
    """Veils each image of (B, 3, H, W) in [0, 1]; records beta, airlight and transmission."""
    count = images.shape[0]
    severity = severity.to(device_of(generator))
    transmission = ladder(TRANSMISSION, severity)
    airlight = uniform(count, 0.7, 1.0, generator)
    depth = made_up_depth(images, generator)
    beta = -per_image(transmission.log(), images) / depth.mean((2, 3), keepdim=True)
    # A cast of up to 0.03 per channel: airlight is bluish in the morning and yellowish in smoke.
    cast = 0.06 * rand((count, 3, 1, 1), generator) - 0.03
    light = (per_image(airlight, images) + cast.to(images.device)).clamp(0, 1)
    arriving = torch.exp(-beta * depth)
    columns: Columns = {
        "beta": beta.flatten(),
        "airlight": airlight,
        "transmission": transmission,
    }
    return (images * arriving + light * (1 - arriving)).clamp(0, 1), records_of("haze", severity, columns)
