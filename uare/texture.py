"""What small filters say about a patch: the fixed statistics from which harm can be told.

Noise, blur, blocks, haze and darkness show in how strongly fine filters answer, at several scales, whatever
the picture (natural scene statistics, as in BRISQUE). Nothing here is learned, so a small encoder need not
spend its training on finding such filters.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

NUM_STATISTICS = 50
_FLOOR = 2e-3  # under the logarithm: a quarter of a grey level
_LUMA = (0.299, 0.587, 0.114)


def _dct_filters() -> Tensor:
    """The eight 3×3 DCT filters without the mean: (8, 1, 3, 3), unit norm."""
    place = torch.arange(3)
    waves = torch.stack([torch.cos(math.pi * (place + 0.5) * k / 3) for k in range(3)])  # (3, 3)
    filters = torch.einsum("ux,vy->uvxy", waves, waves).flatten(0, 1)[1:]
    return (filters / filters.flatten(1).norm(dim=1)[:, None, None])[:, None]


def patch_statistics(patches: Tensor, patch_size: int) -> Tensor:
    """Returns (P, NUM_STATISTICS) float32 of patches (P, patch²·3) in [-1, 1]; about unit scale.

    Patches are taken alone, so statistics do not depend on how images are packed.
    """
    x = patches.float().unflatten(-1, (patch_size, patch_size, 3)).permute(0, 3, 1, 2)  # (P, 3, p, p)
    luma = (x * x.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)  # (P, 1, p, p)
    chroma = x[:, (0, 2)] - luma  # (P, 2, p, p)
    filters = _dct_filters().to(x)
    fine = F.conv2d(luma, filters)  # (P, 8, p-2, p-2)
    half = F.conv2d(F.avg_pool2d(luma, 2), filters)
    quarter = F.conv2d(F.avg_pool2d(luma, 4), filters[[0, 2, 3]])  # down, across, diagonal
    colour = torch.cat([F.conv2d(chroma[:, i : i + 1], filters[[0, 2, 3]]) for i in (0, 1)], dim=1)
    answers = [maps.abs().mean((2, 3)) for maps in (fine, half, quarter, colour)]  # 8 + 8 + 3 + 6
    deviations = fine.square().mean((2, 3)).sqrt()  # 8: edges deviate more than noise of the same mean
    steps = torch.cat([steps_at_blocks(luma), steps_at_blocks(luma.transpose(2, 3))], dim=1)  # 4
    levels = torch.cat([luma.mean((2, 3)), chroma.mean((2, 3)), luma.amin((2, 3)), luma.amax((2, 3))], dim=1)
    dark = x.amin(1).flatten(1)  # the dark channel of haze
    spread = torch.cat([luma.std((2, 3)), chroma.std((2, 3)), dark.std(1, keepdim=True)], dim=1)
    logs = torch.log(torch.cat([*answers, deviations, steps, spread], dim=1) + _FLOOR)  # (P, 41)
    plain = torch.cat([levels, dark.mean(1, keepdim=True), dark.amin(1, keepdim=True)], dim=1)  # (P, 7)
    clipped = torch.stack([(x < -0.98).float().mean((1, 2, 3)), (x > 0.98).float().mean((1, 2, 3))], dim=1)
    return torch.cat([(logs + 3) / 1.5, 2 * plain, 4 * clipped], dim=1)


def steps_at_blocks(luma: Tensor) -> Tensor:
    """Mean step between columns at the borders of 8-pixel blocks, and elsewhere: (P, 2) of (P, 1, p, p)."""
    steps = luma.diff(dim=3).abs().mean((1, 2))  # (P, p - 1)
    at_border = torch.arange(1, luma.shape[3], device=luma.device) % 8 == 0
    return torch.stack([steps[:, at_border].mean(1), steps[:, ~at_border].mean(1)], dim=1)


def image_statistics(statistics: Tensor, lens: tuple[int, ...]) -> Tensor:
    """Mean, deviation, least and largest over each image's patches: (images, 4·S) of (P, S)."""
    rows = []
    for image in statistics.split(lens):
        deviation = (image - image.mean(0)).square().mean(0).sqrt()
        rows.append(torch.cat([image.mean(0), deviation, image.amin(0), image.amax(0)]))
    return torch.stack(rows)
