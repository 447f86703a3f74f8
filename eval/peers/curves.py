"""Zero-DCE: a small network chooses for each pixel and channel how far a curve brightens it, eight times."""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTH = 32
ROUNDS = 8  # the curve is applied so often, with parameters of its own each time


class ZeroDCE(nn.Module):
    """Guo et al., Zero-Reference Deep Curve Estimation, CVPR 2020, equation 3 and figure 2.

    Weights: Li-Chongyi/Zero-DCE, CC-BY-NC-4.0.
    """

    def __init__(self) -> None:
        super().__init__()

        def conv(inner: int, outer: int) -> nn.Conv2d:
            return nn.Conv2d(inner, outer, 3, padding=1)

        self.e_conv1 = conv(3, WIDTH)
        self.e_conv2 = conv(WIDTH, WIDTH)
        self.e_conv3 = conv(WIDTH, WIDTH)
        self.e_conv4 = conv(WIDTH, WIDTH)
        self.e_conv5 = conv(2 * WIDTH, WIDTH)
        self.e_conv6 = conv(2 * WIDTH, WIDTH)
        self.e_conv7 = conv(2 * WIDTH, 3 * ROUNDS)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] to the same, brighter."""
        first = self.e_conv1(image).relu()
        second = self.e_conv2(first).relu()
        third = self.e_conv3(second).relu()
        fourth = self.e_conv4(third).relu()
        fifth = self.e_conv5(torch.cat([third, fourth], dim=1)).relu()
        sixth = self.e_conv6(torch.cat([second, fifth], dim=1)).relu()
        curves = self.e_conv7(torch.cat([first, sixth], dim=1)).tanh()
        for curve in curves.chunk(ROUNDS, dim=1):
            image = image + curve * (image * image - image)
        return image
