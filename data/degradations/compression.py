"""Compression by real still codecs, JPEG, WebP or AVIF, at a severity: one image at a time, on the CPU.

The signature is that of the batched degradations, but this one is not in their table: training on a device
uses `jpeg`. Records keep the type `jpeg`, the vocabulary's word for marks of compression, and name the codec.
"""

import torch
from torch import Tensor

from data.degradations.jpeg import QUALITY
from data.degradations.real_codecs import STILL, recode
from data.degradations.sampling import Columns, Generators, choice, device_of, ladder, records_of
from data.records import DegradationRecord

# What each codec is told for severities 1..5: what harms three photographs of 256 px as much as JPEG of that
# severity does, by the measure of `data/calibrate.py`. The MPEG codecs end at 31, short of severity 5.
STRENGTHS: dict[str, tuple[float, ...]] = {
    "jpeg": QUALITY,
    "webp": (76.0, 52.0, 30.0, 9.0, 1.0),
    "avif": (56.0, 48.0, 37.0, 20.0, 1.0),
    "mpeg2video": (5.0, 7.5, 11.5, 20.0, 36.0),
    "mpeg4": (4.6, 6.5, 9.2, 14.3, 25.0),
    "libx264": (19.3, 22.3, 26.2, 30.3, 35.7),
    "libx265": (22.0, 25.0, 29.0, 33.4, 39.3),
}


def compress(
    images: Tensor, severity: Tensor, generator: Generators
) -> tuple[Tensor, list[DegradationRecord]]:
    """Sends each image of (B, 3, H, W) in [0, 1] through a codec of its own; records codec and quality."""
    severity = severity.to(device_of(generator))
    kind = choice(len(images), [1.0] * len(STILL), generator)
    names = [STILL[index] for index in kind.tolist()]
    by_codec = torch.stack([ladder(STRENGTHS[name], severity) for name in STILL], dim=1)
    quality = by_codec.gather(1, kind.view(-1, 1)).squeeze(1).round()
    result = [
        recode(image, name, int(value))
        for image, name, value in zip(images, names, quality.tolist(), strict=True)
    ]
    columns: Columns = {"codec": names, "quality": quality}
    return torch.stack(result).to(images.device), records_of("jpeg", severity, columns)
