"""Trains the detail path on cached examples for some minutes; writes `detail.safetensors` and `detail.json`.

    python training/detail.py --shards FOLDER --output runs/detail --minutes 15

Started again with the same output folder, it goes on where it stopped.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import json
from collections.abc import Sequence

import torch
from safetensors.torch import load_file
from torch import Tensor

from training.detail_shards import DetailCrops, DetailExamples, kind_name, read_shards
from training.timed_run import RunSettings, TimedRun, autocast_for, charbonnier, write_result
from uare.detail import DETAIL_CONFIG, DetailPath

REPORT_EVERY = 1000  # steps


def detail_loss(path: DetailPath, examples: DetailExamples, scale_of_kind: Tensor) -> Tensor:
    """Mean Charbonnier loss over examples, each in units of its kind's loss before training.

    `scale_of_kind` (num_kinds + 1,) is indexed by kind, its last entry by CLEAN (-1). Without it haze and low
    light, whose errors are large, would leave nothing for noise and blur.
    """
    with autocast_for(examples.lq.device):
        fused = path(examples.lq, examples.decoded, examples.lq_decoded)
    per_example = charbonnier(fused.float() - examples.hq).mean(dim=(1, 2, 3))  # (n,)
    return (per_example / scale_of_kind[examples.kind]).mean()


def measure_scales(crops: DetailCrops, num_examples: int = 1024) -> Tensor:
    """Mean loss of the plain decoder by kind, (num_kinds + 1,) with CLEAN last; 1 for absent kinds."""
    sums = torch.zeros(max(crops.degraded) + 2)
    counts = torch.zeros_like(sums)
    for first in range(0, num_examples, 32):
        examples = crops.batch(first, 32)
        losses = charbonnier(examples.decoded - examples.hq).mean(dim=(1, 2, 3))
        for kind, loss in zip(examples.kind.tolist(), losses, strict=True):
            sums[kind] += loss
            counts[kind] += 1
    return torch.where(counts > 0, sums / counts.clamp(min=1), torch.ones_like(sums))


@torch.no_grad()
def psnr_by_kind(path: DetailPath, held_out: Sequence[DetailExamples]) -> dict[str, dict[str, float]]:
    """Mean PSNR in dB of input, plain decoder and fused picture over held-out examples, for every kind."""
    values: dict[str, list[Tensor]] = {}
    for example in held_out:
        device = next(path.parameters()).device
        pictures = [picture.to(device) for picture in (example.lq, example.decoded, example.lq_decoded)]
        with autocast_for(device):
            fused = path(*pictures).float().clamp(0, 1).cpu()
        errors = [(picture - example.hq).square().mean() for picture in (example.lq, example.decoded, fused)]
        # 1e-6 keeps a clean input, which has no error at all, at 60 dB
        values.setdefault(kind_name(int(example.kind)), []).append(
            -10 * torch.log10(torch.stack(errors) + 1e-6)
        )
    means = {name: torch.stack(rows).mean(dim=0) for name, rows in sorted(values.items())}  # (3,) each
    columns = ("input", "decoded", "fused")
    return {
        name: {column: round(float(value), 2) for column, value in zip(columns, mean, strict=True)}
        for name, mean in means.items()
    }


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Trains the detail path.")
    parser.add_argument("--shards", type=Path, required=True, help="folder of *.safetensors with examples")
    parser.add_argument("--start", type=Path, help="folder of an earlier run to go on from")
    parser.add_argument("--output", type=Path, required=True, help="folder of checkpoint and result")
    parser.add_argument("--minutes", type=float, default=15.0, help="training time in all")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--learning-rate", type=float, default=4e-4)
    parser.add_argument("--batch-size", type=int, default=12)
    parser.add_argument("--crop-px", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


def train(args: argparse.Namespace, crops: DetailCrops) -> DetailPath:
    """Trains until the minutes are over; returns the averaged path."""
    device = torch.device(args.device)
    torch.manual_seed(args.seed)  # initial weights
    path = DetailPath(DETAIL_CONFIG)
    if args.start:
        path.load_state_dict(load_file(args.start / "detail.safetensors"))
    path.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a third faster on CPUs
    run = TimedRun(
        model=path,
        settings=RunSettings(minutes=args.minutes, learning_rate=args.learning_rate),
        checkpoint=args.output / "checkpoint.pt",
    )
    scales = measure_scales(crops).to(device)
    held_out = crops.held_out_examples()
    recent: list[float] = []
    while not run.is_over:
        loss = detail_loss(path, crops.batch(run.step * args.batch_size, args.batch_size).to(device), scales)
        run.update(loss)
        recent.append(float(loss.detach()))
        if run.step % REPORT_EVERY == 0:
            fused = {name: row["fused"] for name, row in psnr_by_kind(run.average, held_out).items()}
            mean_loss = sum(recent) / len(recent)
            print(
                f"{run.elapsed_s / 60:5.1f} min  step {run.step}  loss {mean_loss:.4f}  {fused}", flush=True
            )
            recent.clear()
    run.save()
    return run.average


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    args.output.mkdir(parents=True, exist_ok=True)
    crops = DetailCrops(read_shards(args.shards), args.crop_px, args.seed)
    path = train(args, crops)
    measured = psnr_by_kind(path, crops.held_out_examples())
    document = {"config": dict(DETAIL_CONFIG), "measured": {"minutes": args.minutes, "psnr_db": measured}}
    write_result(path, args.output, "detail", document)
    print(json.dumps(measured, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
