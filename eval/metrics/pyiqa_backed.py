"""Metrics that the library pyiqa computes: optional, loaded on first use, unavailable with a reason.

pyiqa may not be used commercially (PolyForm Noncommercial and NTU S-Lab licences), so it stays an extra:
`pip install -e ".[eval,iqa]"`. It fetches weights on first use, or finds them in the folder that
`--metric-weights` names, laid out as its caches are: `hub/pyiqa/` for its own files, `hub/checkpoints/` for
backbones, `hub/clip/` for CLIP and `huggingface/` for what comes from there. It unpickles them: use files
from a place you trust.

Pictures go in one at a time, as several of its metrics need.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from eval.metrics.full_reference import Array
from eval.metrics.rows import Measure, MetricUnavailable

HUB, HUGGING_FACE = "hub", "huggingface"
_HUB_HOST = "huggingface.co"


def from_pyiqa(name: str) -> Callable[[Path | None], Measure]:
    """The `load` of a row for pyiqa's metric of that name."""

    def load(weights: Path | None) -> Measure:
        return _load(name, weights)

    return load


def _load(name: str, weights: Path | None) -> Measure:
    if importlib.util.find_spec("pyiqa") is None:
        raise MetricUnavailable('pyiqa is not installed; it needs: pip install -e ".[eval,iqa]"')
    if weights is not None and "pyiqa" not in sys.modules:
        # Both are read when the libraries are imported. A folder that holds only NIQE's file changes neither.
        if (weights / HUB).is_dir():
            os.environ["TORCH_HOME"] = str(weights)
        if (weights / HUGGING_FACE).is_dir():
            os.environ["HF_HOME"] = str(weights / HUGGING_FACE)
    if not _resolves(_HUB_HOST):
        _stay_offline()
    import torch

    from eval.metrics.torchvision_guard import prepare_torchvision

    prepare_torchvision()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # A metric may fail in as many ways as there are libraries behind it, and none may end the run.
    try:
        import pyiqa

        model = pyiqa.create_metric(name, device=device)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise MetricUnavailable(
            f"pyiqa could not make {name} ({type(error).__name__}: {reason}); "
            "if its weights cannot be fetched here, give them with --metric-weights"
        ) from error

    def measure(image: Array, reference: Array | None) -> float:
        pictures = [image] if reference is None else [image, reference]
        tensors = [torch.from_numpy(np.moveaxis(one, -1, 0)[None].astype(np.float32)) for one in pictures]
        with torch.inference_mode():
            return float(model(*(tensor.to(device) for tensor in tensors)))

    return measure


@cache
def _resolves(host: str) -> bool:
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return False
    return True


def _stay_offline() -> None:
    """Keeps huggingface_hub from trying five times for each file, which is a minute per metric."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from huggingface_hub import constants

    constants.HF_HUB_OFFLINE = True  # the variable is read at import, and that may be long ago
