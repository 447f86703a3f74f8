"""What a built set is like, in numbers: pairs after each filter, labels, and how scores agree with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.fgrestore.build import Built
from data.fgrestore.labels import A_BETTER, B_BETTER, EQUAL
from data.fgrestore.layout import FinePair
from data.fgrestore.splits import TEST

Json = dict[str, object]
NUM_BINS = 5  # of score differences


@dataclass(frozen=True, kw_only=True)
class Leaning:
    """Where a pair stands in the paper's figure 4."""

    task: str
    score_lead: float  # of A over B, as a share of the range of the origin's scores, in [-1, 1]
    preference: float  # votes for A less votes for B, as a share of all, in [-1, 1]


def leanings(pairs: Sequence[FinePair], ranges: Mapping[str, float]) -> list[Leaning]:
    """The labelled pairs that have both scores; one without votes counts as one of its label."""
    found = []
    for pair in pairs:
        width = ranges.get(pair.origin, 0.0)
        if pair.label is None or pair.score_a is None or pair.score_b is None or not width > 0:
            continue
        num_a, num_b, num_equal = (pair.votes_a or 0), (pair.votes_b or 0), (pair.votes_equal or 0)
        total = num_a + num_b + num_equal
        by_label = {A_BETTER: 1.0, B_BETTER: -1.0, EQUAL: 0.0}[pair.label]
        found.append(
            Leaning(
                task=pair.task,
                score_lead=(pair.score_a - pair.score_b) / width,
                preference=(num_a - num_b) / total if total else by_label,
            )
        )
    return found


def consistency(found: Sequence[Leaning]) -> list[Json]:
    """How often scores and preferences point the same way, by the size of the difference in scores.

    Each bin holds a like number of pairs; pairs without a preference are told apart.
    """
    if not found:
        return []
    ordered = sorted(found, key=lambda one: abs(one.score_lead))
    bins = []
    for part in np.array_split(np.arange(len(ordered)), min(NUM_BINS, len(ordered))):
        inside = [ordered[place] for place in part]
        decided = [one for one in inside if one.preference != 0]
        agreeing = sum(one.preference * one.score_lead > 0 for one in decided)
        bins.append(
            {
                "from": abs(inside[0].score_lead),
                "to": abs(inside[-1].score_lead),
                "pairs": len(inside),
                "without_preference": len(inside) - len(decided),
                "consistent": agreeing / len(decided) if decided else None,
            }
        )
    return bins


def report(built: Built) -> Json:
    """All numbers of a set in plain JSON types."""
    pairs, images, filtered = built.set.pairs, built.set.images, built.filtered
    by_task: dict[str, Json] = {}
    for task, counts in filtered.counts.items():
        own = [pair for pair in pairs if pair.task == task]
        labels = Counter(pair.label for pair in own)
        by_task[task] = {
            **counts,
            "labelled": len(own),
            "A better": labels[A_BETTER],
            "B better": labels[B_BETTER],
            "equal": labels[EQUAL],
            "test by pair": sum(pair.split_pair == TEST for pair in own),
            "test by content": sum(pair.split_content == TEST for pair in own),
            "images": sum(image.task == task for image in images),
            "contents": len({image.content for image in images if image.task == task}),
            "restorers": len({image.restorer for image in images if image.task == task}),
        }
    return {
        "images": len(images),
        "pairs": len(pairs),
        "open_pairs": len(built.open),
        "labels": dict(Counter(f"{pair.label_kind}: {pair.label_made_by}" for pair in pairs)),
        "tasks": by_task,
        "score_thresholds": filtered.thresholds,
        "score_ranges": dict(built.ranges),
        "pairs_kept_by_threshold": filtered.taus,
        "jnd_threshold": filtered.jnd_threshold,
        "jnd_images": filtered.num_jnd_images,
        "highest_ssim_of_a_pair": max((pair.ssim for pair in pairs if pair.ssim is not None), default=None),
        "scores_against_preferences": consistency(leanings(pairs, built.ranges)),
        "problems": list(built.problems),
    }


def as_text(found: Json) -> str:
    """The report's main table in Markdown, a row for each task and one for all."""
    tasks = found["tasks"]
    assert isinstance(tasks, dict)
    names = list(next(iter(tasks.values()))) if tasks else []
    added = [name for name in names if name not in ("contents", "restorers")]
    rows = [(task, *(str(counts[name]) for name in names)) for task, counts in tasks.items()]
    total = (str(sum(c[name] for c in tasks.values())) if name in added else "" for name in names)
    head = ("task", *names)
    lines = [head, ("---",) * len(head), *rows, ("all", *total)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
