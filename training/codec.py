"""Trains the small codec on crops of photos for some minutes; writes `codec.safetensors` and `codec.json`.

    python training/codec.py --photos FOLDER --output runs/codec --minutes 26

Started again with the same output folder, it goes on where it stopped.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from data.photos import CropSettings, PhotoCrops, load_photos, read_rgb, training_folder
from training.timed_run import RunSettings, TimedRun, autocast_for, charbonnier, write_result
from uare.vae import SIDE_MULTIPLE_PX, TINY_CODEC_CONFIG, TinyCodec

LATENT_NOISE = 0.05  # deviation, of unit latents: flow errors must not decode into speckle
GRADIENT_WEIGHT = 0.5  # of the loss on differences of neighbouring pixels, which keeps edges and texture
REPORT_EVERY = 500  # steps


def codec_loss(codec: TinyCodec, images: Tensor, noise: Tensor) -> Tensor:
    """Reconstruction loss of images (B, 3, H, W) in [0, 1]; `noise` is unit normal of latent shape.

    The noise is scaled by each channel's deviation in the batch, so inflating the codes does not escape it.
    """
    with autocast_for(images.device):
        codes, _ = codec.moments(images)
        deviation = codes.detach().float().std(dim=(0, 2, 3), keepdim=True)  # (1, 16, 1, 1)
        noisy = codes + LATENT_NOISE * deviation * noise
        decoded = codec.decoder(noisy) + 0.5
    error = decoded.float() - images
    gradients = charbonnier(error.diff(dim=-1)).mean() + charbonnier(error.diff(dim=-2)).mean()
    return charbonnier(error).mean() + GRADIENT_WEIGHT * gradients / 2


@torch.no_grad()
def measure_codes(codec: TinyCodec, crops: PhotoCrops, num_crops: int = 256) -> None:
    """Sets the codec's shift, scale and noise from the mean and deviation of its codes over crops."""
    codes = torch.cat([codec.moments(crops.batch(first, 16))[0] for first in range(0, num_crops, 16)])
    codec.code_shift.copy_(codes.mean(dim=(0, 2, 3)))
    codec.code_scale.copy_(codes.std(dim=(0, 2, 3)))
    codec.code_noise.fill_(LATENT_NOISE)


@torch.no_grad()
def mean_psnr_db(codec: TinyCodec, pictures: Sequence[Tensor]) -> float:
    """Mean PSNR over RGB pictures (1, 3, H, W), rounded to 8 bits as in a file; NaN without pictures."""
    values = []
    for picture in pictures:
        decoded = (codec.decode(codec.encode(picture)).clamp(0, 1) * 255).round() / 255
        values.append(-10 * torch.log10((decoded - picture).square().mean()))
    return float(torch.stack(values).mean()) if values else float("nan")


def load_pictures(folder: Path | None, device: torch.device) -> list[Tensor]:
    """Pictures of a folder for evaluation, cut to sides divisible by 16; none if no folder is given."""
    if folder is None:
        return []
    pictures = []
    for path in sorted(folder.glob("*.webp")):
        pixels = torch.from_numpy(read_rgb(path).copy()).permute(2, 0, 1)[None].to(device)  # (1, 3, H, W)
        height, width = (side // SIDE_MULTIPLE_PX * SIDE_MULTIPLE_PX for side in pixels.shape[-2:])
        pictures.append(pixels[..., :height, :width].float() / 255)
    return pictures


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Trains the small codec.")
    parser.add_argument("--photos", type=Path, help="folder with photos.json; default: UARE_TRAIN_PHOTOS")
    parser.add_argument("--output", type=Path, required=True, help="folder of checkpoint and result")
    parser.add_argument("--minutes", type=float, default=26.0, help="training time in all")
    parser.add_argument("--evaluate", type=Path, help="folder of pictures for PSNR, never trained on")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--learning-rate", type=float, default=4e-4)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--crop-px", type=int, default=96)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


def train(args: argparse.Namespace) -> TinyCodec:
    """Trains until the minutes are over; returns the averaged codec with measured latents."""
    device = torch.device(args.device)
    crops = PhotoCrops(
        load_photos(training_folder(args.photos)),
        CropSettings(size_px=args.crop_px, quarter_turns=True),
        args.seed,
    )
    pictures = load_pictures(args.evaluate, device)
    torch.manual_seed(args.seed)  # initial weights
    codec = TinyCodec(TINY_CODEC_CONFIG).to(device)
    codec.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # unknown to the stubs, gains 11 %
    run = TimedRun(
        model=codec,
        settings=RunSettings(minutes=args.minutes, learning_rate=args.learning_rate),
        checkpoint=args.output / "checkpoint.pt",
    )
    started, first_step, recent = time.perf_counter(), run.step, []
    noise_generator = torch.Generator(device).manual_seed(args.seed + run.step)
    while not run.is_over:
        images = crops.batch(run.step * args.batch_size, args.batch_size).to(device)
        latent_shape = (
            len(images),
            codec.channels,
            args.crop_px // codec.downsample,
            args.crop_px // codec.downsample,
        )
        noise = torch.randn(latent_shape, generator=noise_generator, device=device)
        loss = codec_loss(codec, images, noise)
        run.update(loss)
        recent.append(float(loss.detach()))
        if run.step % REPORT_EVERY == 0 or run.step - first_step == 50:
            step_s = (time.perf_counter() - started) / (run.step - first_step)
            psnr_db = mean_psnr_db(run.average, pictures)
            print(
                f"{run.elapsed_s / 60:5.1f} min  step {run.step}  loss {sum(recent) / len(recent):.5f}  "
                f"PSNR {psnr_db:.2f} dB  {step_s:.3f} s/step",
                flush=True,
            )
            recent.clear()
    run.save()
    measure_codes(run.average, crops)
    return run.average


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    args.output.mkdir(parents=True, exist_ok=True)
    codec = train(args)
    psnr_db = mean_psnr_db(codec, load_pictures(args.evaluate, torch.device(args.device)))
    document = {
        "config": dict(TINY_CODEC_CONFIG),
        "measured": {"psnr_db": round(psnr_db, 3), "minutes": args.minutes},
    }
    write_result(codec, args.output, "codec", document)
    print(f"PSNR {psnr_db:.2f} dB; written to {args.output}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
