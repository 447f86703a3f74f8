"""PReNet: the same few layers take rain off a picture again and again, with a memory between the passes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTH = 32
PASSES = 6
BLOCKS = 5  # residual blocks of a pass


def _conv(inner: int, outer: int) -> nn.Conv2d:
    return nn.Conv2d(inner, outer, 3, padding=1)


class PReNet(nn.Module):
    """Ren et al., Progressive Image Deraining Networks: A Better and Simpler Baseline, CVPR 2019, section 3.

    With `shared_block`, PReNet_r: one residual block does the work of all five.
    Weights: csdwren/PReNet, licence not stated.
    """

    def __init__(self, *, shared_block: bool = False) -> None:
        super().__init__()
        self.conv0 = nn.Sequential(_conv(6, WIDTH), nn.ReLU())
        self.conv_i = nn.Sequential(_conv(2 * WIDTH, WIDTH), nn.Sigmoid())
        self.conv_f = nn.Sequential(_conv(2 * WIDTH, WIDTH), nn.Sigmoid())
        self.conv_g = nn.Sequential(_conv(2 * WIDTH, WIDTH), nn.Tanh())
        self.conv_o = nn.Sequential(_conv(2 * WIDTH, WIDTH), nn.Sigmoid())
        self._blocks = [f"res_conv{1 if shared_block else place}" for place in range(1, BLOCKS + 1)]
        for name in dict.fromkeys(self._blocks):
            block = nn.Sequential(_conv(WIDTH, WIDTH), nn.ReLU(), _conv(WIDTH, WIDTH), nn.ReLU())
            self.add_module(name, block)
        self.conv = nn.Sequential(_conv(WIDTH, 3))

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] to the same without rain."""
        cleaner = image
        hidden = cell = image.new_zeros(len(image), WIDTH, *image.shape[2:])
        for _ in range(PASSES):
            features = self.conv0(torch.cat([image, cleaner], dim=1))
            both = torch.cat([features, hidden], dim=1)
            cell = self.conv_f(both) * cell + self.conv_i(both) * self.conv_g(both)
            hidden = self.conv_o(both) * cell.tanh()
            features = hidden
            for name in self._blocks:
                features = (self.get_submodule(name)(features) + features).relu()
            cleaner = self.conv(features) + image
        return cleaner
