"""Low light: less exposure, or a curve that spares the lights, a colour cast, then sensor noise and 8 bits.

Severity sets the exposure; a curve darkens middle grey as much. Photographed pairs (LOL and its followers)
have 1/20 to 1/150 of the light and 8-11 dB: severities 4 and 5. Lamps and windows that stay white in the dark
are what the curve stands for (MBLLEN and others darken by it).
"""

import math

import torch
from torch import Tensor

from data.degradations.noise import camera_field
from data.degradations.sampling import (
    Columns,
    Generators,
    choice,
    device_of,
    ladder,
    per_image,
    rand,
    records_of,
    uniform,
)
from data.records import DegradationRecord

KINDS = ("exposure", "curve")
SHARES = (0.5, 0.5)
EXPOSURE = (0.50, 0.26, 0.12, 0.05, 0.018)  # share of the light, severities 1..5
NOISE_255 = (0.8, 1.2, 1.7, 2.3, 3.0)  # largest sigma on the dark image; lifting it multiplies this
CONTRAST = (0.9, 1.35)  # exponent on the display value: above 1 the shadows are crushed
CAST = 0.12  # largest relative gain of a channel, either way
GAMMA = 2.2


def lowlight(
    images: Tensor, severity: Tensor, generator: Generators
) -> tuple[Tensor, list[DegradationRecord]]:
    """Darkens each image of (B, 3, H, W) in [0, 1] to 8-bit values; records kind, exposure, contrast, noise.

    The contrast is the exponent: of each display value, or of a curve on the largest of a pixel.
    """
    count = images.shape[0]
    severity = severity.to(device_of(generator))
    exposure = ladder(EXPOSURE, severity)
    contrast = uniform(count, *CONTRAST, generator)
    sigma = ladder(NOISE_255, severity) * uniform(count, 0.2, 1.0, generator)
    cast = 1 + CAST * (2 * rand((count, 3, 1, 1), generator) - 1)
    field, _, _ = camera_field(images, generator)
    kind = choice(count, SHARES, generator)
    # Less linear light seen through the display curve: the display value times exposure ** (1 / GAMMA).
    factor = exposure ** (1 / GAMMA)
    exposed = images.clamp(0, 1) ** per_image(contrast, images) * per_image(factor, images)
    # The curve acts on the largest channel (the value of HSV), as colours would grow garish by one on each.
    steepness = 1 + factor.log() / math.log(0.5)
    value = images.amax(1, keepdim=True).clamp(1e-3, 1)
    curved = images.clamp(0, 1) * value ** per_image(steepness - 1, images)
    is_curve = kind == KINDS.index("curve")
    dark = torch.where(per_image(is_curve, images), curved, exposed)
    dark = dark * cast.to(images.device)
    # More light, more shot noise: up to twice the sigma of black.
    noisy = dark + field * per_image(sigma / 255, images) * (1 + dark.clamp(0, 1).sqrt())
    columns: Columns = {
        "kind": [KINDS[index] for index in kind.tolist()],
        "exposure": exposure,
        "contrast": torch.where(is_curve, steepness, contrast),
        "sigma_255": sigma,
    }
    return (noisy * 255).round().clamp(0, 255) / 255, records_of("lowlight", severity, columns)
