"""Training and test parts of a set of pairs: by pair, as FGRestore has it, and by content.

Pairs of one photo in both halves leak: whoever knows the photo knows something of the answer. Hence the
stricter split, in which no scene is in both, over all tasks.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

TRAIN, TEST = "train", "test"
TEST_SHARE = 0.2  # as in the paper


def by_pair(tasks: Mapping[str, str], seed: int) -> dict[str, str]:
    """Pair -> TRAIN or TEST, a fifth of each task's pairs for testing. tasks: pair -> its task."""
    split: dict[str, str] = {}
    for task in dict.fromkeys(tasks.values()):
        split |= _parted(sorted(pair for pair, of in tasks.items() if of == task), f"{seed} pair {task}")
    return split


def by_content(
    contents: Sequence[str], seed: int, earlier: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Content -> TRAIN or TEST, a fifth of the contents for testing.

    earlier: content -> where it stood in an earlier set. There it stays, so that what was trained on that set
    can be tested on this one; only the others are parted.
    """
    kept = {content: part for content, part in (earlier or {}).items() if content in contents}
    return kept | _parted(sorted(set(contents) - kept.keys()), f"{seed} content")


def _parted(names: Sequence[str], seed: str) -> dict[str, str]:
    """A fifth of the names, rounded up, for testing; a single one is for training."""
    if len(names) < 2:
        return dict.fromkeys(names, TRAIN)
    drawn = random.Random(seed).sample(names, len(names))
    num_test = -(-len(names) * int(100 * TEST_SHARE) // 100)
    return {name: TEST if place < num_test else TRAIN for place, name in enumerate(drawn)}


def of_images(pairs: Mapping[str, tuple[str, str]], split: Mapping[str, str]) -> dict[str, str]:
    """Image -> TEST only if none of its pairs is in training. pairs: pair -> its two images."""
    found: dict[str, str] = {}
    for pair, images in pairs.items():
        for image in images:
            if found.get(image) != TRAIN:
                found[image] = split[pair]
    return found
