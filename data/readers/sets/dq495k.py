"""DQ-495K (DepictQA): questions about harmed pictures, one or two beside a reference or without it.

Its lists name the pictures from the folder DataDepictQA on. The records of single pictures that its scripts
write (`<photo>_<number>.json`) hold no question and are not read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from data.readers.compact import CompactTexts
from data.readers.files import QuestionFiles
from data.readers.sets.layout import part_of
from uare.errors import InputError

LAYOUT = "KADIS700K with lists like KADIS700K/refA_sd_detail/metas/train_*.json and the pictures they name"
PLACES = ("image_ref", "image_A", "image_B")  # null where the question is not about it


def dq495k(root: Path, split: str) -> QuestionFiles:
    """The questions of all lists of `train` or `test`, each once: lists that combine others repeat them."""
    part_of(root, "KADIS700K", layout=LAYOUT)
    lists = sorted(root.glob(f"KADIS700K/**/metas*/**/{split}_*.json"))
    if not lists:
        raise InputError(f"{root} has no list {split}_*.json in a folder metas; expected {LAYOUT}")
    items = list(dict.fromkeys(item for path in lists for item in _items(path)))
    for picture in items[0][1]:
        if picture:
            part_of(root, picture, layout=LAYOUT)
    return QuestionFiles(
        name="dq495k",
        root=root,
        ids=CompactTexts(item[0] for item in items),
        pictures=tuple(CompactTexts(item[1][place] for item in items) for place in range(len(PLACES))),
        questions=CompactTexts(item[2] for item in items),
        answers=CompactTexts(item[3] for item in items),
    )


def _items(path: Path) -> Iterator[tuple[str, tuple[str, ...], str, str]]:
    """Id, picture in each place ("" for none), question and answer of each item."""
    try:
        for item in json.loads(path.read_text(encoding="utf-8")):
            if "conversations" in item:  # in lists for training
                question, answer = (turn["value"] for turn in item["conversations"])
            else:
                question, answer = item["query"], item["answer"]
            yield str(item["id"]), tuple(item.get(place) or "" for place in PLACES), question, answer
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not a list of questions with id, {', '.join(PLACES)} and a question with its answer "
            f"({error!r}); download it again"
        ) from error
