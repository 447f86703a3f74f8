"""Checks the instruments: metrics against recorded values, detectors against cases with a known fault.

    python eval/check_instruments.py DATA [--metric-weights DIR] [--output docs/results/instruments.md]

DATA holds `realsr-osediff` (results of a model with their published values), `iqa-calibration` (pairs with
the values of the metrics' authors) and `dev-pairs/clean` (clean photos). What is not there is left out, and
the exit code is 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import csv
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.blur_context import scenes
from eval.environment import package_versions
from eval.gauges import Gauges
from eval.generation import confusion, judge_detail
from eval.generation_blind import judge_detail_blind
from eval.generation_cases import KINDS, make_cases
from eval.generation_fit import SIDE_PX, central_squares
from eval.metrics import Array
from eval.metrics.table import METRICS, find_metrics
from eval.metrics.torchvision_guard import prepare_torchvision
from eval.pictures import read_picture
from eval.report.files import write_text
from eval.report.markdown import section_lines
from eval.report.model import Column, Section, Table, count, number, word

SEED = 1  # the classifier was fitted on cases of another one
MOST_PHOTOS = 12
PUBLISHED = {
    "psnr_y_ycbcr": "psnr",
    "ssim_y_ycbcr": "ssim",
    "niqe": "niqe",
    "lpips_alex": "lpips",
    "dists": "dists",
}
PUBLISHED |= {"clipiqa": "clipiqa", "musiq": "musiq", "maniqa_pipal": "maniqa"}
# Whose values are recorded under which name; all of them from the codes of the metrics' authors.
CALIBRATED = {"psnr_rgb": "psnr", "ssim_y_yiq": "ssim", "lpips_alex": "lpips"}
CALIBRATED |= {
    id: id
    for id in ("gmsd", "fsim", "niqe", "brisque", "dists", "musiq", "ms_ssim", "vif", "vsi", "nlpd", "piqe")
}
CALIBRATION_PAIRS = ("I03", "I04", "I06", "I08", "I19")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How our values of one metric differ from recorded ones."""

    metric: str
    ours: tuple[float, ...]
    recorded: tuple[float, ...]


def main(argv: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--metric-weights", type=Path, metavar="DIR")
    parser.add_argument("--output", type=Path, default=Path("docs/results/instruments.md"))
    options = parser.parse_args(given)
    prepare_torchvision()
    gauges = Gauges(options.metric_weights or options.data / "metric-params")
    sections = [
        published_section(options.data / "realsr-osediff", gauges),
        calibration_section(options.data / "iqa-calibration", gauges),
        detectors_section(options.data / "dev-pairs" / "clean"),
    ]
    versions = ", ".join(f"{name} {version}" for name, version in package_versions().items())
    lines = [
        "# The instruments",
        "",
        "Generated; do not edit. Made by:",
        "",
        f"    {shlex.join(['python', 'eval/check_instruments.py', *given])}",
        "",
        versions,
        "",
        *(line for section in sections if section is not None for line in section_lines(section)),
    ]
    write_text(options.output, "\n".join(lines) + "\n")
    print(options.output)
    return 0 if all(sections) else 1


def published_section(folder: Path, gauges: Gauges) -> Section | None:
    """Values of published results of another model beside the published ones; None without the data."""
    if not folder.is_dir():
        print(f"left out: no folder {folder}", file=sys.stderr)
        return None
    rows = {row["name"]: row for row in _read_csv(folder / "published_realsr.csv")}
    files = sorted(path for path in (folder / "results_osediff").iterdir() if path.stem in rows)
    found = []
    for metric in find_metrics(PUBLISHED):
        if not gauges.can(metric):
            continue
        ours = [
            gauges.measure(metric, read_picture(path), read_picture(folder / "test_HR" / path.name))
            for path in files
        ]
        recorded = [float(rows[path.stem][PUBLISHED[metric.id]]) for path in files]
        found.append(Difference(metric=metric.id, ours=tuple(ours), recorded=tuple(recorded)))
    columns = ("metric", "n", "published mean", "our mean", "largest difference")
    table = Table(
        title="Published values of a model's results on RealSR",
        columns=tuple(Column(name=name) for name in columns),
        rows=tuple(
            (
                word(one.metric),
                count(len(one.ours)),
                number(float(np.mean(one.recorded)), 6),
                number(float(np.mean(one.ours)), 6),
                number(_largest(one), 6),
            )
            for one in found
        ),
        notes=(_not_run(PUBLISHED, gauges),),
    )
    return Section(id="published", title="Against a published log", tables=(table,))


def calibration_section(folder: Path, gauges: Gauges) -> Section | None:
    """Values of distorted pictures beside those of the metrics' authors; None without the data."""
    if not folder.is_dir():
        print(f"left out: no folder {folder}", file=sys.stderr)
        return None
    official = {row["Method"]: row for row in _read_csv(folder / "results_official.csv")}
    pairs = [
        tuple(read_picture(folder / side / f"{name}.webp") for side in ("dist_dir", "ref_dir"))
        for name in CALIBRATION_PAIRS
    ]
    rows = []
    for metric in find_metrics(CALIBRATED):
        if not gauges.can(metric):
            continue
        ours = [gauges.measure(metric, image, reference) for image, reference in pairs]
        recorded = [float(official[CALIBRATED[metric.id]][f"{name}.bmp"]) for name in CALIBRATION_PAIRS]
        cells = [word(f"{a:.4f} ({b:.4f})") for a, b in zip(ours, recorded, strict=True)]
        one = Difference(metric=metric.id, ours=tuple(ours), recorded=tuple(recorded))
        rows.append((word(metric.id), *cells, number(_largest(one), 4)))
    columns = ("metric", *CALIBRATION_PAIRS, "largest difference")
    table = Table(
        title="Ours, and in brackets the value of the authors' code",
        columns=tuple(Column(name=name) for name in columns),
        rows=tuple(rows),
        notes=(_not_run(CALIBRATED, gauges),),
    )
    return Section(id="calibration", title="Against the authors' codes", tables=(table,))


def detectors_section(folder: Path) -> Section | None:
    """Confusion tables of the detectors of detail on made-up cases; None without the data."""
    if not folder.is_dir():
        print(f"left out: no folder {folder}", file=sys.stderr)
        return None
    clean = central_squares(sorted(folder.iterdir()), MOST_PHOTOS, SEED)
    of_scikit_image = {scene.name: _central(scene.photo) for scene in scenes()}
    tables = []
    for name, photos in (("photos of scikit-image", of_scikit_image), ("clean photos of the data", clean)):
        with_reference, blind = [], []
        for case in make_cases(photos, SEED):
            with_reference.append((case.kind, judge_detail(case.result, case.reference).kind))
            blind.append((case.kind, judge_detail_blind(case.result, case.lq).kind))
        tables.append(_confusion_table(f"By the reference, {len(photos)} {name}", with_reference))
        tables.append(_confusion_table(f"By the input alone, {len(photos)} {name}", blind))
    return Section(
        id="detectors",
        title="Detectors of detail on cases made by us",
        text=(
            "The classifier that judges by the input was fitted on neither set. The limits of the detector "
            "by the reference were chosen with cases of the clean photos in sight, not of scikit-image's.",
        ),
        tables=tuple(tables),
    )


def _confusion_table(title: str, pairs: Sequence[tuple[str, str]]) -> Table:
    table = confusion(pairs)
    right = sum(true == found for true, found in pairs)
    return Table(
        title=f"{title}: {right} of {len(pairs)} right",
        columns=(Column(name="made"), *(Column(name=f"found {kind}") for kind in KINDS)),
        rows=tuple((word(true), *(count(table[true][found]) for found in KINDS)) for true in KINDS),
    )


def _central(photo: Array) -> Array:
    top, left = ((side - SIDE_PX) // 2 for side in photo.shape[:2])
    return photo[top : top + SIDE_PX, left : left + SIDE_PX]


def _largest(one: Difference) -> float:
    return float(np.abs(np.subtract(one.ours, one.recorded)).max())


def _not_run(wanted: dict[str, str], gauges: Gauges) -> str:
    by_reason: dict[str, list[str]] = {}
    for row in METRICS:
        if row.id in wanted and not gauges.can(row):
            by_reason.setdefault(str(gauges.info(row).unavailable), []).append(row.id)
    if not by_reason:
        return "Every recorded metric ran."
    found = "; ".join(f"{', '.join(ids)} ({reason})" for reason, ids in by_reason.items())
    return f"Recorded but not run here: {found}"


def _read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    raise SystemExit(main())
