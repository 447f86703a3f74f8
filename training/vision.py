"""Teaches the texture reader of the vision encoder to name harm: type and severity of whole crops.

    python training/vision.py --photos FOLDER --output runs/vision --crops 30000

Words alone teach it slowly: few of their labels speak of the picture. The statistics it reads are fixed, so
they are computed once and read many times. Writes `vision.safetensors`, from which a phase with
`vision: FOLDER` starts.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from data.degradations import TYPES, degrade
from data.photos import CropSettings, PhotoCrops, load_photos, training_folder
from data.records import DegradationRecord
from training.presets import tiny_config, tiny_tokenizer
from uare.packing import patchify_image
from uare.texture import image_statistics, patch_statistics
from uare.vision import TextureReader

MAX_SEVERITY = 5
BLOCK = 64  # crops harmed at a time
CROP_SIZES = (128, 192, 256, 128)  # pixels
STEPS, BATCH, LEARNING_RATE = 8000, 256, 2e-3
HELD_OUT = 0.1  # of the crops, for the figures that are printed


class HarmHead(nn.Module):
    """For each type, whether it is there (logits) and how severe it is, in [0, 1]; each (images, types)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = nn.Linear(width, 2 * len(TYPES))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        presence, severity = self.out(features).chunk(2, dim=-1)
        return presence, severity


def severities_of(records: Sequence[Sequence[DegradationRecord]]) -> Tensor:
    """Severity in [0, 1] of each type (images, types), 0 where it is absent."""
    table = torch.zeros(len(records), len(TYPES))
    for i, of_image in enumerate(records):
        for record in of_image:
            table[i, TYPES.index(record.type)] = record.severity / MAX_SEVERITY
    return table


def harm_loss(presence: Tensor, severity: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy of presence, and squared severity error where a harm is there."""
    is_there = (truth > 0).float()
    squared = ((severity - truth).square() * is_there).sum() / is_there.sum().clamp_min(1)
    return F.binary_cross_entropy_with_logits(presence, is_there) + 4 * squared


def collect(photos: Path, num_crops: int, patch_size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Statistics (n, 4·S) of harmed crops and their severities (n, types)."""
    pictures = load_photos(photos)
    crops = {size: PhotoCrops(pictures, CropSettings(size_px=size), seed) for size in set(CROP_SIZES)}
    statistics, truths = [], []
    for block in range(num_crops // BLOCK):
        clean = crops[CROP_SIZES[block % len(CROP_SIZES)]].batch(block * BLOCK, BLOCK)
        generator = torch.Generator().manual_seed(seed + block)
        harmed, records = degrade(clean, generator, clean_share=0.1, count_shares=(0.7, 0.3))
        patches = torch.stack([patchify_image((image - 0.5) / 0.5, patch_size) for image in harmed])
        lens = (patches.shape[1],) * len(patches)
        statistics.append(image_statistics(patch_statistics(patches.flatten(0, 1), patch_size), lens))
        truths.append(severities_of(records))
        if block % 50 == 49:
            print(f"{(block + 1) * BLOCK} of {num_crops} crops", flush=True)
    return torch.cat(statistics), torch.cat(truths)


def teach(reader: nn.Module, head: HarmHead, statistics: Tensor, truths: Tensor, seed: int) -> None:
    """Trains reader and head; the rate falls linearly to zero."""
    optimizer = torch.optim.AdamW([*reader.parameters(), *head.parameters()], weight_decay=3e-2)
    generator = torch.Generator().manual_seed(seed)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * (1 - step / STEPS)
        chosen = torch.randint(0, len(statistics), (BATCH,), generator=generator)
        presence, severity = head(reader(statistics[chosen]))
        loss = harm_loss(presence, severity, truths[chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


@torch.no_grad()
def report(reader: nn.Module, head: HarmHead, statistics: Tensor, truths: Tensor) -> None:
    """Prints how often the main harm is named, and by how much severities err."""
    presence, severity = head(reader(statistics))
    hits = presence.argmax(-1) == truths.argmax(-1)
    num_harms = (truths > 0).sum(-1)
    error = (severity - truths).abs()[truths > 0].mean() * MAX_SEVERITY
    print(f"main harm named: {hits[num_harms == 1].float().mean():.1%} of crops with one harm, ", end="")
    print(f"{hits[num_harms > 1].float().mean():.1%} with two; severity off by {error:.2f}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Teaches the texture reader to name harm.")
    parser.add_argument("--photos", type=Path, help="folder with photos.json; default: UARE_TRAIN_PHOTOS")
    parser.add_argument("--output", type=Path, required=True, help="folder for the weights")
    parser.add_argument("--crops", type=int, default=30_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    args.output.mkdir(parents=True, exist_ok=True)
    config = tiny_config(tiny_tokenizer(seed=args.seed)).vision
    statistics, truths = collect(training_folder(args.photos), args.crops, config.patch_size, args.seed)
    torch.manual_seed(args.seed)  # initial weights
    reader, head = TextureReader(config).image, HarmHead(config.texture_width)
    kept = int(len(statistics) * (1 - HELD_OUT))
    teach(reader, head, statistics[:kept], truths[:kept], args.seed)
    report(reader, head, statistics[kept:], truths[kept:])
    save_file(reader.state_dict(), args.output / "vision.safetensors")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
