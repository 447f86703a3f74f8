"""How well ratings rank held-out pictures: values of each picture, and their rank correlation by set."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from data.rows import seed_of
from training.journal import step_of
from training.rl2r_data import RatedPicture
from training.rl2r_policy import sample_answers
from training.rl2r_settings import Rl2rSettings
from uare.assess import level_distributions, user_text
from uare.decoding import read
from uare.experts.iqa import expected_score
from uare.model import UAREModel
from uare.patches import vision_item
from uare.ratings import OVERALL, parse_ratings
from uare.tokenizer import TextTokenizer

FILE = "held-out.jsonl"
NUM_RESAMPLES = 1000
COVERAGE = 0.95
Vector = NDArray[np.float64]


@torch.no_grad()
def rate(
    network: UAREModel, tokenizer: TextTokenizer, picture: RatedPicture, settings: Rl2rSettings
) -> dict[str, float]:
    """The value of each name for a picture; NaN where no answer states one.

    `levels`: the expected level, as the pipeline reads it. `scores`: the mean of a few sampled answers.
    """
    form = settings.answers.form
    view = vision_item(picture.pixels, network.config, network.config.assess_transform)
    question = user_text(tokenizer, form.question)
    if form.kind == "levels":
        asked = read(network, [[question]], read(network, [[view]]))
        overall, attributes = level_distributions(network, tokenizer, asked)
        return {name: float(expected_score(one)) for name, one in {OVERALL: overall, **attributes}.items()}
    seeds = [
        seed_of(settings.seed, "validation", picture.id, picture.seed, k)
        for k in range(settings.validation.answers)
    ]
    ((*answers,),) = sample_answers(
        network, [(view, question)], [seeds], settings.answers.max_tokens, settings.answers.temperature
    )
    read_values = [parse_ratings(tokenizer.decode(one.ids), form).values for one in answers]
    found = {}
    for name in form.names:
        stated = [value for one in read_values if (value := one[name]) is not None]
        found[name] = sum(stated) / len(stated) if stated else math.nan
    return found


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """One picture's values and labels after a step."""

    step: int
    set_name: str
    id: str
    labels: Mapping[str, float]
    values: Mapping[str, float]


def append_held_out(output: Path, rows: Sequence[HeldOut]) -> None:
    """Adds the values after a step to the run."""
    with (output / FILE).open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(vars(row)) + "\n" for row in rows)


def rewind_held_out(output: Path, step: int) -> None:
    """Takes out what was measured after a step from which the run goes on."""
    path = output / FILE
    if path.exists():
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if step_of(line) <= step]
        path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def read_held_out(output: Path) -> dict[int, list[HeldOut]]:
    """Step -> its pictures, in their order; the start is step 0."""
    found: dict[int, list[HeldOut]] = {}
    for line in (output / FILE).read_text(encoding="utf-8").splitlines():
        row = HeldOut(**json.loads(line))
        found.setdefault(row.step, []).append(row)
    return found


def srcc(values: Vector, labels: Vector) -> float:
    """Spearman's rank correlation; 0 where all values are equal (they rank nothing), NaN for equal labels."""
    known = ~(np.isnan(values) | np.isnan(labels))
    values, labels = values[known], labels[known]
    if len(labels) < 2 or np.ptp(labels) == 0:
        return math.nan
    if np.ptp(values) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(values), rankdata(labels))[0, 1])


def _columns(rows: Sequence[HeldOut], name: str) -> tuple[Vector, Vector]:
    values = np.array([row.values.get(name, math.nan) for row in rows])
    return values, np.array([row.labels.get(name, math.nan) for row in rows])


def srcc_by_set(rows: Sequence[HeldOut], name: str) -> dict[str, float]:
    """Set -> rank correlation of a name's values with its labels; sets are never compared."""
    return {
        one: srcc(*_columns([row for row in rows if row.set_name == one], name))
        for one in dict.fromkeys(row.set_name for row in rows)
    }


def mean_srcc(rows: Sequence[HeldOut], name: str) -> float:
    """The mean over sets; NaN where no set has labels."""
    known = [value for value in srcc_by_set(rows, name).values() if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Mean rank correlation before and after, their difference and its 95 % bootstrap interval."""

    before: float
    after: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        return self.after - self.before


def gain(before: Sequence[HeldOut], after: Sequence[HeldOut], names: Sequence[str], seed: int = 0) -> Gain:
    """What training brought on the same pictures, mean over names; whole contents are resampled together."""

    def measured(rows: Sequence[HeldOut]) -> float:
        return fmean(mean_srcc(rows, name) for name in names)

    contents = list(dict.fromkeys(row.id for row in before))
    places = {one: [i for i, row in enumerate(before) if row.id == one] for one in contents}
    drawn = np.random.default_rng(seed).integers(len(contents), size=(NUM_RESAMPLES, len(contents)))
    differences = []
    for sample in drawn:
        rows = [i for content in sample for i in places[contents[content]]]
        a, b = [before[i] for i in rows], [after[i] for i in rows]
        differences.append(measured(b) - measured(a))
    tail = (1 - COVERAGE) / 2
    low, high = np.nanquantile(differences, [tail, 1 - tail])
    return Gain(before=measured(before), after=measured(after), low=float(low), high=float(high))
