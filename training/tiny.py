"""Trains the network of `uare-tiny` on crops of photos for some minutes: all tasks at once, one process.

    python training/tiny.py --photos FOLDER --codec runs/codec --output runs/tiny --minutes 55

Started again with the same output folder, it goes on where it stopped. Writes a model folder that
`UAREModel.from_pretrained` reads; the detail path is trained after it (`training/detail.py`).
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import json
import random
import time
from collections.abc import Iterator, Sequence

import torch
from safetensors.torch import load_file

from data.photos import CropSettings, PhotoCrops, load_photos, training_folder
from training.losses import balanced_latent_loss, text_loss
from training.pairs import make_block
from training.presets import tiny_config, tiny_tokenizer
from training.tasks import Sample, TaskContext, make_samples
from training.timed_run import RunSettings, TimedRun, autocast_for
from uare.errors import CheckpointError
from uare.experts.expert import ExpertLayer
from uare.model import UAREModel
from uare.packing import pack
from uare.segments import PackedBatch
from uare.tokenizer import TextTokenizer

# Crop side in pixels, crops in a block, share in the first and in the last part of the run.
CROP_SIZES = ((128, 48, 0.70, 0.25), (192, 24, 0.20, 0.30), (256, 12, 0.10, 0.25), (320, 8, 0.0, 0.20))
LAST_PART = 0.75  # of the minutes; from then on large crops, as in use
USES = 2  # of each encoded crop
REPORT_EVERY = 50  # steps
TIMESTEP_SHIFT = 4.0  # UARE, table A.1: most training on noisy timesteps


def packed_rows(samples: Sequence[Sample], budget: int) -> Iterator[list[Sample]]:
    """Splits samples into rows of at most `budget` tokens (at least one sample each)."""
    row: list[Sample] = []
    num_tokens = 0
    for sample in samples:
        length = sum(_length(item) for item in sample)
        if row and num_tokens + length > budget:
            yield row
            row, num_tokens = [], 0
        row.append(sample)
        num_tokens += length
    if row:
        yield row


def _length(item: object) -> int:
    """Tokens of an item with its two markers (an upper bound: it may be dropped)."""
    content = getattr(item, "ids", None) or getattr(item, "patches", None)
    return 2 + len(content if content is not None else getattr(item, "tokens", ()))


def batches(
    run: TimedRun[UAREModel],
    tokenizer: TextTokenizer,
    folder: Path,
    args: argparse.Namespace,
    device: torch.device,
) -> Iterator[PackedBatch]:
    """Endless packed batches; sizes follow the run's clock."""
    photos = load_photos(folder)
    crops = {size: PhotoCrops(photos, CropSettings(size_px=size), args.seed) for size, *_ in CROP_SIZES}
    index = run.step * 1000  # a resumed run goes on with other crops
    while True:
        is_last_part = run.elapsed_s > LAST_PART * 60 * args.minutes
        rng = random.Random(args.seed + index)
        size, count, *_ = rng.choices(CROP_SIZES, [row[3 if is_last_part else 2] for row in CROP_SIZES])[0]
        block = make_block(
            crops[size], index, count, run.model.codec, run.model.config, args.seed + index, device
        )
        context = TaskContext(
            config=run.model.config,
            tokenizer=tokenizer,
            rng=rng,
            generator=torch.Generator().manual_seed(args.seed + index),
            timestep_shift=TIMESTEP_SHIFT,
        )
        for row in packed_rows(make_samples(block, context, USES), args.tokens):
            yield pack(row, run.model.config).to(device)
        index += count


def compile_experts() -> None:
    """Fuses the element-wise work of the experts' layers: a step takes two thirds of the time on a
    CPU (measured), after about a minute of compilation. Needs a C++ compiler."""
    torch._dynamo.config.recompile_limit = 64  # one kernel for each range of row lengths; 8 are not enough
    ExpertLayer.project = torch.compile(ExpertLayer.project, dynamic=True)  # type: ignore[method-assign]
    ExpertLayer.finish = torch.compile(ExpertLayer.finish, dynamic=True)  # type: ignore[method-assign]


def build_model(
    codec_folder: Path, tokenizer: TextTokenizer, seed: int, vision_folder: Path | None = None
) -> UAREModel:
    """A new network around a trained, frozen codec, with a trained texture reader where there is one."""
    torch.manual_seed(seed)  # initial weights
    model = UAREModel(tiny_config(tokenizer))
    model.codec.load_state_dict(load_file(codec_folder / "codec.safetensors"))
    model.codec.requires_grad_(False)
    if vision_folder is not None:
        assert model.vision.texture is not None
        model.vision.texture.image.load_state_dict(load_file(vision_folder / "vision.safetensors"))
    return model


def start_from(model: UAREModel, folder: Path) -> None:
    """Goes on from the weights of a model folder."""
    missing, _ = model.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
    if missing:
        raise CheckpointError(f"{folder} lacks {missing[0]}; start from a folder that this script wrote")


def train(args: argparse.Namespace) -> tuple[UAREModel, TextTokenizer]:
    """Trains until the minutes are over; returns the averaged network and its tokenizer."""
    device = torch.device(args.device)
    tokenizer = TextTokenizer.from_folder(args.start) if args.start else tiny_tokenizer(seed=args.seed)
    settings = RunSettings(minutes=args.minutes, learning_rate=args.learning_rate)
    model = build_model(args.codec, tokenizer, args.seed, args.vision)
    if args.start:
        start_from(model, args.start)
    model.to(device)  # type: ignore[arg-type]  # the library's stub loses the bound method
    run = TimedRun(model=model, settings=settings, checkpoint=args.output / "checkpoint.pt")
    log = (args.output / "log.jsonl").open("a", encoding="utf-8")
    sums, started = torch.zeros(3), time.perf_counter()
    for batch in batches(run, tokenizer, training_folder(args.photos), args, device):
        if run.is_over:
            break
        with autocast_for(device):
            output = run.model(batch)
        words, latents = text_loss(output, batch), balanced_latent_loss(output, batch)
        run.update(latents + args.text_weight * words)
        sums += torch.tensor([float(words.detach()), float(latents.detach()), batch.num_tokens])
        if run.step % REPORT_EVERY == 0:
            step_s = (time.perf_counter() - started) / REPORT_EVERY
            words_mean, latents_mean, tokens = (sums / REPORT_EVERY).tolist()
            line = {
                "minutes": round(run.elapsed_s / 60, 1),
                "step": run.step,
                "text_loss": round(words_mean, 4),
                "latent_loss": round(latents_mean, 4),
                "tokens_per_s": round(tokens / step_s),
            }
            print(json.dumps(line), flush=True)
            log.write(json.dumps(line) + "\n")
            log.flush()
            sums, started = torch.zeros(3), time.perf_counter()
    run.save()
    return run.average, tokenizer


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Trains the network of uare-tiny.")
    parser.add_argument("--photos", type=Path, help="folder with photos.json; default: UARE_TRAIN_PHOTOS")
    parser.add_argument("--codec", type=Path, required=True, help="folder that training/codec.py wrote")
    parser.add_argument("--vision", type=Path, help="folder that training/vision.py wrote")
    parser.add_argument("--start", type=Path, help="model folder of an earlier run to go on from")
    parser.add_argument("--output", type=Path, required=True, help="folder of checkpoint and result")
    parser.add_argument("--minutes", type=float, default=55.0, help="training time in all")
    parser.add_argument("--tokens", type=int, default=6000, help="tokens of a packed row")
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--text-weight", type=float, default=1.0, help="weight of the text loss")
    parser.add_argument(
        "--compile", action="store_true", help="fuse element-wise work (needs a C++ compiler)"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    args.output.mkdir(parents=True, exist_ok=True)
    if args.compile:
        compile_experts()
    model, tokenizer = train(args)
    model.half().save_pretrained(args.output / "model")
    tokenizer.save(args.output / "model")
    print(f"written to {args.output / 'model'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
