"""What pictures show, for tables by scene.

It comes from a JSON file, from its suite, or from what a model wrote about it. The kinds
are those of a published user study (the position paper on human-centred evaluation, figure 5); the list is
open: a file may name any other.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eval.records import MODEL, Item, Run, SuiteRun
from uare.errors import InputError

# Kind -> the words by which a description names it.
KINDS: dict[str, str] = {
    "print media": r"newspapers?|magazines?|books?|posters?|printed page|brochures?",
    "fabric texture": r"fabrics?|textiles?|cloth|knitted|woven|denim|curtains?|carpets?",
    "food": r"food|dish(?:es)?|meals?|fruits?|vegetables?|cakes?|bread",
    "reflective glass": r"glass|mirrors?|reflections?|shop windows?",
    "hands and feet": r"hands?|fingers?|foot|feet|toes?",
    "large face": r"portraits?|close-?up of a (?:face|person|man|woman|child)|large faces?",
    "medium face": r"faces?|person|man|woman|child|boy|girl",
    "text": r"text|letters|lettering|inscriptions?|signs?|captions?",
    "complex texture": r"gravel|pebbles?|bark|mesh|complex textures?|intricate patterns?",
    "crowd": r"crowds?|many people|audience|groups? of people",
    "trees and leaves": r"trees?|leaves|foliage|forest|branch(?:es)?|grass",
    "water flow": r"water|waves?|rivers?|waterfalls?|sea|fountains?",
    "animal fur": r"fur|cats?|dogs?|animals?|feathers?|horses?",
    "street view": r"streets?|roads?|traffic|cars?",
    "architecture": r"buildings?|architecture|facades?|houses?|church(?:es)?|towers?|bridges?",
    "aerial view": r"aerial|from above|bird's[- ]eye|satellite",
    "cartoon or comic": r"cartoons?|comics?|anime|manga",
    "hand-drawn": r"hand-drawn|drawings?|sketch(?:es)?|paintings?",
}

Scenes = Mapping[str, tuple[str, ...]]  # item -> kinds


@dataclass(frozen=True, kw_only=True)
class SceneFile:
    """What a file says: a key is `suite/item`, or `item` alone for every suite."""

    kinds: dict[str, tuple[str, ...]]
    problems: tuple[str, ...]

    def of(self, suite: str, item: str) -> tuple[str, ...]:
        """The kinds of an item, those of its suite before those of its bare name."""
        return self.kinds.get(f"{suite}/{item}", self.kinds.get(item, ()))


def read_scenes(path: Path) -> SceneFile:
    """Reads {picture: kind or list of kinds}; InputError for anything else.

    A kind that is almost one of `KINDS` is taken as given and reported, since it may be a slip.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as scenes ({error}); {_EXPECTED}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds a {type(content).__name__}; {_EXPECTED}")
    kinds: dict[str, tuple[str, ...]] = {}
    problems: dict[str, None] = {}
    for picture, named in content.items():
        listed = [named] if isinstance(named, str) else named
        if not isinstance(listed, list) or not all(isinstance(one, str) and one.strip() for one in listed):
            raise InputError(f"{path} has {named!r} for {picture!r}; {_EXPECTED}")
        kinds[picture] = tuple(dict.fromkeys(one.strip().lower() for one in listed))
        for kind in kinds[picture]:
            near = difflib.get_close_matches(kind, KINDS, n=1, cutoff=0.8)
            if near and kind not in KINDS:
                problems[f"{path.name}: scene {kind!r} is not in the list; was {near[0]!r} meant?"] = None
    return SceneFile(kinds=kinds, problems=tuple(problems))


_EXPECTED = 'expected {"suite/picture": ["kind", ...], ...}, such as {"realsr/Canon_001": ["text"]}'


def kinds_in_text(text: str) -> tuple[str, ...]:
    """The kinds that a description names, in the order of `KINDS`."""
    return tuple(kind for kind, words in KINDS.items() if re.search(rf"\b(?:{words})\b", text, re.IGNORECASE))


def scenes_of(suite: SuiteRun, file: SceneFile | None) -> Scenes:
    """What each picture shows: as the file says, else as tags of `KINDS` and the texts of models say."""
    return {item.id: _kinds(suite, item, file) for item in suite.items}


def unknown_pictures(run: Run, file: SceneFile) -> tuple[str, ...]:
    """A sentence for each picture of the file that no suite of the run has."""
    known = {item.id for suite in run.suites for item in suite.items}
    known |= {f"{suite.info.name}/{item.id}" for suite in run.suites for item in suite.items}
    return tuple(f"scenes: no picture {one!r} in this run" for one in file.kinds if one not in known)


def _kinds(suite: SuiteRun, item: Item, file: SceneFile | None) -> tuple[str, ...]:
    named = file.of(suite.info.name, item.id) if file else ()
    if named:
        return named
    texts = [
        one.predictions[item.id].text
        for one in suite.subjects
        if one.info.kind == MODEL and item.id in one.predictions
    ]
    described = next((kinds for text in texts if text and (kinds := kinds_in_text(text))), ())
    return tuple(dict.fromkeys([*(tag for tag in item.tags if tag in KINDS), *described]))
