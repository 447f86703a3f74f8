"""Builds a set of fine-grained pairs: gather, restore, score, pair, filter, label, part, write.

What takes long is kept between calls: restored pictures by their ledger, measured values by the pixels that
they were measured on. A second call with the same options writes the same tables.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from data.fgrestore.classical import Filter
from data.fgrestore.collecting import KEPT_PICTURES, Collected, collect, read_pixels
from data.fgrestore.filters import MOST_JND_IMAGES, Sign, luma, ssim
from data.fgrestore.inputs import Degraded, Harm, harmed_photos, listed_pairs, merged, write_inputs
from data.fgrestore.jnd import Plane
from data.fgrestore.labels import (
    Consensus,
    Label,
    human_labels,
    pseudo_labels,
    score_labels,
)
from data.fgrestore.layout import (
    IMAGES,
    OPEN,
    PAIRS,
    FineImage,
    FinePair,
    FineSet,
    content_parts,
    write_rows,
)
from data.fgrestore.measures import BUILTINS, Voter, pseudo_scores, read_measured, voters_named
from data.fgrestore.pairing import (
    Candidate,
    Filtered,
    ScoredImage,
    filter_pairs,
    jnd_threshold,
    pair_up,
    score_ranges,
    thresholds_of,
)
from data.fgrestore.restorers import Command, run_command, run_filters
from data.fgrestore.results import Gathered, gather
from data.fgrestore.rows import pair_row, placed_rows
from data.fgrestore.values import Values
from data.votes import known_pairs, read_votes
from uare.errors import InputError

SET_ASIDE = "votes_set_aside.jsonl"


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """What to build a set of, and how."""

    output: Path
    results: tuple[Path, ...] = ()
    pairs: tuple[Path, ...] = ()  # folders with a `pairs.json` of pictures to restore
    crop_px: int | None = None  # only the middle of those
    photos: Path | None = None  # clean photos to harm and restore
    harm: Harm | None = None  # of `photos`
    limit: int | None = None  # most photos
    filters: tuple[Filter, ...] = ()
    commands: tuple[Command, ...] = ()
    votes: Path | None = None
    consensus: Consensus = field(default_factory=Consensus)
    voters: tuple[str, ...] = ()  # metrics that vote where people did not; none: such pairs stay open
    measured: Path | None = None  # values of further metrics
    labels_by_score: tuple[str, ...] = ()  # origins whose scores came from comparing pairs
    tau_share: float = 0.1  # threshold of scores, as a share of an origin's range
    taus: Mapping[str, float] = field(default_factory=dict)  # origin -> threshold in units of its scores
    sign: Sign = "plus"
    jnd_threshold: float | None = None  # None: the median over JND images
    most_jnd_images: int = MOST_JND_IMAGES  # drawn for it
    test_only: bool = False  # everything is for testing, nothing may be trained on
    content_only: bool = False  # no split by pair
    split_of: Path | None = None  # an earlier set, whose contents keep their part
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Built:
    """A set that was written, and how it came about."""

    set: FineSet
    open: tuple[FinePair, ...]
    filtered: Filtered
    ranges: Mapping[str, float]  # of scores, by origin
    problems: tuple[str, ...]


def build(options: BuildOptions, tell: Callable[[str], None]) -> Built:
    """Builds and writes the tables of a set; `tell` hears what is being done.

    Raises InputError where nothing can be built: no results, no scores, no pairs.
    """
    earlier = None if options.split_of is None else content_parts(options.split_of)
    gathered = _gather(options, tell)
    if not gathered.results:
        raise InputError(" ".join(["no restored pictures to pair.", *gathered.problems[:5]]))
    tell(f"{len(gathered.results)} restored pictures")
    values = Values(options.output)
    rows, problems = collect(gathered, options.output)
    measured = None if options.measured is None else read_measured(options.measured)
    voters = voters_named(options.voters, measured)
    metrics: dict[str, dict[str, float]] = {
        metric: dict(found) for metric, found in (measured.values if measured else {}).items()
    }
    problems += _measure(rows, voters, metrics, values, options.output, tell)
    images, unscored = _scored(rows, voters, metrics)
    if unscored:
        problems.append(
            f"{len(unscored)} pictures have no score, the first is {unscored[0]}; give scores in "
            "results.csv, or let metrics vote where there are references (--vote)"
        )
    pairs, unpaired = pair_up(images.values(), options.seed)
    if not pairs:
        raise InputError(
            " ".join(
                ["no two scored pictures of one content and task.", *gathered.problems[:3], *problems[:3]]
            )
        )
    tell(f"{len(pairs)} pairs; filtering")
    ranges = score_ranges(images.values())
    filtered = _filter(pairs, list(images.values()), ranges, options, values)
    values.save()
    labels, told = _labels(filtered, metrics, voters, options)
    built_pairs = [pair_row(pair, alike, labels.get(pair.id), rows) for pair, alike in filtered.kept]
    labelled, open_pairs, image_rows = placed_rows(
        built_pairs,
        rows,
        images,
        options.seed,
        test_only=options.test_only,
        content_only=options.content_only,
        earlier=earlier,
    )
    write_rows(labelled, FinePair, options.output / PAIRS)
    write_rows(open_pairs, FinePair, options.output / OPEN)
    write_rows(image_rows, FineImage, options.output / IMAGES)
    return Built(
        set=FineSet(folder=options.output, pairs=tuple(labelled), images=tuple(image_rows)),
        open=tuple(open_pairs),
        filtered=filtered,
        ranges=ranges,
        problems=(*gathered.problems, *problems, *unpaired, *filtered.problems, *told),
    )


def _gather(options: BuildOptions, tell: Callable[[str], None]) -> Gathered:
    """The results of others, and those that are made now."""
    parts = [gather(options.results)]
    degraded: list[Degraded] = []
    problems: list[str] = []
    for folder in options.pairs:
        found, told = listed_pairs(folder, options.crop_px)
        degraded, problems = degraded + found, problems + told
    if options.photos is not None and options.harm is not None:
        found, told = harmed_photos(options.photos, options.harm, options.limit)
        degraded, problems = degraded + found, problems + told
    inputs = write_inputs(degraded, problems, options.output)
    parts.append(Gathered(results=(), problems=inputs.problems))
    if inputs.paths:
        tell(f"{len(inputs.paths)} pictures to restore by {len(options.filters)} filters")
        parts.append(run_filters(options.filters, inputs, options.output))
        for command in options.commands:
            tell(f"restoring by {command.name}")
            parts.append(run_command(command, inputs, options.output))
    return merged(parts)


def _measure(
    rows: Mapping[str, Collected],
    voters: Sequence[Voter],
    metrics: dict[str, dict[str, float]],
    values: Values,
    output: Path,
    tell: Callable[[str], None],
) -> list[str]:
    """Adds the values of the metrics at hand that vote; a sentence for each that could not be measured."""
    wanted = [row for row in BUILTINS if row.voter.metric in {voter.metric for voter in voters}]
    if wanted:
        tell(f"measuring {', '.join(row.voter.metric for row in wanted)}")
    problems = []
    for builtin in wanted:
        found = metrics.setdefault(builtin.voter.metric, {})
        for image, row in rows.items():
            if not row.reference or image in found:
                continue
            try:
                found[image] = values.get(
                    f"{builtin.voter.metric} {row.sha256} {row.reference}",
                    lambda builtin=builtin, image=image, row=row: builtin.measure(  # type: ignore[misc]
                        read_pixels(output / image), read_pixels(output / row.reference)
                    ),
                )
            except (InputError, ValueError) as error:
                problems.append(f"{image}: {builtin.voter.metric} cannot be measured ({error})")
    values.save()
    return problems


def _scored(
    rows: Mapping[str, Collected], voters: Sequence[Voter], metrics: Mapping[str, Mapping[str, float]]
) -> tuple[dict[str, ScoredImage], list[str]]:
    """The images that have a score of people or, without one, of metrics; and those without any."""
    groups = {
        image: f"{row.result.origin} {row.result.task}"
        for image, row in rows.items()
        if row.result.score is None
    }
    pseudo = pseudo_scores(metrics, voters, groups) if voters else {}
    with_people = {row.result.origin for row in rows.values() if row.result.score is not None}
    images: dict[str, ScoredImage] = {}
    for image, row in rows.items():
        score = row.result.score if row.result.score is not None else pseudo.get(image)
        if score is None:
            continue
        origin = row.result.origin
        if row.result.score is None and origin in with_people:
            origin += " by metrics"  # a scale of its own
        images[image] = ScoredImage(
            image=image,
            task=row.result.task,
            content=row.result.content,
            origin=origin,
            restorer=row.result.restorer,
            score=score,
            size=row.size,
        )
    return images, [image for image in rows if image not in images]


def _filter(
    pairs: Sequence[Candidate],
    images: Sequence[ScoredImage],
    ranges: Mapping[str, float],
    options: BuildOptions,
    values: Values,
) -> Filtered:
    @lru_cache(maxsize=KEPT_PICTURES)
    def plane(image: str) -> Plane:
        return luma(read_pixels(options.output / image))

    digests = {
        one.image: hashlib.sha256((options.output / one.image).read_bytes()).hexdigest() for one in images
    }
    threshold, num_images = options.jnd_threshold, 0
    if threshold is None:
        names = " ".join(sorted(digests.values()))
        num_images = min(len(images), options.most_jnd_images)
        key = hashlib.sha256(f"{options.sign} {options.seed} {num_images} {names}".encode()).hexdigest()
        threshold = values.get(
            f"jnd {key}", lambda: jnd_threshold(images, plane, options.sign, options.seed, num_images)[0]
        )
    return filter_pairs(
        pairs,
        thresholds_of(ranges, options.tau_share, options.taus),
        threshold,
        lambda a, b: values.get(f"ssim {digests[a]} {digests[b]}", lambda: ssim(plane(a), plane(b))),
        ranges,
        num_images,
    )


def _labels(
    filtered: Filtered,
    metrics: Mapping[str, Mapping[str, float]],
    voters: Sequence[Voter],
    options: BuildOptions,
) -> tuple[dict[str, Label], list[str]]:
    """Labels by pair, people before metrics; and what is to be told of the votes."""
    pairs = [pair for pair, _ in filtered.kept]
    labels = pseudo_labels(pairs, metrics, voters) if voters else {}
    labels |= score_labels([pair for pair in pairs if pair.a.origin in options.labels_by_score])
    if options.votes is None:
        return labels, []
    votes = known_pairs(read_votes(options.votes), {pair.id for pair in pairs})
    labels |= human_labels(votes.votes, options.consensus)
    if not votes.set_aside:
        return labels, []
    with (options.output / SET_ASIDE).open("w", encoding="utf-8") as file:
        for one in votes.set_aside:
            line = {"where": one.where, "reason": one.reason, "row": one.row}
            file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
    told = [str(one) for one in votes.set_aside[:5]]
    return labels, [
        *told,
        f"{len(votes.set_aside)} of {len(votes.votes) + len(votes.set_aside)} votes do not count; "
        f"{SET_ASIDE} holds them with the reasons",
    ]
