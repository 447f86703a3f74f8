"""How near restored pictures are to their references, as far as a vote of metrics needs it.

Three metrics of scikit-image are at hand: they look at errors, at structure and at colour, each in its own
way. Values of any other metric come from a table `image,metric,value,higher_is_better`, such as the one that
`python eval/measure_set.py` writes; `image` is the path in the folder of the set.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from data.fgrestore.filters import luma, ssim
from data.fgrestore.results import NO, YES
from uare.errors import InputError

Pixels = NDArray[np.uint8]  # (H, W, 3)
MOST_DB = 80.0  # of equal pictures, whose PSNR has no end
TABLE_COLUMNS = ("image", "metric", "value", "higher_is_better")
BAND_MARK = ":"


@dataclass(frozen=True, kw_only=True)
class Voter:
    """A metric that votes between two pictures; it abstains where they differ by `band` or less."""

    metric: str
    band: float
    higher_is_better: bool

    def prefers(self, a: float, b: float) -> int:
        """1: the first, 0: neither, -1: the second."""
        lead = a - b if self.higher_is_better else b - a
        return 0 if abs(lead) <= self.band else int(np.sign(lead))


@dataclass(frozen=True, kw_only=True)
class Builtin:
    """A metric that is measured here."""

    voter: Voter  # with the band that is taken unless another is given
    measure: Callable[[Pixels, Pixels], float]


def psnr(image: Pixels, reference: Pixels) -> float:
    """Peak signal-to-noise ratio over all RGB values in dB, at most 80."""
    from skimage.metrics import peak_signal_noise_ratio

    if np.array_equal(image, reference):
        return MOST_DB
    return min(float(peak_signal_noise_ratio(reference, image, data_range=255)), MOST_DB)


def ssim_luma(image: Pixels, reference: Pixels) -> float:
    """`data.fgrestore.filters.ssim` of the lumas."""
    return ssim(luma(image), luma(reference))


def colour_distance(image: Pixels, reference: Pixels) -> float:
    """Mean CIEDE2000 difference over all pixels, 0 is equal."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    return float(np.mean(deltaE_ciede2000(rgb2lab(reference), rgb2lab(image))))


# Bands: a tenth of a decibel, a five-hundredth of SSIM, a fifth of what an eye tells apart side by side.
BUILTINS: tuple[Builtin, ...] = (
    Builtin(voter=Voter(metric="psnr", band=0.1, higher_is_better=True), measure=psnr),
    Builtin(voter=Voter(metric="ssim", band=0.002, higher_is_better=True), measure=ssim_luma),
    Builtin(voter=Voter(metric="ciede2000", band=0.2, higher_is_better=False), measure=colour_distance),
)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Values by metric and image, the image as its path in the folder of the set."""

    values: Mapping[str, Mapping[str, float]]
    higher_is_better: Mapping[str, bool]


def read_measured(path: Path) -> Measured:
    """Reads a table of values; InputError naming the line for one that cannot be used."""
    values: dict[str, dict[str, float]] = {}
    directions: dict[str, bool] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            missing = [name for name in TABLE_COLUMNS if name not in (table.fieldnames or ())]
            if missing:
                raise InputError(
                    f"{path} lacks the columns {', '.join(missing)}; expected {','.join(TABLE_COLUMNS)}"
                )
            for row in table:
                metric, direction = row["metric"], (row["higher_is_better"] or "").lower()
                if direction not in (*YES, *NO) or directions.get(metric, direction in YES) != (
                    direction in YES
                ):
                    raise InputError(
                        f"{path}, line {table.line_num}: found higher_is_better {direction!r} for {metric}, "
                        "expected true or false, the same in every row of a metric"
                    )
                directions[metric] = direction in YES
                values.setdefault(metric, {})[row["image"]] = float(row["value"])
    except (OSError, UnicodeDecodeError, csv.Error, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is no table of values ({error}); write it again") from error
    return Measured(values=values, higher_is_better=directions)


def voters_named(names: Sequence[str], measured: Measured | None) -> list[Voter]:
    """The voters of `metric` or `metric:band`; InputError for an unknown metric or a band below 0."""
    builtin = {row.voter.metric: row.voter for row in BUILTINS}
    voters = []
    for name in names:
        metric, mark, band = name.partition(BAND_MARK)
        own = builtin.get(metric)
        known = {**builtin, **dict.fromkeys(measured.values if measured else ())}
        if metric not in known:
            raise InputError(
                f"there is no metric {metric!r}; choose from {', '.join(known)}, or give a table of values"
            )
        try:
            width = float(band) if mark else (own.band if own else 0.0)
        except ValueError:
            width = -1.0
        if not width >= 0:
            raise InputError(f"found the voter {name!r}, expected METRIC or METRIC:BAND with a band from 0")
        if own is not None:
            better = own.higher_is_better
        else:
            assert measured is not None
            better = measured.higher_is_better[metric]
        voters.append(Voter(metric=metric, band=width, higher_is_better=better))
    return voters


def pseudo_scores(
    values: Mapping[str, Mapping[str, float]], voters: Sequence[Voter], groups: Mapping[str, str]
) -> dict[str, float]:
    """A score in 0..1 for each image that all voters have a value of: the mean of its places among its group.

    groups: image -> what it is ranked among, its task. A place is the share of the group's images that are
    worse, equal ones counted half. Such a score says nothing outside its group.
    """
    members: dict[str, list[str]] = {}
    for image, group in groups.items():
        if all(image in values[voter.metric] for voter in voters):
            members.setdefault(group, []).append(image)
    scores: dict[str, float] = {}
    for images in members.values():
        places = np.zeros(len(images))
        for voter in voters:
            sign = 1 if voter.higher_is_better else -1
            places += rankdata([sign * values[voter.metric][image] for image in images]) - 0.5
        places /= len(voters) * len(images)
        scores |= dict(zip(images, places.tolist(), strict=True))
    return scores
