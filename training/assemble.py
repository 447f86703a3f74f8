"""Puts a trained network and its detail path together to the folder that ships: float16, with its tokenizer.

python training/assemble.py --model MODEL --detail runs/detail --output uare/models/uare-tiny
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from collections.abc import Sequence

from safetensors.torch import load_file

from training.presets import tiny_config
from uare.detail import DETAIL_CONFIG, DetailPath
from uare.model import UAREModel
from uare.tokenizer import TextTokenizer

# Fields of a configuration that say how a model is used, not what it is: a run keeps those it started from.
OF_USE = ("analysis_px", "assess_transform", "vision_transform", "sampling", "tile_px", "fidelity")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Assembles the model folder that ships.")
    parser.add_argument(
        "--model", type=Path, required=True, help="model folder that a phase of training/train.py wrote"
    )
    parser.add_argument("--detail", type=Path, required=True, help="folder that training/detail.py wrote")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args(argv)
    model = UAREModel.from_pretrained(args.model)
    tokenizer = TextTokenizer.from_folder(args.model)
    preset = tiny_config(tokenizer)
    for name in OF_USE:
        setattr(model.config, name, getattr(preset, name))
    model.config.detail = dict(DETAIL_CONFIG)
    model.detail = DetailPath(DETAIL_CONFIG)
    model.detail.load_state_dict(load_file(args.detail / "detail.safetensors"))
    args.output.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(args.output)
    tokenizer.save(args.output)
    size_mb = sum(file.stat().st_size for file in args.output.iterdir()) / 1e6
    print(
        f"{args.output}: {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M weights, {size_mb:.1f} MB"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
