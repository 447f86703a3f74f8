"""JPEG as a batched tensor operation: colour transform, subsampling, DCT, quantisation and back.

Entropy coding loses nothing, so leaving it out changes no pixel. Tables are those of annex K of the standard
(ITU-T T.81), scaled by quality as libjpeg does; a real codec differs by its integer arithmetic only.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from data.degradations.sampling import Columns, Generators, choice, device_of, ladder, records_of
from data.records import DegradationRecord

QUALITY = (55.0, 32.0, 20.0, 12.0, 7.0)  # libjpeg quality, severities 1..5
SUBSAMPLING = ("4:2:0", "4:4:4")
SHARES = (0.75, 0.25)  # cameras and web sites mostly halve the chroma

LUMA_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA_TABLE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
) + ((99,) * 8,) * 4


def quantisation_tables(table: tuple[tuple[int, ...], ...], quality: Tensor) -> Tensor:
    """Steps (B, 8, 8) for (B,) qualities 1..100, scaled and rounded as libjpeg's `jpeg_set_quality` does."""
    scale = torch.where(quality < 50, (5000 / quality).floor(), 200 - 2 * quality).view(-1, 1, 1)
    base = torch.tensor(table, dtype=torch.float32, device=quality.device)
    return ((base * scale + 50) / 100).floor().clamp(1, 255)


def _dct_matrix(device: torch.device) -> Tensor:
    """The orthonormal DCT-II of eight samples, (8, 8): rows are frequencies."""
    row, column = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    matrix = 0.5 * torch.cos((2 * column + 1) * row * math.pi / 16)
    matrix[0] /= math.sqrt(2)
    return matrix.to(device)


def _quantised(planes: Tensor, steps: Tensor) -> Tensor:
    """Rounds the block spectra of planes (B, C, H, W) in 0..255, sides divisible by 8, to steps (B, 8, 8)."""
    count, channels, height, width = planes.shape
    matrix = _dct_matrix(planes.device)
    blocks = (planes - 128).view(count, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    steps = steps.view(count, 1, 1, 1, 8, 8)
    spectrum = (matrix @ blocks @ matrix.T / steps).round() * steps
    blocks = matrix.T @ spectrum @ matrix + 128
    return blocks.transpose(3, 4).reshape(count, channels, height, width).round().clamp(0, 255)


# JFIF: luma, then blue and red difference, on a scale of 0..255 with chroma centred at 128.
RGB_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


def encode_decode(images: Tensor, quality: Tensor, halve_chroma: bool) -> Tensor:
    """Sends images (B, 3, H, W) in [0, 1] through JPEG at (B,) whole qualities; returns 8-bit values."""
    height, width = images.shape[-2:]
    forward = torch.tensor(RGB_TO_YCC, device=images.device)
    padded = F.pad((images * 255).round(), (0, -width % 16, 0, -height % 16), mode="replicate")
    ycc = torch.einsum("oc,bchw->bohw", forward, padded)
    luma, chroma = ycc[:, :1].round(), (ycc[:, 1:] + 128).round()
    if halve_chroma:
        chroma = F.avg_pool2d(chroma, 2).round()
    luma = _quantised(luma, quantisation_tables(LUMA_TABLE, quality))
    chroma = _quantised(chroma, quantisation_tables(CHROMA_TABLE, quality))
    if halve_chroma:
        # Weights of 3/4 and 1/4: the triangle filter that libjpeg calls fancy upsampling.
        chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
    decoded = torch.einsum("oc,bchw->bohw", forward.inverse(), torch.cat([luma, chroma - 128], dim=1))
    return decoded[..., :height, :width].round().clamp(0, 255) / 255


def jpeg(images: Tensor, severity: Tensor, generator: Generators) -> tuple[Tensor, list[DegradationRecord]]:
    """Compresses each image of (B, 3, H, W) in [0, 1] at its own quality; records quality and subsampling."""
    severity = severity.to(device_of(generator))
    quality = ladder(QUALITY, severity).round()
    kind = choice(images.shape[0], SHARES, generator)
    result = torch.empty_like(images)
    for index in range(len(SUBSAMPLING)):
        chosen = (kind == index).nonzero().squeeze(1).to(images.device)
        if len(chosen):
            level = quality.to(images.device)[chosen]
            result[chosen] = encode_decode(images[chosen], level, halve_chroma=SUBSAMPLING[index] == "4:2:0")
    columns: Columns = {
        "quality": quality,
        "subsampling": [SUBSAMPLING[index] for index in kind.tolist()],
    }
    return result, records_of("jpeg", severity, columns)
