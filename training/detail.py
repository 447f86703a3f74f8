"""Trains the detail path on cached examples for some minutes; writes `detail.safetensors` and `detail.json`.

    python training/detail.py --shards FOLDER --output runs/detail --minutes 15

Started again with the same output folder, it goes on where it stopped.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import json
from collections.abc import Callable, Sequence

import torch
from safetensors.torch import load_file
from torch import Tensor

from training.detail_shards import DetailCrops, DetailExamples, kind_name, read_shards
from training.timed_run import RunSettings, TimedRun, autocast_for, write_result
from uare.detail import DETAIL_CONFIG, DetailPath

REPORT_EVERY = 500  # steps
FLOOR = 1e-4  # of the mean squared error: 40 dB


def detail_loss(path: Callable[..., Tensor], examples: DetailExamples) -> Tensor:
    """Mean over examples of the negative PSNR in dB, float32 scalar (the loss of NAFNet, Chen et al. 2022).

    A logarithm, so that faint noise counts as much as darkness. `FLOOR` is added to the squared errors: what
    is nearly right already, as clean photos are, would have unbounded gradients.
    """
    with autocast_for(examples.lq.device):
        fused = path(examples.lq, examples.decoded, examples.lq_decoded)
    squared = (fused.float() - examples.hq).square().mean(dim=(1, 2, 3))  # (n,)
    return 10 * torch.log10(squared + FLOOR).mean()


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
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--batch-size", type=int, default=12)
    parser.add_argument("--crop-px", type=int, default=128)
    parser.add_argument(
        "--compile", action="store_true", help="fuse element-wise work (needs a C++ compiler)"
    )
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
    trained = torch.compile(path, dynamic=False) if args.compile else path
    held_out = crops.held_out_examples()
    recent: list[float] = []
    while not run.is_over:
        loss = detail_loss(trained, crops.batch(run.step * args.batch_size, args.batch_size).to(device))
        run.update(loss)
        recent.append(float(loss.detach()))
        if run.step % REPORT_EVERY == 0:
            fused = {name: row["fused"] for name, row in psnr_by_kind(run.average, held_out).items()}
            mean_loss = sum(recent) / len(recent)
            print(
                f"{run.elapsed_s / 60:5.1f} min  step {run.step}  loss {mean_loss:.2f} dB  {fused}",
                flush=True,
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
