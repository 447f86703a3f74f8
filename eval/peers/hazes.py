"""AOD-Net and Light-DehazeNet: the haze model solved for the clean picture, with one map K to be estimated.

Both give K*x - K + 1 of a hazy picture x (AOD-Net, equation 3, with b = 1), cut off below at 0.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def _conv(inner: int, outer: int, side: int) -> nn.Conv2d:
    return nn.Conv2d(inner, outer, side, padding=side // 2)


def _cleared(image: Tensor, k: Tensor) -> Tensor:
    return (k * image - k + 1).relu()


class AODNet(nn.Module):
    """Li et al., AOD-Net: All-in-One Dehazing Network, ICCV 2017, figure 3.

    Weights: MayankSingal/PyTorch-Image-Dehazing, MIT.
    """

    def __init__(self) -> None:
        super().__init__()
        self.e_conv1 = _conv(3, 3, 1)
        self.e_conv2 = _conv(3, 3, 3)
        self.e_conv3 = _conv(6, 3, 5)
        self.e_conv4 = _conv(6, 3, 7)
        self.e_conv5 = _conv(12, 3, 3)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] to the same without haze, not below 0."""
        first = self.e_conv1(image).relu()
        second = self.e_conv2(first).relu()
        third = self.e_conv3(torch.cat([first, second], dim=1)).relu()
        fourth = self.e_conv4(torch.cat([second, third], dim=1)).relu()
        k = self.e_conv5(torch.cat([first, second, third, fourth], dim=1)).relu()
        return _cleared(image, k)


class LightDehazeNet(nn.Module):
    """Ullah et al., Light-DehazeNet, IEEE Transactions on Image Processing 2021, figure 2.

    Weights: hayatkhan8660-maker/Light-DehazeNet, licence not stated.
    """

    def __init__(self) -> None:
        super().__init__()
        self.e_conv_layer1 = _conv(3, 8, 1)
        self.e_conv_layer2 = _conv(8, 8, 3)
        self.e_conv_layer3 = _conv(8, 8, 5)
        self.e_conv_layer4 = _conv(16, 16, 7)
        self.e_conv_layer5 = _conv(16, 16, 3)
        self.e_conv_layer6 = _conv(16, 16, 3)
        self.e_conv_layer7 = _conv(32, 32, 3)
        self.e_conv_layer8 = _conv(56, 3, 3)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] to the same without haze, not below 0."""
        first = self.e_conv_layer1(image).relu()
        second = self.e_conv_layer2(first).relu()
        third = self.e_conv_layer3(second).relu()
        fourth = self.e_conv_layer4(torch.cat([first, third], dim=1)).relu()
        fifth = self.e_conv_layer5(fourth).relu()
        sixth = self.e_conv_layer6(fifth).relu()
        seventh = self.e_conv_layer7(torch.cat([fourth, sixth], dim=1)).relu()
        k = self.e_conv_layer8(torch.cat([second, fifth, seventh], dim=1)).relu()
        return _cleared(image, k)
