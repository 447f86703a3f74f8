"""DnCNN, FFDNet and ADNet: a row of convolutions that predicts the noise, or the clean picture."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, pixel_shuffle


def _row_of_convs(widths: list[int]) -> dict[str, nn.Module]:
    return {
        f"conv{place}": nn.Conv2d(inner, outer, 3, padding=1)
        for place, (inner, outer) in enumerate(pairwise(widths))
    }


def _through(convs: nn.ModuleDict, features: Tensor) -> Tensor:
    """All convolutions in their order, with a ReLU after each but the last."""
    *inner, last = convs.values()
    for conv in inner:
        features = conv(features).relu()
    return last(features)


class DnCNN(nn.ModuleDict):
    """Zhang et al., Beyond a Gaussian Denoiser, IEEE Transactions on Image Processing 2017, section III.

    Twenty layers for colour noise of unknown strength; their batch norms lie in the weights of the
    convolutions. Weights: cszn/DnCNN, licence not stated.
    """

    def __init__(self) -> None:
        super().__init__(_row_of_convs([3, *[64] * 19, 3]))

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] less the noise that is predicted."""
        return image - _through(self, image)


class FFDNet(nn.ModuleDict):
    """Zhang et al., FFDNet, IEEE Transactions on Image Processing 2018, section III.

    Works on a picture of half the sides with four times the channels, and is told how strong the noise is.
    Weights: cszn/FFDNet, licence not stated.
    """

    def __init__(self, level: float) -> None:
        """level: standard deviation of the noise, of 255."""
        super().__init__(_row_of_convs([13, *[96] * 11, 12]))
        self._level = level

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] to the same without noise; odd sides are padded on the way."""
        height, width = image.shape[2:]
        even = pad(image, (0, width % 2, 0, height % 2), mode="replicate")
        small = nn.functional.pixel_unshuffle(even, 2)
        level = torch.full_like(small[:, :1], self._level / 255)
        clean = _through(self, torch.cat([small, level], dim=1))
        return pixel_shuffle(clean, 2)[..., :height, :width]


class ADNet(nn.Module):
    """Tian et al., Attention-guided CNN for Image Denoising, Neural Networks 2020, section 3.

    Four of its layers look at every second pixel; at the end, picture and noise together say where the noise
    counts. Weights (colour noise of unknown strength): hellloxiaotian/ADNet, licence not stated.
    """

    LAYERS, SPARSE, WIDTH = 15, (2, 5, 9, 12), 64

    def __init__(self) -> None:
        super().__init__()
        for place in range(1, self.LAYERS + 1):
            step = 2 if place in self.SPARSE else 1
            inner = 3 if place == 1 else self.WIDTH
            conv = nn.Conv2d(inner, self.WIDTH, 3, padding=step, dilation=step, bias=False)
            self.add_module(f"conv1_{place}", nn.Sequential(conv, nn.BatchNorm2d(self.WIDTH), nn.ReLU()))
        self.conv1_16 = nn.Conv2d(self.WIDTH, 3, 3, padding=1, bias=False)
        self.conv3 = nn.Conv2d(6, 3, 1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] less the noise that is predicted."""
        features = image
        for place in range(1, self.LAYERS + 1):
            features = self.get_submodule(f"conv1_{place}")(features)
        noise = self.conv1_16(features)
        attention = self.conv3(torch.cat([image, noise], dim=1).tanh())
        return image - attention * noise
