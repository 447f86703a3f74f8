"""The same model restoring by other words: the comparison of UARE's table 5.

A model as users meet it writes its own analysis and restores by that. Beside it may stand the same model told
one fixed sentence, and told what another model (Q-Insight in the paper) says of the photo.
"""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from eval.adapters.model import ModelSubject
from eval.adapters.subject import Answer, text_digest
from eval.metrics import Array
from eval.pictures import to_array, to_bytes
from eval.records import RESTORE, Item, SubjectInfo, file_name
from uare.prompts import RESTORE_MIXED

Words = Callable[[Image.Image], str]  # what a model is told about a photo


class PromptedSubject:
    """A model that restores by given words instead of its own analysis; it takes restorations alone."""

    def __init__(self, model: ModelSubject, way: str, digest: str, words: Words) -> None:
        """`way` names it in tables beside the model; `digest` says what the words depend on."""
        name = f"{model.info.name}, {way}"
        self.info = SubjectInfo(
            name=name,
            folder=file_name(name),
            kind=model.info.kind,
            source=model.info.source,
            digest=text_digest(model.info.digest, way, digest),
        )
        self._model, self._words = model, words

    def takes(self, item: Item) -> bool:
        return item.kind == RESTORE

    def digest_of(self, item: Item) -> str:
        return self.info.digest

    def prepare(self) -> None:
        self._model.prepare()

    def predict(self, item: Item, picture: Array) -> Answer:
        image = Image.fromarray(to_bytes(picture))
        told = self._words(image)
        restored = self._model.restore(image, item.scale, instruction=told, analyse=False)
        return Answer(picture=to_array(restored.image), text=told)


def prompted_subjects(model: ModelSubject, analyst: ModelSubject | None) -> list[PromptedSubject]:
    """The model told the simple sentence, and told what the analyst says where there is one."""
    subjects = [PromptedSubject(model, "simple prompt", RESTORE_MIXED, lambda image: RESTORE_MIXED)]
    if analyst is not None:
        way = f"told by {analyst.info.name}"

        def analysis(image: Image.Image) -> str:
            return analyst.pipeline.assess(image).text

        subjects.append(PromptedSubject(model, way, analyst.info.digest, analysis))
    return subjects
