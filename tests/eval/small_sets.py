"""Small data sets on disk in the layouts that suites read."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

RNG_SEED = 5
LQ_SIZE = (32, 24)  # width, height


def save_picture(
    path: Path, size: tuple[int, int] = LQ_SIZE, noise: float = 0.0, seed: int = RNG_SEED
) -> Path:
    """Blocks of colour of (width, height), the same for one seed, with noise on top."""
    rng = np.random.default_rng(seed)
    width, height = size
    clean = np.kron(rng.random((height // 4, width // 4, 3)), np.ones((4, 4, 1)))
    harmed = np.clip(clean + noise * rng.normal(size=clean.shape), 0, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.round(harmed * 255).astype(np.uint8)).save(path)
    return path


def make_entry(folder: Path, name: str, kind: str, *, real: bool = True, scale: int = 1) -> dict[str, Any]:
    """An entry of a `pairs.json` with its two pictures."""
    width, height = LQ_SIZE
    seed = RNG_SEED + sum(map(ord, name))
    save_picture(folder / f"{name}_lq.png", noise=0.1, seed=seed)
    save_picture(folder / f"{name}_gt.png", (width * scale, height * scale), seed=seed)
    return {"type": kind, "name": name, "lq": f"{name}_lq.png", "gt": f"{name}_gt.png", "real": real}


def write_pairs(folder: Path, entries: list[Any]) -> Path:
    """The folder form of pairs."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pairs.json").write_text(json.dumps({"pairs": entries}), encoding="utf-8")
    return folder


def make_pairs(folder: Path) -> Path:
    """Five pairs: noise of both sources (four), and low resolution at twice the size."""
    entries = [make_entry(folder, name, "noise", real=name != "b") for name in "abcd"]
    return write_pairs(folder, [*entries, make_entry(folder, "e", "lowres", scale=2)])


def make_crops(folder: Path, names: list[str]) -> Path:
    """A crop set for x4 with `test_LR` and `test_HR`."""
    width, height = LQ_SIZE
    for seed, name in enumerate(names):
        save_picture(folder / "test_LR" / f"{name}.png", noise=0.1, seed=seed)
        save_picture(folder / "test_HR" / f"{name}.png", (width * 4, height * 4), seed=seed)
    return folder


def write_csv(path: Path, rows: Sequence[Sequence[object]]) -> None:
    """A table; its first row is the header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)
