"""A small study on disk: pictures of three sources of some photos, and people who vote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from data.votes import OVERALL, A
from demo.study_kit.settings import StudySettings, read_study_settings
from demo.study_kit.store import Ballot
from demo.study_kit.study import Study

SOURCES = ("bicubic", "large", "small")
PREFERRED = {"bicubic": 0, "small": 1, "large": 2}


def write_study(folder: Path, *, num_photos: int = 3, **changes: Any) -> Path:
    """Writes pictures and `study.yaml`; returns the path of the settings."""
    random = np.random.default_rng(0)
    for photo in range(num_photos):
        for source in SOURCES:
            _write(folder / "pictures/noise" / f"photo{photo}" / f"{source}.png", random)
    for name in ("clean", "ruined", "good", "bad"):
        _write(folder / f"{name}.png", random)
    content = {
        "pictures": "pictures",
        "gold": [{"a": "clean.png", "b": "ruined.png", "answer": "A"}],
        "training": [{"a": "bad.png", "b": "good.png", "answer": "B", "why": "the first one is blurred"}],
        "checks": {"gold_share": 0.0, "repeat_share": 0.0},
        **changes,
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def settings_of(folder: Path, **changes: Any) -> StudySettings:
    return read_study_settings(write_study(folder, **changes))


def ballot(choice: str = A, **more: str) -> Ballot:
    return Ballot(choices={OVERALL: choice, **more}, flags={}, seconds=2.0)


def vote_to_the_end(study: Study, person: Any, choose: Any, most: int = 500) -> int:
    """Lets a person answer all that comes; `choose` says what to a pair. Returns the number of answers."""
    for number in range(most):
        step = study.next_step(person, rested=True)
        if step.showing is None:
            return number
        _, pair = study.showing(person, step.showing.id)
        assert study.answer(person, step.showing.id, ballot(choose(pair)))
    raise AssertionError("the study does not end")


def better_source(pair: Any) -> str:
    """Everybody's true preference."""
    if pair.expected:
        return str(pair.expected)
    return "A" if PREFERRED[pair.source_a] > PREFERRED[pair.source_b] else "B"


def _write(path: Path, random: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(random.integers(0, 255, (12, 16, 3), dtype=np.uint8)).save(path)
