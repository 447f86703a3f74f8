"""Restores a picture with one subject in a process of its own and prints one JSON line about it.

`eval/efficiency.py` starts it, because a peak of memory needs a fresh process. The line holds `seconds` (of
each restoration after the first), `peak_bytes`, `num_parameters`, `device` and `dtype`.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.fgrestore.peers import peers_named
from eval.adapters.classical import classical_subjects
from eval.baselines import enlarge_bicubic
from eval.memory import peak_memory_bytes
from eval.metrics import Array
from eval.pictures import to_bytes

SEED = 0


@dataclass(frozen=True, kw_only=True)
class Restorer:
    """What is timed, and what is said of it."""

    restore: Callable[[Array, int], object]
    num_parameters: int
    device: str
    dtype: str


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Restores a picture some times and says what it cost.")
    parser.add_argument("kind", choices=("model", "baseline"))
    parser.add_argument("source")
    parser.add_argument("--side", type=int, required=True, help="of the square input, in pixels")
    parser.add_argument("--scale", type=int, required=True)
    parser.add_argument("--repeats", type=int, required=True)
    parser.add_argument("--peer-weights", type=Path, help="the baseline is a network with its weights here")
    asked = parser.parse_args(argv)
    if asked.kind == "model":
        restorer = _model(asked.source)
    elif asked.peer_weights is not None:
        restorer = _peer(asked.source, asked.peer_weights)
    else:
        restorer = _baseline(asked.source)
    picture = picture_to_restore(asked.side)
    restorer.restore(picture, asked.scale)
    seconds = []
    for _ in range(asked.repeats):
        started = time.perf_counter()
        restorer.restore(picture, asked.scale)
        seconds.append(time.perf_counter() - started)
    line = {
        "seconds": seconds,
        "peak_bytes": _peak_bytes(restorer.device),
        "num_parameters": restorer.num_parameters,
        "device": restorer.device,
        "dtype": restorer.dtype,
    }
    print(json.dumps(line))
    return 0


def picture_to_restore(side: int) -> Array:
    """A photo repeated to (side, side, 3): what a network does must not depend on an empty picture."""
    import skimage.data

    photo = skimage.data.astronaut().astype(np.float64) / 255
    rows, columns = (-(-side // length) for length in photo.shape[:2])
    return np.tile(photo, (rows, columns, 1))[:side, :side]


def _baseline(name: str) -> Restorer:
    (subject,) = classical_subjects([name])
    row = subject.baseline

    def restore(picture: Array, scale: int) -> Array:
        return row.function(row.enlarge(picture, scale))

    return Restorer(restore=restore, num_parameters=0, device="cpu", dtype="float64")


def _peer(name: str, weights: Path) -> Restorer:
    from eval.peers.restoring import load_network, restored

    (peer,) = peers_named([name])
    network = load_network(peer, weights)

    def restore(picture: Array, scale: int) -> Array:
        return restored(network, enlarge_bicubic(picture, scale))

    return Restorer(
        restore=restore,
        num_parameters=sum(one.numel() for one in network.parameters()),
        device="cpu",
        dtype="float32",
    )


def _model(source: str) -> Restorer:
    from PIL import Image

    from uare.pipeline import UAREPipeline

    pipeline = UAREPipeline.from_pretrained(source)

    def restore(picture: Array, scale: int) -> Any:
        return pipeline.restore(Image.fromarray(to_bytes(picture)), seed=SEED, upscale=scale)

    return Restorer(
        restore=restore,
        num_parameters=sum(one.numel() for one in pipeline.model.parameters()),
        device=str(pipeline.model.device),
        dtype=str(pipeline.model.dtype).removeprefix("torch."),
    )


def _peak_bytes(device: str) -> int:
    """Of the GPU's memory where there is one, else of the process."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated()
    return peak_memory_bytes()


if __name__ == "__main__":
    raise SystemExit(main())
