"""A UARE model as a subject, as users meet it: it is told nothing of what is wrong with a photo."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from eval.adapters.subject import Answer, text_digest
from eval.metrics import Array
from eval.model_digest import folder_digest
from eval.pictures import read_picture, to_array, to_bytes
from eval.records import COMPARE, MODEL, RESTORE, Item, SubjectInfo, file_name
from uare.results import Assessment, Comparison, Restoration


class Pipeline(Protocol):
    """What is used of `uare.UAREPipeline`."""

    def assess(self, image: Image.Image, /) -> Assessment:
        """Says what is wrong with a photo."""

    def compare(self, a: Image.Image, b: Image.Image, /) -> Comparison:
        """Says which of two photos is better."""

    def restore(self, image: Image.Image, /, **options: Any) -> Restoration:
        """Makes a photo better; `options` as in `uare.options`."""


class ModelSubject:
    """A model that is loaded when the first answer is asked for: a run that is done already loads nothing."""

    def __init__(self, name: str, source: str, digest: str, load: Callable[[], Pipeline], seed: int) -> None:
        self.info = SubjectInfo(name=name, folder=file_name(name), kind=MODEL, source=source, digest=digest)
        self._load = load
        self._seed = seed

    @cached_property
    def pipeline(self) -> Pipeline:
        """The loaded model; CheckpointError if it has no usable weights."""
        return self._load()

    def takes(self, item: Item) -> bool:
        return True

    def digest_of(self, item: Item) -> str:
        return self.info.digest

    def prepare(self) -> None:
        _ = self.pipeline

    def restore(self, image: Image.Image, scale: int, **options: Any) -> Restoration:
        """The photo restored with the run's seed and made `scale` times as large."""
        return self.pipeline.restore(image, seed=self._seed, upscale=scale, **options)

    def predict(self, item: Item, picture: Array) -> Answer:
        image = Image.fromarray(to_bytes(picture))
        if item.kind == RESTORE:
            restored = self.restore(image, item.scale)
            text = restored.analysis.text if restored.analysis else None
            return Answer(picture=to_array(restored.image), text=text)
        if item.kind == COMPARE:
            other = Image.fromarray(to_bytes(read_picture(Path(str(item.gt)))))
            compared = self.pipeline.compare(image, other)
            first, second, _ = compared.probabilities
            return Answer(score=first - second, text=compared.verdict)
        assessment = self.pipeline.assess(image)
        return Answer(score=assessment.score, text=assessment.text, attributes=assessment.attributes)


def model_subject(source: str, name: str | None, seed: int, local_rank: int = 0) -> ModelSubject:
    """The model of a name or folder, checked to be there; its process uses the GPU `local_rank` if any."""
    from uare.checkpoints.folders import find_folder  # seconds of torch, which baselines alone do not need

    folder = find_folder(source)

    def load() -> Pipeline:
        import torch

        from uare.pipeline import UAREPipeline

        device = f"cuda:{local_rank}" if torch.cuda.is_available() else None
        pipeline: Any = UAREPipeline.from_pretrained(folder, device=device)  # overloaded: no protocol fits
        return pipeline

    called = name or Path(source).name or folder.resolve().name
    return ModelSubject(called, source, text_digest(folder_digest(folder), seed), load, seed)
