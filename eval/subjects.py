"""What is evaluated: a model or a classical baseline, each as one function on a picture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from eval.baselines import BASELINES, IDENTITY, Baseline
from eval.metrics import Array
from eval.pictures import to_array, to_bytes
from uare.errors import InputError
from uare.results import Assessment, Comparison, Restoration

INPUT = IDENTITY  # the untouched picture, a row of every table
MODEL, CLASSICAL, UNTOUCHED, QUOTED = "model", "classical", "untouched", "quoted"


class Pipeline(Protocol):
    """What is used of `uare.UAREPipeline`."""

    def assess(self, image: Image.Image, /) -> Assessment:
        """Says what is wrong with a photo."""

    def compare(self, a: Image.Image, b: Image.Image, /) -> Comparison:
        """Says which of two photos is better."""

    def restore(self, image: Image.Image, /, *, seed: int, upscale: int) -> Restoration:
        """Makes a photo better and `upscale` times as large."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Something that restores: `restore(image, scale)` turns (H, W, 3) into (scale*H, scale*W, 3)."""

    name: str
    kind: str  # MODEL, CLASSICAL or UNTOUCHED
    restore: Callable[[Array, int], Array]
    applies_to: Callable[[str], bool]  # by degradation type


def baseline_subjects(names: Sequence[str] | None = None) -> list[Subject]:
    """The untouched input and the named classical baselines (None: all); InputError on an unknown name."""
    known = [row.name for row in BASELINES]
    for name in names or ():
        if name not in known:
            raise InputError(f"no baseline {name!r}; expected one of {', '.join(known)}")
    return [_baseline_subject(row) for row in BASELINES if names is None or row.name in {INPUT, *names}]


def model_subject(pipeline: Pipeline, name: str, seed: int) -> Subject:
    """A model as users meet it: it is told neither the type nor the severity of what is wrong."""

    def restore(image: Array, scale: int) -> Array:
        picture = Image.fromarray(to_bytes(image))
        return to_array(pipeline.restore(picture, seed=seed, upscale=scale).image)

    return Subject(name=name, kind=MODEL, restore=restore, applies_to=lambda degradation: True)


def load_pipeline(model: str) -> Pipeline:
    """The pipeline of a model's name or folder; CheckpointError if it has no usable weights."""
    from uare.pipeline import UAREPipeline  # seconds of torch, which baselines alone do not need

    return UAREPipeline.from_pretrained(model)


def _baseline_subject(row: Baseline) -> Subject:
    def restore(image: Array, scale: int) -> Array:
        return row.function(row.enlarge(image, scale))

    kind = UNTOUCHED if row.name == INPUT else CLASSICAL
    return Subject(name=row.name, kind=kind, restore=restore, applies_to=row.applies_to)
