"""Teaches the vision encoder to see harm before it learns words: type and severity from pooled features.

    python training/vision.py --photos FOLDER --output runs/vision --minutes 12

Words alone teach the encoder slowly: few of their labels speak of the picture. Here every picture has
fourteen.
Writes `vision.safetensors`, which `training/tiny.py --vision` starts from.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import time
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from data.degradations import TYPES, degrade
from data.photos import CropSettings, PhotoCrops, load_photos, training_folder
from data.records import DegradationRecord
from training.presets import tiny_config, tiny_tokenizer
from training.timed_run import RunSettings, TimedRun, autocast_for
from uare.encoding import vision_item
from uare.model import UAREModel
from uare.packing import table_positions
from uare.vision import VisionEncoder

MAX_SEVERITY = 5
REPORT_EVERY = 100  # steps
CROP_SIZES = (96, 128, 160)  # pixels; positions must not tell the size


class HarmReader(nn.Module):
    """The encoder with a small head: for each type, whether it is there and how severe it is."""

    def __init__(self, encoder: VisionEncoder, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 2 * len(TYPES)))

    def forward(self, patches: Tensor, positions: Tensor, lens: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Presence logits and severities in [0, 1], each (images, types)."""
        return self.read(self.encoder(patches, positions, lens), lens)

    def read(self, features: Tensor, lens: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """The same from features (P, D_vit) of packed images."""
        pooled = torch.stack([image.mean(0) for image in features.split(lens)])  # (images, D_vit)
        presence, severity = self.head(pooled).chunk(2, dim=-1)
        return presence, severity


def severities_of(records: Sequence[Sequence[DegradationRecord]]) -> Tensor:
    """Severity in [0, 1] of each type (images, types), 0 where it is absent."""
    table = torch.zeros(len(records), len(TYPES))
    for i, of_image in enumerate(records):
        for record in of_image:
            table[i, TYPES.index(record.type)] = record.severity / MAX_SEVERITY
    return table


def harm_loss(presence: Tensor, severity: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy of presence, and squared severity error where a harm is there, float32."""
    is_there = (truth > 0).float()
    squared = ((severity.float() - truth).square() * is_there).sum() / is_there.sum().clamp_min(1)
    return F.binary_cross_entropy_with_logits(presence.float(), is_there) + 4 * squared


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Teaches the vision encoder to see harm.")
    parser.add_argument("--photos", type=Path, help="folder with photos.json; default: UARE_TRAIN_PHOTOS")
    parser.add_argument("--output", type=Path, required=True, help="folder of checkpoint and result")
    parser.add_argument("--minutes", type=float, default=12.0, help="training time in all")
    parser.add_argument("--batch-size", type=int, default=48)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    args.output.mkdir(parents=True, exist_ok=True)
    train(args)
    return 0


def train(args: argparse.Namespace) -> None:
    """Trains until the minutes are over; prints how often the main harm is named on crops not yet seen."""
    device = torch.device(args.device)
    torch.manual_seed(args.seed)  # initial weights
    config = tiny_config(tiny_tokenizer(seed=args.seed))
    reader = HarmReader(UAREModel(config).vision, config.vision.hidden_size).to(device)
    settings = RunSettings(minutes=args.minutes, learning_rate=args.learning_rate)
    run = TimedRun(model=reader, settings=settings, checkpoint=args.output / "checkpoint.pt")
    photos = load_photos(training_folder(args.photos))
    crops = [PhotoCrops(photos, CropSettings(size_px=size), args.seed + 1) for size in CROP_SIZES]
    started, hits, losses = time.perf_counter(), [], []
    while not run.is_over:
        first = run.step * args.batch_size
        clean = crops[run.step % len(crops)].batch(first, args.batch_size).to(device)
        generator = torch.Generator(device).manual_seed(args.seed + first)
        harmed, records = degrade(clean, generator, clean_share=0.1, count_shares=(0.7, 0.3))
        views = [vision_item(image, config, config.vision_transform) for image in harmed]
        origins = torch.randint(0, config.vision.table_side - views[0].grid[0] + 1, (len(views), 2)).tolist()
        positions = torch.cat(
            [
                table_positions(view.grid, config.vision.table_side, (top, left))
                for view, (top, left) in zip(views, origins, strict=True)
            ]
        )
        patches = torch.cat([view.patches for view in views])
        lens = tuple(len(view.patches) for view in views)
        truth = severities_of(records).to(device)
        with autocast_for(device):
            presence, severity = run.model(patches, positions.to(device), lens)
        loss = harm_loss(presence, severity, truth)
        run.update(loss)
        losses.append(float(loss.detach()))
        has_harm = truth.max(-1).values > 0
        hits.append(float((presence.argmax(-1) == truth.argmax(-1))[has_harm].float().mean()))
        if run.step % REPORT_EVERY == 0:
            step_s = (time.perf_counter() - started) / REPORT_EVERY
            print(
                f"{run.elapsed_s / 60:5.1f} min  step {run.step}  loss {sum(losses) / len(losses):.4f}  "
                f"main harm named {sum(hits) / len(hits):.1%}  {step_s:.2f} s/step",
                flush=True,
            )
            started, hits, losses = time.perf_counter(), [], []
    run.save()
    weights = {name: value.contiguous() for name, value in run.average.state_dict().items()}
    save_file(weights, args.output / "vision.safetensors")


if __name__ == "__main__":
    raise SystemExit(main())
