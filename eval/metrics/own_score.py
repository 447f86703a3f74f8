"""The score of the shipped model as a metric of pictures, beside those of others.

A model that is judged by its own opinion is judged by nobody: reports show this column, and no verdict rests
on it alone.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from eval.metrics.full_reference import Array
from eval.metrics.rows import Measure, MetricUnavailable
from eval.model_digest import folder_digest
from uare.checkpoints.folders import find_folder
from uare.errors import CheckpointError

MODEL = "uare-tiny"


@cache
def own_weights_version() -> str:
    """Changes with the weights that ship, and with them every stored value; read once, as it takes time."""
    return folder_digest(find_folder(MODEL))


def load_own_score(weights: Path | None) -> Measure:
    """The function of the row `uare_score`; MetricUnavailable if the shipped model cannot be loaded."""
    import torch

    from uare.pipeline import UAREPipeline  # seconds of torch, which other metrics do not need

    try:
        pipeline = UAREPipeline.from_pretrained(MODEL)
    except CheckpointError as error:
        raise MetricUnavailable(f"{MODEL} could not be loaded ({error})") from error

    def measure(image: Array, reference: Array | None) -> float:
        return pipeline.score(torch.from_numpy(image).movedim(-1, 0).float())

    return measure
