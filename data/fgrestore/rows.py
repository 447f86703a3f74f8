"""The rows of a set's tables: pairs and images with their labels, and their places in both splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from data.fgrestore.collecting import Collected
from data.fgrestore.labels import HUMAN, PSEUDO, Label
from data.fgrestore.layout import FineImage, FinePair
from data.fgrestore.pairing import Candidate, ScoredImage
from data.fgrestore.splits import TEST, by_content, by_pair, of_images


def pair_row(pair: Candidate, alike: float, label: Label | None, rows: Mapping[str, Collected]) -> FinePair:
    """The row of a pair, without its places in the splits."""
    row = rows[pair.a.image]
    return FinePair(
        id=pair.id,
        image_a=pair.a.image,
        image_b=pair.b.image,
        label=label.label if label else None,
        task=pair.a.task,
        content=pair.a.content,
        origin=pair.a.origin,
        source_a=pair.a.restorer,
        source_b=pair.b.restorer,
        score_a=pair.a.score,
        score_b=pair.b.score,
        label_kind=label.kind if label else "",
        label_made_by=label.made_by if label else "",
        votes_a=label.votes_a if label else None,
        votes_b=label.votes_b if label else None,
        votes_equal=label.votes_equal if label else None,
        ssim=alike,
        reference=row.reference,
        degraded=row.degraded,
    )


def placed_rows(
    pairs: Sequence[FinePair],
    rows: Mapping[str, Collected],
    images: Mapping[str, ScoredImage],
    seed: int,
    *,
    test_only: bool,
    content_only: bool = False,
    earlier: Mapping[str, str] | None = None,
) -> tuple[list[FinePair], list[FinePair], list[FineImage]]:
    """Labelled pairs, open pairs and images, with their places in both splits, or in that by content.

    earlier: content -> its part in an earlier set, which it keeps.
    """
    labelled = [pair for pair in pairs if pair.label is not None]
    pair_split = {} if content_only else by_pair({pair.id: pair.task for pair in labelled}, seed)
    content_split = by_content([pair.content for pair in pairs], seed, earlier)
    if test_only:
        pair_split, content_split = dict.fromkeys(pair_split, TEST), dict.fromkeys(content_split, TEST)
    named = {pair.id: (pair.image_a, pair.image_b) for pair in labelled if pair.id in pair_split}
    image_split = dict.fromkeys(rows, TEST) if test_only else of_images(named, pair_split)

    def placed(pair: FinePair) -> FinePair:
        fields = vars(pair) | {
            "split_pair": pair_split.get(pair.id, ""),
            "split_content": content_split[pair.content],
        }
        return FinePair(**fields)

    image_rows = [
        FineImage(
            image=image,
            task=row.result.task,
            content=row.result.content,
            origin=images[image].origin if image in images else row.result.origin,
            restorer=row.result.restorer,
            score=images[image].score if image in images else None,
            score_kind="" if image not in images else HUMAN if row.result.score is not None else PSEUDO,
            reference=row.reference,
            degraded=row.degraded,
            split_pair=image_split.get(image, ""),
            split_content=content_split.get(row.result.content, ""),
            width=row.size[1],
            height=row.size[0],
            sha256=row.sha256,
            made_by=row.result.made_by or f"copied from {row.result.path.name}",
        )
        for image, row in rows.items()
    ]
    return (
        [placed(pair) for pair in labelled],
        [placed(pair) for pair in pairs if pair.label is None],
        image_rows,
    )
