"""Blocks of photo crops, each harmed twice, encoded once: what a run on one process trains on."""

import random
from dataclasses import dataclass

import torch
from torch import Tensor

from data.content import describe_content
from data.degradations import degrade, degrade_with
from data.photos import PhotoCrops
from data.records import DegradationRecord
from data.scenes import draw_rival
from training.timed_run import autocast_for
from uare.config import UAREConfig
from uare.encoding import encode_tokens
from uare.packing import VisionImage
from uare.patches import vision_item
from uare.vae import Codec

CLEAN_SHARE = 0.12  # without clean photos in training the model always "restores" something


@dataclass(frozen=True, kw_only=True)
class Version:
    """One harmed version of a crop."""

    records: list[DegradationRecord]
    lq: Tensor  # (h·w, 64) latent tokens
    hq: Tensor  # (h·w, 64)
    view: VisionImage  # of the harmed crop
    grid: tuple[int, int]  # h, w
    content: str  # a sentence about the clean crop
    crop: int  # which crop of the block


def harm_twice(
    images: Tensor, generator: torch.Generator, rng: random.Random
) -> tuple[Tensor, list[list[DegradationRecord]]]:
    """Two harmed versions of each image (n, 3, H, W): (2n, 3, H, W), first versions first, and records."""
    first, first_records = degrade(images, generator, clean_share=CLEAN_SHARE)
    drawn = [draw_rival(records, rng) for records in first_records]
    types, severities = [types for types, _ in drawn], [levels for _, levels in drawn]
    second, second_records = degrade_with(images, types, severities, generator)
    return torch.cat([first, second]), first_records + second_records


@torch.no_grad()
def make_block(
    crops: PhotoCrops,
    first_index: int,
    count: int,
    codec: Codec,
    config: UAREConfig,
    seed: int,
    device: torch.device,
) -> list[Version]:
    """Encodes `count` crops and their two harmed versions each; the same arguments give the same block."""
    generator = torch.Generator(device).manual_seed(seed)
    images = crops.batch(first_index, count).to(device)  # (n, 3, H, W)
    harmed, records = harm_twice(images, generator, random.Random(seed))
    with autocast_for(device):
        hq = encode_tokens(codec, images)
        lq = encode_tokens(codec, harmed)
    content = describe_content(images)
    side = images.shape[-1] // config.latent.stride_px
    return [
        Version(
            records=records[i],
            lq=lq[i],
            hq=hq[i % count],
            view=vision_item(harmed[i], config, config.vision_transform),
            grid=(side, side),
            content=content[i % count],
            crop=i % count,
        )
        for i in range(2 * count)
    ]
