"""What came of restorations that judged themselves: the choice among several, the check against the input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from data.fgrestore.measures import BUILTINS, Voter
from eval.intervals import mean_with_interval
from eval.paired import compare_paired
from eval.report.model import Better, Cell, Column, Section, Table, count, mean, number, word
from uare.compare import outcome_of

ALL = "all"
DECIMALS = {"psnr": 2, "ssim": 4, "ciede2000": 2}
BETTER, EQUAL, WORSE = "better", "about equal", "worse"
Probabilities = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One way of restoring one picture; values are those of metrics by the reference."""

    group: str
    photo: str
    way: int  # 0: as it is done without --best-of
    values: dict[str, float]
    input_values: dict[str, float]
    points: float  # among the ways of this picture, by the judge (by the score without one)
    score: float
    input_score: float
    by_judge: Probabilities | None  # (result better, input better, equal)
    by_words: Probabilities

    @property
    def truth(self) -> str:
        """What more than half of the metrics prefer, with their bands; else equal."""
        cast = [
            row.voter.prefers(self.values[row.voter.metric], self.input_values[row.voter.metric])
            for row in BUILTINS
        ]
        for side, outcome in ((1, BETTER), (-1, WORSE)):
            if 2 * cast.count(side) > len(BUILTINS):
                return outcome
        return EQUAL


def best_of_section(tried: Sequence[Tried], seed: int) -> Section:
    """Single restoration, best of several by judge and by score, random choice, and the best there was."""
    photos = by_photo(tried)
    num_ways = len(next(iter(photos.values())))
    choices: dict[str, Callable[[list[Tried], str], float]] = {
        "as it is done alone": lambda ways, metric: ways[0].values[metric],
        "best of all, by the judge": lambda ways, metric: _first_best(ways, "points").values[metric],
        "best of all, by the score": lambda ways, metric: _first_best(ways, "score").values[metric],
        "chosen at random": lambda ways, metric: float(np.mean([one.values[metric] for one in ways])),
        "the best there was": _extreme,
    }
    groups = [ALL, *dict.fromkeys(one.group for one in tried)]
    tables = [_choice_table(photos, choices, group, seed) for group in groups]
    return Section(
        id="best-of",
        title=f"Best of {num_ways}",
        text=(
            f"Every picture was restored in {num_ways} ways (uare/candidates.py). The best there was is "
            "chosen by the reference, for each metric anew. Intervals: 95 %, drawn over pictures; gains are "
            "paired.",
        ),
        tables=(tables[0],),
        details=tuple(tables[1:]),
    )


def verify_section(tried: Sequence[Tried], seed: int) -> Section:
    """How often the check of a result against its input is right, by who decides."""
    rules = ", ".join(f"{row.voter.metric} (band {row.voter.band:g})" for row in BUILTINS)
    single = [one for one in tried if one.way == 0]
    tables = [
        _verify_table(single, "The restoration as it is done alone", seed),
        _verify_table(tried, "All ways of restoring", seed),
    ]
    tables += [_confusion(one, name) for one, name in ((tried, "the judge"),) if one[0].by_judge is not None]
    tables.append(_shipped_table(single, seed))
    return Section(
        id="verify",
        title="The check of results (--verify)",
        text=(
            f"The truth here is a vote of metrics by the reference: {rules}; what more than half prefer, "
            "else about equal. No people were asked. A result that is judged worse is not written, and the "
            "input is kept; one that is about equal is written.",
        ),
        tables=tuple(tables),
    )


def by_photo(tried: Sequence[Tried]) -> dict[tuple[str, str], list[Tried]]:
    """The ways of each picture, in their order."""
    photos: dict[tuple[str, str], list[Tried]] = {}
    for one in tried:
        photos.setdefault((one.group, one.photo), []).append(one)
    return {key: sorted(ways, key=lambda one: one.way) for key, ways in photos.items()}


def deciders(one: Tried) -> dict[str, str]:
    """Who decides -> what the result is called."""
    found: dict[str, str] = {}
    if one.by_judge is not None:
        found["the judge"] = outcome_of(one.by_judge)
    found["the model's words"] = outcome_of(one.by_words)
    found["the model's score"] = BETTER if one.score > one.input_score else WORSE
    found["always better"] = BETTER
    return found


def _first_best(ways: Sequence[Tried], name: str) -> Tried:
    return max(ways, key=lambda one: (getattr(one, name), -one.way))


def _extreme(ways: Sequence[Tried], metric: str) -> float:
    higher = next(row.voter.higher_is_better for row in BUILTINS if row.voter.metric == metric)
    return (max if higher else min)(one.values[metric] for one in ways)


def _choice_table(
    photos: dict[tuple[str, str], list[Tried]],
    choices: dict[str, Callable[[list[Tried], str], float]],
    group: str,
    seed: int,
) -> Table:
    own = [ways for (of, _), ways in photos.items() if group in (ALL, of)]
    columns = [Column(name="choice")]
    for row in BUILTINS:
        better: Better = "higher" if row.voter.higher_is_better else "lower"
        columns += [Column(name=row.voter.metric, better=better), Column(name="gain over alone")]
        columns += [Column(name="gain over random")]
    rows = []
    for name, choose in choices.items():
        cells = [word(name)]
        for row in BUILTINS:
            metric, places = row.voter.metric, DECIMALS[row.voter.metric]
            values = [choose(ways, metric) for ways in own]
            cells.append(number(float(np.mean(values)), places))
            for other in ("as it is done alone", "chosen at random"):
                cells.append(_gain(values, [choices[other](ways, metric) for ways in own], row.voter, seed))
        rows.append(tuple(cells))
    return Table(title=f"Choices, {group} (n = {len(own)})", columns=tuple(columns), rows=tuple(rows))


def _gain(values: Sequence[float], others: Sequence[float], voter: Voter, seed: int) -> Cell:
    """The mean paired gain, positive for better; a dash where nothing differs."""
    if list(values) == list(others):
        return word("–")
    found = compare_paired(values, others, higher_is_better=voter.higher_is_better, seed=seed)
    return mean(found.difference, DECIMALS[voter.metric])


def _verify_table(tried: Sequence[Tried], title: str, seed: int) -> Table:
    names = list(deciders(tried[0]))
    said = [deciders(one) for one in tried]
    groups = [f"{one.group}/{one.photo}" for one in tried]
    truth = [one.truth for one in tried]
    rows = []
    for name in names:
        right = [float(found[name] == true) for found, true in zip(said, truth, strict=True)]
        sides = [(found[name] != WORSE) == (true != WORSE) for found, true in zip(said, truth, strict=True)]
        lost = [found[name] != WORSE for found, true in zip(said, truth, strict=True) if true == WORSE]
        spared = [found[name] == WORSE for found, true in zip(said, truth, strict=True) if true == BETTER]
        rows.append(
            (
                word(name),
                _share(right, groups, seed),
                _share([float(one) for one in sides], groups, seed),
                word(f"{sum(lost)} of {len(lost)}"),
                word(f"{sum(spared)} of {len(spared)}"),
            )
        )
    counts = ", ".join(f"{truth.count(one)} {one}" for one in (BETTER, EQUAL, WORSE))
    return Table(
        title=f"{title} (n = {len(tried)})",
        columns=(
            Column(name="who decides"),
            Column(name="right, %", about="one of three", better="higher"),
            Column(name="right about what is written, %", about="worse or not", better="higher"),
            Column(name="worse results written", better="lower"),
            Column(name="better results withheld", better="lower"),
        ),
        rows=tuple(rows),
        notes=(f"By the references: {counts}.",),
    )


def _share(hits: Sequence[float], groups: Sequence[str], seed: int) -> Cell:
    found = mean_with_interval(hits, seed, groups)
    return Cell(text=found.text(1, scale=100), value=100 * found.mean, n=found.num_values)


def _confusion(tried: Sequence[Tried], name: str) -> Table:
    outcomes = (BETTER, EQUAL, WORSE)
    return Table(
        title=f"What {name} says of all ways of restoring",
        columns=(Column(name="is, by the references"), *(Column(name=f"said {one}") for one in outcomes)),
        rows=tuple(
            (
                word(true),
                *(
                    count(sum(one.truth == true and deciders(one)[name] == said for one in tried))
                    for said in outcomes
                ),
            )
            for true in outcomes
        ),
    )


def _shipped_table(tried: Sequence[Tried], seed: int) -> Table:
    """What is written with each decider, against always writing the restoration."""
    rows = []
    for name in deciders(tried[0]):
        cells = [word(name)]
        for row in BUILTINS:
            metric, places = row.voter.metric, DECIMALS[row.voter.metric]
            always = [one.values[metric] for one in tried]
            kept = [
                (one.input_values if deciders(one)[name] == WORSE else one.values)[metric] for one in tried
            ]
            cells += [number(float(np.mean(kept)), places), _gain(kept, always, row.voter, seed)]
        rows.append(tuple(cells))
    columns = [Column(name="who decides")]
    for row in BUILTINS:
        better: Better = "higher" if row.voter.higher_is_better else "lower"
        columns += [Column(name=row.voter.metric, better=better), Column(name="gain by the check")]
    return Table(
        title="What is written of the restoration done alone", columns=tuple(columns), rows=tuple(rows)
    )
