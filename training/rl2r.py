"""Reinforcement learning to rank: a model that already rates images learns to rank them (docs/rl2r.md).

    python training/rl2r.py --config training/configs/rl2r_tiny.yaml
    torchrun --nproc-per-node 2 training/rl2r.py --config training/configs/rl2r_tiny.yaml
    deepspeed training/rl2r.py --config training/configs/rl2r_7b.yaml --set model=MODEL_FOLDER

A run that was interrupted goes on with `--resume auto`, exactly as it would have. SIGTERM saves and ends it.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from collections.abc import Sequence

from training.command import exit_code


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Trains ratings by the order of labels.")
    parser.add_argument("--config", type=Path, required=True, help="a file training/configs/rl2r_*.yaml")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change one setting")
    parser.add_argument("--resume", choices=("auto", "never"), default="never", help="go on where it stopped")
    parser.add_argument("--local_rank", type=int, default=0, help="given by the deepspeed launcher")
    return parser.parse_args(argv)


def work(args: argparse.Namespace) -> None:
    """Trains as the configuration says."""
    from training.rl2r_loop import train
    from training.rl2r_settings import read_rl2r_settings

    train(read_rl2r_settings(args.config, args.set), resume=args.resume == "auto")


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    return exit_code(lambda: work(args))


if __name__ == "__main__":
    raise SystemExit(main())
