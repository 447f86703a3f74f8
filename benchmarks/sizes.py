"""Networks of random weights, made on the device itself, and a small size of the full one's kind."""

import torch
from torch import nn

from uare.config import (
    LanguageConfig,
    LatentConfig,
    SamplingConfig,
    SpecialTokens,
    TransformConfig,
    UAREConfig,
    VisionConfig,
)
from uare.layers import PositionTable
from uare.model import UAREModel

DEVIATION = 0.02  # of the weights: what such networks start with
FLUX_SCALES = {"scale_factor": 0.3611, "shift_factor": 0.1159}


def small_size() -> UAREConfig:
    """The same kind of network at a size that a test can run on a CPU."""
    vision = TransformConfig(max_size=112, min_size=56, stride=14)
    return UAREConfig(
        language=LanguageConfig(
            vocab_size=300, hidden_size=64, intermediate_size=96, num_layers=2, num_heads=4, num_kv_heads=2
        ),
        vision=VisionConfig(hidden_size=32, intermediate_size=48, num_layers=2, num_heads=2, table_side=8),
        latent=LatentConfig(table_side=8),
        latent_transform=TransformConfig(max_size=128, min_size=64, stride=16),
        vision_transform=vision,
        assess_transform=vision,
        sampling=SamplingConfig(),
        special_tokens=SpecialTokens(text_start=296, text_end=297, image_start=298, image_end=299),
        codec={"kind": "flux", "ch": 32, "ch_mult": [1, 1, 1, 1], "num_res_blocks": 1, "z_channels": 16}
        | FLUX_SCALES,
    )


def outline(config: UAREConfig) -> UAREModel:
    """The network without memory for its weights (meta device)."""
    with torch.device("meta"):
        return UAREModel(config).eval()


@torch.no_grad()
def random_model(config: UAREConfig, device: torch.device, dtype: torch.dtype) -> UAREModel:
    """A network of seeded random weights in `dtype`, its codec in float32, without a copy on the CPU."""
    model = outline(config).to(dtype)  # type: ignore[arg-type]  # the library's stub loses the bound method
    model.codec.float()
    model.to_empty(device=device)
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, PositionTable):
            module.fill()
        is_norm = "Norm" in type(module).__name__
        for name, parameter in module.named_parameters(recurse=False):
            _fill(parameter, is_scale=is_norm and name == "weight")
    return model


def _fill(parameter: nn.Parameter, is_scale: bool) -> None:
    if is_scale:
        parameter.fill_(1)
    elif parameter.ndim == 1:
        parameter.zero_()
    else:
        parameter.normal_(std=DEVIATION)
