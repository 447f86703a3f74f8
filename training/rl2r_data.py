"""Batches of rated pictures: each from one data set, so that only the order of its labels ever counts.

Batch g depends on the seed and on g alone. A set is drawn by the root of its size, its pictures without
repetition. Labels are people's mean opinions, or follow from the records of harms (`data.labels`).
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Dataset

from data.labels import attribute_scores, quality_score
from data.rows import ATTEMPTS, seed_of
from data.samples import RestorationSource, ScoreSource, Source, Sources
from data.scenes import SceneSize, make_scene, tensor_of
from training.opening import open_set
from training.rl2r_settings import PublishedScale, RatedSetSettings, Rl2rSettings
from uare.config import UAREConfig
from uare.errors import ConfigError, InputError
from uare.ratings import HIGHEST, LOWEST, OVERALL

TRAIN, HELD_OUT = "train", "held out"
WEIGHT_POWER = 0.5  # of a set's size
# How KADID-10k and TID2013 name the versions of one photo, such as I01_05_3.
VERSION = re.compile(r"\b(i\d\d)_\d\d_\d+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class RatedPicture:
    """A picture with its labels in the units of its set; higher is better."""

    id: str  # of its source: what is shown
    set_name: str
    seed: int  # of its crop and harms
    pixels: Tensor  # (3, H, W) in [0, 1]
    labels: Mapping[str, float]  # name -> label; a name without a label is missing


@dataclass(frozen=True, kw_only=True)
class RatedRow:
    """One batch."""

    index: int
    pictures: tuple[RatedPicture, ...]
    faults: tuple[str, ...] = ()  # sources that could not be read, in words

    def labels(self, name: str) -> Tensor:
        """(B,) float64, NaN where a picture has none."""
        return torch.tensor([one.labels.get(name, math.nan) for one in self.pictures], dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class RatedSet:
    """A set with the numbers of its sources in either part."""

    name: str
    sources: Sources
    form: RatedSetSettings
    numbers: Mapping[str, Sequence[int]]


def open_rated_sets(settings: Rl2rSettings) -> tuple[RatedSet, ...]:
    """The sets of the settings, divided; ConfigError where a part has too few sources for a batch."""
    sets = []
    for name, form in settings.data.sets.items():
        sources = open_set(form)
        numbers: dict[str, list[int]] = {TRAIN: [], HELD_OUT: []}
        for number in range(len(sources)):
            # by name: the same photo is on the same side in every set that has it
            share = seed_of(settings.seed, "part", content_of(sources[number].id)) / 2**63
            numbers[HELD_OUT if share < settings.data.held_out else TRAIN].append(number)
        if len(numbers[TRAIN]) < settings.data.images or len(numbers[HELD_OUT]) < 2:
            raise ConfigError(
                f"data.sets.{name} has {len(numbers[TRAIN])} pictures to train on and "
                f"{len(numbers[HELD_OUT])} held out, expected {settings.data.images} and 2 at least; "
                "choose smaller batches or another set"
            )
        sets.append(RatedSet(name=name, sources=sources, form=form, numbers=numbers))
    return tuple(sets)


def content_of(source: str) -> str:
    """What is shown, by the id of a source: versions of one photo have one content."""
    found = VERSION.search(source)
    return found[1].lower() if found else source


class RatedRows(Dataset[RatedRow]):
    """Batches by number, for a `DataLoader` with a sampler of row numbers."""

    def __init__(self, sets: Sequence[RatedSet], settings: Rl2rSettings, config: UAREConfig) -> None:
        self.sets, self.settings, self.config = sets, settings, config
        self.weights = [len(one.numbers[TRAIN]) ** WEIGHT_POWER for one in sets]

    def __getitem__(self, index: int) -> RatedRow:
        """Batch `index`; InputError where source after source cannot be read."""
        form = self.settings.data
        rng = random.Random(seed_of(self.settings.seed, "rated", index))
        crop_px = rng.choice(form.crops_px)
        chosen = rng.choices(self.sets, self.weights)[0]
        drawn: set[tuple[str, str]] = set()
        pictures: list[RatedPicture] = []
        faults: list[str] = []
        while len(pictures) < form.images:
            if form.batches != "one_set":
                chosen = rng.choices(self.sets, self.weights)[0]
            number, seed = rng.choice(chosen.numbers[TRAIN]), rng.getrandbits(31)
            source = chosen.sources[number]
            if (chosen.name, source.id) in drawn:
                continue
            try:
                picture = rated_picture(chosen, source, crop_px, seed, self.config)
            except InputError as error:
                faults.append(str(error))
                if len(faults) == ATTEMPTS:
                    raise InputError(f"{ATTEMPTS} pictures of one batch failed; the last: {error}") from error
                continue
            drawn.add((chosen.name, source.id))
            pictures.append(_realigned(picture, chosen) if form.batches == "realigned" else picture)
        return RatedRow(index=index, pictures=tuple(pictures), faults=tuple(faults))


def held_out_pictures(
    sets: Sequence[RatedSet], settings: Rl2rSettings, config: UAREConfig
) -> list[RatedPicture]:
    """The pictures on which rank correlations are measured: the same in every run of these data and seed."""
    pictures = []
    crop_px = max(settings.data.crops_px)
    for one in sets:
        numbers = one.numbers[HELD_OUT]
        count = settings.validation.images if one.form.harm else min(settings.validation.images, len(numbers))
        for place in range(count):
            source = one.sources[numbers[place % len(numbers)]]
            seed = seed_of(settings.seed, "held out", one.name, place) >> 32
            pictures.append(rated_picture(one, source, crop_px, seed, config))
    return pictures


def rated_picture(one: RatedSet, source: Source, crop_px: int, seed: int, config: UAREConfig) -> RatedPicture:
    """A source as a rated picture: with people's opinion, or harmed, with the labels of what was done.

    ConfigError where the set's `harm` does not suit its sources.
    """
    if isinstance(source, ScoreSource) and one.form.harm is None:
        labels = {OVERALL: source.mos}
        pixels = tensor_of(source.picture.pixels())
    elif isinstance(source, RestorationSource) and one.form.harm is not None:
        size = SceneSize(crop_px=crop_px, limits=config.latent_transform)
        scene = make_scene(source, one.form.harm, size, seed)
        plain = {OVERALL: quality_score(scene.records), **attribute_scores(scene.records)}
        labels = {name: _published(value, one.form.published) for name, value in plain.items()}
        pixels = scene.lq
    else:
        raise ConfigError(
            f"data.sets.{one.name} has sources of the kind {type(source).__name__} and harm "
            f"{one.form.harm}; sets of opinions take no harm, clean pictures need one"
        )
    return RatedPicture(id=source.id, set_name=one.name, seed=seed, pixels=pixels, labels=labels)


def _published(score: float, scale: PublishedScale) -> float:
    share = (score - LOWEST) / (HIGHEST - LOWEST)
    return scale.low + (scale.high - scale.low) * share**scale.power


def _realigned(picture: RatedPicture, one: RatedSet) -> RatedPicture:
    """The labels brought to 1..5 by the range in which the set publishes them."""
    scale = one.form.published
    labels = {
        name: LOWEST + (HIGHEST - LOWEST) * (label - scale.low) / (scale.high - scale.low)
        for name, label in picture.labels.items()
    }
    return RatedPicture(
        id=picture.id, set_name=picture.set_name, seed=picture.seed, pixels=picture.pixels, labels=labels
    )
