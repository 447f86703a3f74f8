"""Restores harmed crops with a trained network and writes what the detail path learns from.

    python training/detail_examples.py --photos FOLDER --model MODEL --output runs/shards

Each example holds the harmed crop, its restoration without a detail path, its plain codec round trip, and the
clean crop.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import random
from collections.abc import Sequence

import torch
from torch import Tensor

from data.degradations import degrade
from data.photos import CropSettings, PhotoCrops, load_photos, training_folder
from data.records import DegradationRecord
from data.texts import restore_instruction
from training.detail_shards import CLEAN, DetailExamples, write_shard
from training.timed_run import autocast_for
from uare.assess import user_text
from uare.decoding import read
from uare.encoding import decode_tokens, encode_tokens
from uare.flow import GuidedContext, sample
from uare.model import UAREModel
from uare.packing import CleanLatent, NoisedLatent, patchify_latent
from uare.patches import vision_item
from uare.schedule import draw_noise
from uare.tokenizer import TextTokenizer
from uare.vocabulary import DEGRADATIONS

BATCH = 16  # crops of one forward pass
COUNT_SHARES = (0.8, 0.2)  # of crops with one and two harms
CLEAN_SHARE = 0.1


def kind_of(records: Sequence[DegradationRecord]) -> int:
    """The kind by which the detail path's loss is balanced: clean, one type, or a mixture."""
    if not records:
        return CLEAN
    types = list(DEGRADATIONS)
    return types.index(records[0].type) if len(records) == 1 else len(types)


@torch.no_grad()
def restored_latents(
    model: UAREModel,
    tokenizer: TextTokenizer,
    harmed: Tensor,
    latents: Tensor,
    instructions: Sequence[str],
    seed: int,
) -> Tensor:
    """Latent tokens (B, h·w, C*4) of restored crops (B, 3, H, W) whose own are `latents`."""
    stride = model.config.latent.stride_px
    grid = (harmed.shape[-2] // stride, harmed.shape[-1] // stride)
    context = read(
        model,
        [
            [
                CleanLatent(tokens=latent, grid=grid),
                vision_item(crop, model.config, model.config.vision_transform),
                user_text(tokenizer, words),
            ]
            for crop, latent, words in zip(harmed, latents, instructions, strict=True)
        ],
    )
    shape = (model.config.latent.channels, harmed.shape[-2] // 8, harmed.shape[-1] // 8)
    noise = model.config.sampling.noise_scale * draw_noise(shape, range(seed, seed + len(harmed)))
    targets = [
        NoisedLatent(tokens=patchify_latent(eps), grid=grid, timestep=1.0, base=latent)
        for eps, latent in zip(noise, latents, strict=True)
    ]
    return torch.stack(sample(model, GuidedContext(full=context), targets, model.config.sampling))


@torch.no_grad()
def make_examples(
    model: UAREModel, tokenizer: TextTokenizer, crops: PhotoCrops, first: int, count: int
) -> DetailExamples:
    """Harms, encodes and restores crops `first` to `first + count`."""
    clean = crops.batch(first, count)
    generator = torch.Generator().manual_seed(first)
    harmed, records = degrade(clean, generator, clean_share=CLEAN_SHARE, count_shares=COUNT_SHARES)
    rng = random.Random(first)
    instructions = [restore_instruction(one, rng) for one in records]
    device = model.device
    stride = model.config.latent.stride_px
    grid = (clean.shape[-2] // stride, clean.shape[-1] // stride)
    with autocast_for(device):
        latents = encode_tokens(model.codec, harmed.to(device)).cpu()
        tokens = restored_latents(model, tokenizer, harmed, latents, instructions, first)
        decoded = decode_tokens(model.codec, tokens.to(device), grid).cpu()
        lq_decoded = decode_tokens(model.codec, latents.to(device), grid).cpu()
    return DetailExamples(
        lq=harmed,
        decoded=decoded,
        lq_decoded=lq_decoded,
        hq=clean,
        kind=torch.tensor([kind_of(one) for one in records]),
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Makes examples for the detail path.")
    parser.add_argument("--photos", type=Path, help="folder with photos.json; default: UARE_TRAIN_PHOTOS")
    parser.add_argument(
        "--model", type=Path, required=True, help="model folder that a phase of training/train.py wrote"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--count", type=int, default=1600, help="examples")
    parser.add_argument("--crop-px", type=int, default=192)
    parser.add_argument("--soft-share", type=float, default=0.4, help="share of photos shown enlarged")
    parser.add_argument("--first", type=int, default=10_000_000, help="number of the first crop")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    args.output.mkdir(parents=True, exist_ok=True)
    model = UAREModel.from_pretrained(args.model, dtype=torch.float32).eval()
    model.to(args.device)
    tokenizer = TextTokenizer.from_folder(args.model)
    settings = CropSettings(size_px=args.crop_px, soft_share=args.soft_share)
    crops = PhotoCrops(load_photos(training_folder(args.photos)), settings, args.seed)
    for first in range(args.first, args.first + args.count, BATCH):
        write_shard(
            args.output / f"{first}.safetensors", make_examples(model, tokenizer, crops, first, BATCH)
        )
        print(f"{first - args.first + BATCH} of {args.count}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
