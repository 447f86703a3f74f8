"""SCI: a tiny network estimates how brightly each pixel was lit, and the picture is divided by that."""

from __future__ import annotations

from torch import Tensor, nn

LEAST_LIGHT = 1e-4


class _Light(nn.Module):
    """The illumination (B, 3, H, W) of a picture, in (0, 1]."""

    def __init__(self) -> None:
        super().__init__()

        def conv() -> nn.Conv2d:
            return nn.Conv2d(3, 3, 3, padding=1)

        self.in_conv = nn.Sequential(conv(), nn.ReLU())
        self.blocks = nn.ModuleList([nn.Sequential(conv(), nn.BatchNorm2d(3), nn.ReLU())])
        self.out_conv = nn.Sequential(conv(), nn.Sigmoid())

    def forward(self, image: Tensor) -> Tensor:
        features = self.in_conv(image)
        for block in self.blocks:
            features = features + block(features)
        return (self.out_conv(features) + image).clamp(LEAST_LIGHT, 1)


class SCI(nn.Module):
    """Ma et al., Toward Fast, Flexible, and Robust Low-Light Image Enhancement, CVPR 2022, equations 1 and 2.

    Of its stages only the first is used once it is trained, and nothing of the self-calibration.
    Weights: vis-opt-group/SCI, MIT.
    """

    def __init__(self) -> None:
        super().__init__()
        self.enhance = _Light()

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] to the same, brighter."""
        return (image / self.enhance(image)).clamp(0, 1)
