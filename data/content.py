"""One truthful sentence about what a photo looks like, from its pixels alone.

We have no captions, so nothing is named that pixel statistics cannot prove: brightness, colour and the
amount of fine detail of the clean image. Thresholds part the training photos into groups of similar size.
"""

import torch
from torch import Tensor

# Mean luma; colourfulness (Hasler and Suesstrunk 2003, values in [0, 1]); mean step between neighbours.
DARK, BRIGHT = 0.37, 0.58
COLOURLESS, MUTED, COLOURFUL = 0.02, 0.11, 0.19
LITTLE_DETAIL, MUCH_DETAIL = 0.012, 0.028


def describe_content(images: Tensor) -> list[str]:
    """A sentence per clean image of (B, 3, H, W) in [0, 1]: "A dark, muted scene with much fine detail."."""
    red, green, blue = images.float().unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    opponents = torch.stack([red - green, (red + green) / 2 - blue], dim=1).flatten(2)  # (B, 2, H*W)
    spread, offset = opponents.std(-1).norm(dim=1), opponents.mean(-1).norm(dim=1)
    colour = spread + 0.3 * offset
    detail = (luma.diff(dim=-1).abs().mean((1, 2)) + luma.diff(dim=-2).abs().mean((1, 2))) / 2
    rows = zip(luma.mean((1, 2)).tolist(), colour.tolist(), detail.tolist(), strict=True)
    return [_sentence(*row) for row in rows]


def _sentence(brightness: float, colour: float, detail: float) -> str:
    tone = "dark" if brightness < DARK else "bright" if brightness > BRIGHT else "mid-toned"
    if colour < COLOURLESS:
        hue = "black-and-white"
    else:
        hue = "muted" if colour < MUTED else "colourful" if colour > COLOURFUL else "natural"
    amount = "little" if detail < LITTLE_DETAIL else "much" if detail > MUCH_DETAIL else "some"
    return f"A {tone}, {hue} scene with {amount} fine detail."
