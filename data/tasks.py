"""What the network is asked: drafts of each task, made from a source of a data set.

Restoration, analyse-then-restore, description, score and comparison (UARE, section 3.3). A source without
opinions of people gets harms of known severity, and its answers follow from them. Conditions are dropped for
guidance, each by itself; a text with loss never is.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from data import texts
from data.captions import Captioner, captioned_analysis
from data.drafts import ConditionPicture, Part, PendingHarm, TargetPicture
from data.grammar import Grammar
from data.opinions import Exchange, choice_exchange, question_exchange, score_exchange
from data.records import DegradationRecord
from data.samples import ChoiceSource, Picture, QuestionSource, RestorationSource, ScoreSource, Source
from data.scenes import DRAWN, Scene, SceneSize, make_rival, make_scene, plan_scene, tensor_of
from uare import prompts
from uare.config import TransformConfig, UAREConfig
from uare.errors import InputError
from uare.packing import Text, VisionImage
from uare.patches import vision_item
from uare.schedule import shifted
from uare.tokenizer import TextTokenizer

MIN_TIMESTEP = 0.02  # velocity divides by it


@dataclass(frozen=True, kw_only=True)
class TaskSettings:
    """What all tasks need beside their source."""

    config: UAREConfig
    tokenizer: TextTokenizer
    size: SceneSize
    timestep_shift: float = 4.0  # UARE, table A.1
    start_share: float = 0.0  # of targets at t = 1
    dropout: float = 0.1  # of each condition
    grammar: Grammar = texts.SMALL
    captions: Captioner | None = None  # a large model's words about sources
    harms_later: bool = False  # harms of `restore` are left to the training device where they can be


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Makes the parts of one draft, all choices from its own seed."""

    settings: TaskSettings
    rng: random.Random

    def text(self, words: str, *, loss: bool = False, dropped: bool = False) -> Text:
        ids = tuple(self.settings.tokenizer.encode(words))
        return Text(ids=ids, loss=loss, dropped=dropped)

    @property
    def grammar(self) -> Grammar:
        return self.settings.grammar

    def analysis(self, source: RestorationSource, scene: Scene) -> str:
        """The analysis of a scene, in a captioner's words where there are any that agree with it."""
        caption = None
        if self.settings.captions is not None:
            picture = source.hq if scene.is_measured or source.lq is None else source.lq
            caption = self.settings.captions(source.id, picture)
        return captioned_analysis(
            scene.records,
            caption,
            scene.content,
            self.rng,
            grammar=self.grammar,
            is_measured=scene.is_measured,
        ).text

    def is_dropped(self) -> bool:
        return self.rng.random() < self.settings.dropout

    def view(self, pixels: Tensor, *, num_images: int = 1) -> VisionImage:
        """ViT patches for a question about quality, which sees more than restoration does."""
        return self._view(pixels, self.settings.config.assess_transform, num_images)

    def _view(
        self, pixels: Tensor, limits: TransformConfig, num_images: int = 1, dropped: bool = False
    ) -> VisionImage:
        """ViT patches at a random place of the position table: crops are smaller than photos in use."""
        config = self.settings.config
        item = vision_item(pixels, config, limits, num_images, dropped)
        return replace(item, origin=self._origin(item.grid, config.vision.table_side))

    def pictures(self, scene: Scene) -> tuple[list[Part], TargetPicture]:
        """Latent and view of the harmed picture, each dropped at times, and the target."""
        config = self.settings.config
        stride = config.latent.stride_px
        grid = (scene.hq.shape[-2] // stride, scene.hq.shape[-1] // stride)
        origin = self._origin(grid, config.latent.table_side)
        target = TargetPicture(
            pixels=scene.hq,
            base=scene.lq,
            timestep=self._timestep(),
            seed=self.rng.getrandbits(31),
            origin=origin,
        )
        condition = ConditionPicture(pixels=scene.lq, origin=origin, dropped=self.is_dropped())
        view = self._view(scene.lq, config.vision_transform, dropped=self.is_dropped())
        return [condition, view], target

    def _timestep(self) -> float:
        """Logit-normal and shifted towards noise (BAGEL), or at its very start."""
        if self.rng.random() < self.settings.start_share:
            return 1.0
        t = torch.sigmoid(torch.tensor(self.rng.gauss(0, 1)))
        return float(shifted(t, self.settings.timestep_shift).clamp(MIN_TIMESTEP, 1.0))

    def _origin(self, grid: tuple[int, int], table_side: int) -> tuple[int, int]:
        return self.rng.randint(0, table_side - grid[0]), self.rng.randint(0, table_side - grid[1])


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a task makes of a source: a draft without its names."""

    parts: list[Part]
    records: tuple[tuple[DegradationRecord, ...], ...] = ()  # as in `Draft`
    pending: PendingHarm | None = None


def restore(source: Source, harm: str, asker: Asker) -> Made:
    """Latent and view of the harmed picture, an instruction, the target."""
    source, seed = _restorable(source), asker.rng.getrandbits(31)
    is_later = asker.settings.harms_later and harm in DRAWN
    scene = (plan_scene if is_later else make_scene)(source, harm, asker.settings.size, seed)
    words = (
        prompts.RESTORE_MIXED
        if harm == "high_order"
        else texts.restore_instruction(scene.records, asker.rng, grammar=asker.grammar)
    )
    conditions, target = asker.pictures(scene)
    return Made(
        parts=[*conditions, asker.text(words, dropped=asker.is_dropped()), target],
        records=(scene.records,),
        pending=PendingHarm(harm=harm, seed=seed) if is_later and scene.records else None,
    )


def interleave(source: Source, harm: str, asker: Asker) -> Made:
    """As `restore`, with a wish, and the analysis written before the target, which sees it."""
    source = _restorable(source)
    scene = _scene(source, harm, asker)
    wish = texts.analyse_then_restore_wish(asker.rng, grammar=asker.grammar)
    wished = asker.text(wish, dropped=asker.is_dropped())
    analysis = asker.analysis(source, scene)
    conditions, target = asker.pictures(scene)
    parts = [*conditions, wished, asker.text(analysis, loss=True), target]
    return Made(parts=parts, records=(scene.records,))


def describe(source: Source, harm: str, asker: Asker) -> Made:
    """Views, a question and its answer as they come; or the view, a question, the analysis or the defects."""
    if isinstance(source, QuestionSource):
        return _exchange(source.pictures, question_exchange(source), asker)
    source = _restorable(source)
    scene = _scene(source, harm, asker)
    if asker.rng.random() < 0.5:
        question = texts.defects_question(asker.rng, grammar=asker.grammar)
        answer = texts.defects_answer(scene.records)
    else:
        question = texts.analyse_question(asker.rng, grammar=asker.grammar)
        answer = asker.analysis(source, scene)
    parts: list[Part] = [asker.view(scene.lq), asker.text(question), asker.text(answer, loss=True)]
    return Made(parts=parts, records=(scene.records,))


def score(source: Source, harm: str, asker: Asker) -> Made:
    """The view, a question, the level that people gave; or the levels that follow from the harms."""
    if isinstance(source, ScoreSource):
        return _exchange((source.picture,), score_exchange(source, asker.rng, grammar=asker.grammar), asker)
    scene = _scene(_restorable(source), harm, asker)
    answer = texts.assess_answer(scene.records, asker.rng)
    question = texts.assess_question(asker.rng, grammar=asker.grammar)
    parts: list[Part] = [asker.view(scene.lq), asker.text(question), asker.text(answer, loss=True)]
    return Made(parts=parts, records=(scene.records,))


def compare(source: Source, harm: str, asker: Asker) -> Made:
    """Two versions of one picture, a question, the verdict: people's, or what follows from the harms."""
    if isinstance(source, ChoiceSource):
        return _choice(source, asker)
    first = _scene(_restorable(source), harm, asker)
    second = make_rival(first, asker.rng.getrandbits(31))
    if asker.rng.random() < 0.5:
        question = texts.verdict_question(asker.rng, grammar=asker.grammar)
        answer = texts.verdict_answer(first.records, second.records)
    else:
        question = texts.compare_question(asker.rng, with_reference=False, grammar=asker.grammar)
        answer = texts.compare_answer(first.records, second.records)
    parts = [
        *_labelled({prompts.IMAGE_LABELS[0]: first.lq, prompts.IMAGE_LABELS[1]: second.lq}, asker),
        asker.text(question),
        asker.text(answer, loss=True),
    ]
    return Made(parts=parts, records=(first.records, second.records))


def _choice(source: ChoiceSource, asker: Asker) -> Made:
    pictures = dict(zip(prompts.IMAGE_LABELS, (source.first, source.second), strict=True))
    if source.reference is not None:
        pictures = {prompts.REFERENCE_LABEL: source.reference, **pictures}
    exchange = choice_exchange(source, asker.rng, grammar=asker.grammar)
    views = _labelled({label: tensor_of(picture.pixels()) for label, picture in pictures.items()}, asker)
    return Made(parts=[*views, asker.text(exchange.question), asker.text(exchange.answer, loss=True)])


def _labelled(pictures: dict[str, Tensor], asker: Asker) -> list[Part]:
    """Each view after the words that say which it is."""
    parts: list[Part] = []
    for label, pixels in pictures.items():
        parts += [asker.text(label), asker.view(pixels, num_images=len(pictures))]
    return parts


def _exchange(pictures: Sequence[Picture], exchange: Exchange, asker: Asker) -> Made:
    views = [asker.view(tensor_of(picture.pixels()), num_images=len(pictures)) for picture in pictures]
    return Made(parts=[*views, asker.text(exchange.question), asker.text(exchange.answer, loss=True)])


def _restorable(source: Source) -> RestorationSource:
    if not isinstance(source, RestorationSource):
        raise InputError(
            f"{source.id} is a {type(source).__name__}, expected a source of restoration; "
            "correct the task of its group"
        )
    return source


def _scene(source: RestorationSource, harm: str, asker: Asker) -> Scene:
    return make_scene(source, harm, asker.settings.size, asker.rng.getrandbits(31))


TASKS: dict[str, Callable[[Source, str, Asker], Made]] = {
    "restore": restore,
    "interleave": interleave,
    "describe": describe,
    "score": score,
    "compare": compare,
}
