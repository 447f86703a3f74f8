"""What the network is shown for each task."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data.captions import StoredCaptions
from data.phrasings import RICH
from data.samples import (
    ChoiceSource,
    Picture,
    QuestionSource,
    RestorationSource,
    ScoreSource,
    Source,
)
from data.scenes import SceneSize
from data.tasks import TASKS, Asker, Made, TaskSettings
from tests.uare.tiny import tiny_config, tiny_text_tokenizer
from uare.config import TransformConfig
from uare.packing import Text, VisionImage

SEEN_PX, ASKED_PX = 32, 64  # sides of views when restoring, and for questions about quality


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    return Picture(name="a", path=tmp_path / "a.png")


@pytest.fixture
def asker() -> Asker:
    config = tiny_config()
    config.vision_transform = TransformConfig(max_size=SEEN_PX, min_size=SEEN_PX, stride=8)
    config.assess_transform = TransformConfig(max_size=ASKED_PX, min_size=ASKED_PX, stride=8)
    size = SceneSize(crop_px=48, limits=TransformConfig(max_size=64, min_size=32, stride=16))
    settings = TaskSettings(config=config, tokenizer=tiny_text_tokenizer(), size=size, dropout=0.0)
    return Asker(settings=settings, rng=random.Random(0))


def source_of(kind: str, picture: Picture) -> Source:
    match kind:
        case "score":
            return ScoreSource(id="a", picture=picture, mos=3.0)
        case "question":
            return QuestionSource(id="a", pictures=(picture,), question="How?", answer="So.")
        case "choice":
            return ChoiceSource(id="a", first=picture, second=picture, preference=1.0)
    return RestorationSource(id="a", hq=picture)


@pytest.mark.parametrize(
    ("task", "kind", "side_px"),
    [
        ("restore", "restoration", SEEN_PX),
        ("interleave", "restoration", SEEN_PX),
        ("score", "restoration", ASKED_PX),
        ("score", "score", ASKED_PX),
        ("describe", "restoration", ASKED_PX),
        ("describe", "question", ASKED_PX),
        ("compare", "restoration", ASKED_PX),
        ("compare", "choice", ASKED_PX),
    ],
)
def test_questions_see_the_size_of_assessment_and_restoration_its_own(
    picture: Picture, asker: Asker, task: str, kind: str, side_px: int
) -> None:
    parts = TASKS[task](source_of(kind, picture), "single", asker).parts
    views = [part for part in parts if isinstance(part, VisionImage)]
    assert len(views) == (2 if task == "compare" else 1)
    assert all(view.grid == (side_px // 8, side_px // 8) for view in views)


def texts_of(made: Made) -> list[str]:
    return [tiny_text_tokenizer().decode(part.ids) for part in made.parts if isinstance(part, Text)]


def with_settings(asker: Asker, seed: int, **changes: Any) -> Asker:
    return Asker(settings=replace(asker.settings, **changes), rng=random.Random(seed))


@pytest.mark.parametrize(("task", "kind"), [(task, "restoration") for task in TASKS] + [("score", "score")])
def test_the_rich_grammar_asks_in_more_ways(picture: Picture, asker: Asker, task: str, kind: str) -> None:
    def asked(**changes: Any) -> set[str]:
        found = set()
        for seed in range(40):
            made = TASKS[task](source_of(kind, picture), "single", with_settings(asker, seed, **changes))
            labels = [text for text in texts_of(made) if not text.startswith("Image ")]
            found.add(labels[0])
        return found

    rich, small = asked(grammar=RICH), asked()
    assert len(rich - small) > 5


def test_captions_become_the_content_of_analyses(picture: Picture, asker: Asker) -> None:
    captions = StoredCaptions({"a": "A cyclist waits at a crossing."})
    for task in ("interleave", "describe"):
        found = [
            texts_of(
                TASKS[task](source_of("r", picture), "single", with_settings(asker, seed, captions=captions))
            )
            for seed in range(8)
        ]
        said = [texts[-1] for texts in found if "Quality" in texts[-1] or "Content" in texts[-1]]
        assert said
        assert all("A cyclist waits at a crossing." in text for text in said)
    others = StoredCaptions({"b": "A cyclist waits at a crossing."})
    made = TASKS["interleave"](source_of("r", picture), "single", with_settings(asker, 0, captions=others))
    assert "cyclist" not in texts_of(made)[-1]
