"""The pairs of a study: what is asked, what tests people, and what trains them, with their files.

Only files that are listed here are ever sent to a browser.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from data.fgrestore.layout import OPEN, read_open
from data.fgrestore.results import Result, gather
from demo.study_kit.settings import KnownPair, StudySettings
from uare.errors import ConfigError

ASKED, GOLD, TRAINING = "asked", "gold", "training"  # kinds
SHOWN_BY_BROWSERS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")


@dataclass(frozen=True, kw_only=True)
class StudyPair:
    """Two pictures of one content."""

    id: str
    kind: str  # ASKED, GOLD or TRAINING
    content: str
    task: str
    image_a: str  # as votes name it: relative to the folder of pictures where it lies in it
    image_b: str
    path_a: Path
    path_b: Path
    source_a: str = ""
    source_b: str = ""
    expected: str = ""  # the known answer of GOLD and TRAINING
    why: str = ""
    team: int = 0  # of the people that are asked

    @property
    def sources(self) -> tuple[str, str]:
        """Both sources, sorted; the same for every content."""
        first, second = sorted((self.source_a, self.source_b))
        return first, second


@dataclass(frozen=True, kw_only=True)
class StudyPairs:
    """All pairs by id, and a sentence for each that cannot be shown."""

    pairs: dict[str, StudyPair]
    problems: tuple[str, ...]

    def of_kind(self, kind: str) -> list[StudyPair]:
        """Those of one kind, in the order of the settings."""
        return [pair for pair in self.pairs.values() if pair.kind == kind]


def find_pairs(settings: StudySettings) -> StudyPairs:
    """The pairs that the settings name; ConfigError where nothing is left to ask."""
    problems: list[str] = []
    asked = _of_set(settings.pictures) if (settings.pictures / OPEN).is_file() else None
    if asked is None:
        asked = _of_results(settings.pictures, problems)
    found = [*asked, *_known(settings.training, TRAINING), *_known(settings.gold, GOLD)]
    pairs: dict[str, StudyPair] = {}
    looked_at: dict[Path, str | None] = {}
    for pair in found:
        problem = next(
            filter(None, (_unusable(path, looked_at) for path in (pair.path_a, pair.path_b))), None
        )
        if problem:
            problems.append(f"pair {pair.id} is left out: {problem}")
        elif pair.id in pairs:
            problems.append(f"there are two pairs {pair.id}; the first is used")
        else:
            pairs[pair.id] = pair
    if not any(pair.kind == ASKED for pair in pairs.values()):
        reasons = "; ".join(problems[:3]) or "it holds no pair"
        raise ConfigError(
            f"there is nothing to ask in {settings.pictures} ({reasons}); expected task/content/source.png "
            "with two sources or more of a content, or a set with open pairs"
        )
    return StudyPairs(pairs=_in_teams(pairs, settings), problems=tuple(problems))


def _of_set(folder: Path) -> list[StudyPair]:
    """The open pairs of a set that data/build_fgrestore.py made."""
    return [
        StudyPair(
            id=row.id,
            kind=ASKED,
            content=row.content,
            task=row.task,
            image_a=row.image_a,
            image_b=row.image_b,
            path_a=folder / row.image_a,
            path_b=folder / row.image_b,
            source_a=row.source_a,
            source_b=row.source_b,
        )
        for row in read_open(folder)
    ]


def _of_results(folder: Path, problems: list[str]) -> list[StudyPair]:
    """All pairs of sources of one content and task."""
    gathered = gather([folder])
    problems += gathered.problems
    by_content: dict[tuple[str, str, str], list[Result]] = defaultdict(list)
    for result in gathered.results:
        by_content[result.origin, result.task, result.content].append(result)
    return [
        StudyPair(
            id=f"{task}--{content}--{a.restorer}--{b.restorer}",
            kind=ASKED,
            content=content,
            task=task,
            image_a=a.path.relative_to(folder).as_posix(),
            image_b=b.path.relative_to(folder).as_posix(),
            path_a=a.path,
            path_b=b.path,
            source_a=a.restorer,
            source_b=b.restorer,
        )
        for (_, task, content), results in by_content.items()
        for a, b in combinations(sorted(results, key=lambda one: one.restorer), 2)
    ]


def _known(pairs: Sequence[KnownPair], kind: str) -> list[StudyPair]:
    return [
        StudyPair(
            id=f"{kind}--{number}--{pair.a.stem}--{pair.b.stem}",
            kind=kind,
            content=f"{kind} {number}",
            task=kind,
            image_a=str(pair.a),
            image_b=str(pair.b),
            path_a=pair.a,
            path_b=pair.b,
            expected=pair.answer,
            why=pair.why,
        )
        for number, pair in enumerate(pairs)
    ]


def _unusable(path: Path, looked_at: dict[Path, str | None]) -> str | None:
    """Why a browser could not show a picture; its head alone is read."""
    if path not in looked_at:
        looked_at[path] = None
        if path.suffix.lower() not in SHOWN_BY_BROWSERS:
            looked_at[path] = f"browsers do not show {path.name}; write it as PNG, JPEG or WebP"
        else:
            try:
                with Image.open(path) as picture:
                    picture.verify()
            except (OSError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
                looked_at[path] = f"{path} cannot be read as a picture ({error})"
    return looked_at[path]


def _in_teams(pairs: dict[str, StudyPair], settings: StudySettings) -> dict[str, StudyPair]:
    """Asked pairs dealt out to the teams, as evenly as can be."""
    asked = [pair.id for pair in pairs.values() if pair.kind == ASKED]
    order = random.Random(f"{settings.seed} teams").sample(asked, len(asked))
    team = {id: place % settings.teams for place, id in enumerate(order)}
    return {id: replace(pair, team=team.get(id, 0)) for id, pair in pairs.items()}
