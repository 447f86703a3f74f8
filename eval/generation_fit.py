"""Fits the classifier of `eval.generation_blind` on made-up cases and writes `eval/generation_blind.json`.

    python eval/generation_fit.py FOLDER [--limit 120] [--seed 0]

FOLDER holds photos that no test and no report uses. Photos are cut to their central 256x256 pixels.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import json
from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from eval.generation_blind import FEATURES, LinearClassifier, blind_features
from eval.generation_cases import KINDS, make_cases
from eval.metrics import Array
from eval.pictures import read_picture

SIDE_PX = 256
PENALTY = 0.01  # on squared weights of standardised features


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=120, help="most photos")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    photos = central_squares(sorted(options.folder.iterdir()), options.limit, options.seed)
    cases = [
        (KINDS.index(case.kind), blind_features(case.result, case.lq))
        for case in make_cases(photos, options.seed)
    ]
    fitted = fit(np.stack([features for _, features in cases]), np.array([kind for kind, _ in cases]))
    content = {
        "features": FEATURES,
        "kinds": KINDS,
        "photos": len(photos),
        "seed": options.seed,
        "mean": fitted.mean.round(4).tolist(),
        "deviation": fitted.deviation.round(4).tolist(),
        "weights": fitted.weights.round(4).tolist(),
    }
    file = Path(__file__).with_name("generation_blind.json")
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"{file}: {len(cases)} cases of {len(photos)} photos")
    return 0


def central_squares(files: Sequence[Path], limit: int, seed: int) -> dict[str, Array]:
    """Photos by name, drawn at random, large enough and cut to (256, 256, 3)."""
    photos: dict[str, Array] = {}
    for place in np.random.default_rng(seed).permutation(len(files)):
        if len(photos) == limit:
            break
        if files[place].suffix not in {".webp", ".png", ".jpg"}:
            continue
        picture = read_picture(files[place])
        top, left = (picture.shape[0] - SIDE_PX) // 2, (picture.shape[1] - SIDE_PX) // 2
        if min(top, left) >= 0:
            photos[files[place].stem] = picture[top : top + SIDE_PX, left : left + SIDE_PX]
    return photos


def fit(features: Array, kinds: np.ndarray) -> LinearClassifier:
    """Penalised logistic regression of (n, 10) features on (n,) indices of KINDS, weighing all alike."""
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    inputs = np.c_[(features - mean) / deviation, np.ones(len(features))]
    importance = (1 / np.bincount(kinds, minlength=len(KINDS)) / len(KINDS))[kinds]
    wanted = np.eye(len(KINDS))[kinds]

    def loss(flat: Array) -> tuple[float, Array]:
        weights = flat.reshape(inputs.shape[1], len(KINDS))
        logits = inputs @ weights
        logits = logits - logits.max(axis=1, keepdims=True)
        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        gradient = inputs.T @ ((np.exp(logs) - wanted) * importance[:, None])
        gradient[:-1] += 2 * PENALTY * weights[:-1]
        value = -(importance * (wanted * logs).sum(axis=1)).sum() + PENALTY * (weights[:-1] ** 2).sum()
        return float(value), gradient.ravel()

    start = np.zeros(inputs.shape[1] * len(KINDS))
    found = minimize(loss, start, jac=True, method="L-BFGS-B")
    return LinearClassifier(mean=mean, deviation=deviation, weights=found.x.reshape(-1, len(KINDS)))


if __name__ == "__main__":
    raise SystemExit(main())
