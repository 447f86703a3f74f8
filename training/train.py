"""Trains one phase of the recipe (docs/training.md).

    deepspeed training/train.py --config training/configs/stage1_single.yaml --set model=BAGEL_FOLDER
    torchrun --nproc-per-node 2 training/train.py --config training/configs/tiny/stage1_single.yaml
    python training/train.py --config training/configs/tiny/stage2_unified.yaml

A run that was interrupted goes on with `--resume auto`. SIGTERM (SLURM) saves and ends with code 0.
`--dry-run` says what a phase would take on so many GPUs, and trains nothing.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from collections.abc import Sequence

from training.command import exit_code


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Trains one phase of UARE.")
    parser.add_argument("--config", type=Path, required=True, help="a YAML file of training/configs")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one setting")
    parser.add_argument("--resume", choices=("auto", "never"), default="never", help="go on where it stopped")
    parser.add_argument("--dry-run", action="store_true", help="print the plan and train nothing")
    parser.add_argument("--gpus", type=int, default=1, help="of the plan, one process each")
    parser.add_argument(
        "--gpu-tflops", type=float, default=148.0, help="dense bf16 peak of one; 148 is an H20"
    )
    parser.add_argument("--mfu", type=float, default=0.3, help="share of that peak that training reaches")
    parser.add_argument("--local_rank", type=int, default=0, help="given by the deepspeed launcher")
    return parser.parse_args(argv)


def work(args: argparse.Namespace) -> None:
    """Plans or trains, as the arguments say."""
    from training.settings import read_settings

    settings = read_settings(args.config, args.set)
    if args.dry_run:
        from training.dry_run import plan
        from training.estimates import Cluster

        print(plan(settings, Cluster(gpus=args.gpus, tflops=args.gpu_tflops, mfu=args.mfu)))
        return
    from training.loop import train

    train(settings, resume=args.resume == "auto")


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    return exit_code(lambda: work(args))


if __name__ == "__main__":
    raise SystemExit(main())
