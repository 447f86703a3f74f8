"""Measures the pictures of a set of pairs by metrics of the evaluation, for a vote of metrics.

    python eval/measure_set.py SET --metrics psnr_rgb,fsim,gmsd

Writes `SET/measured.csv`, which `python data/build_fgrestore.py --measured SET/measured.csv --vote ...`
takes. SET is a folder that the builder has filled before, with or without labels. Values that are in the
table already are not measured again. Exit code 0: all done; 1: something could not be measured; 2: nothing
could.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
import csv
from collections.abc import Sequence

from data.fgrestore.layout import FineImage, read_images
from data.fgrestore.measures import TABLE_COLUMNS, read_measured
from eval.gauges import Gauges
from eval.metrics.rows import Metric
from eval.metrics.table import find_metrics
from eval.pictures import read_picture
from eval.progress import Progress
from eval.runner import readable
from uare.errors import InputError, UAREError

TABLE = "measured.csv"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measures the pictures of a set of pairs.")
    parser.add_argument("set", type=Path, metavar="SET", help="folder that data/build_fgrestore.py filled")
    parser.add_argument("--metrics", required=True, metavar="A,B", help="protocol ids (eval/METRICS.md)")
    parser.add_argument("--metric-weights", type=Path, metavar="DIR", help="weights of metrics, used offline")
    chosen = parser.parse_args(argv)
    try:
        names = tuple(name.strip() for name in chosen.metrics.split(",") if name.strip())
        problems = measure_set(chosen.set, find_metrics(names), Gauges(chosen.metric_weights))
    except (UAREError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for problem in problems:
        print(f"problem: {problem}", file=sys.stderr)
    print(chosen.set / TABLE)
    return 1 if problems else 0


def measure_set(folder: Path, metrics: Sequence[Metric], gauges: Gauges) -> list[str]:
    """Fills the table of a set; a sentence for each metric and each picture that gave no value."""
    images = read_images(folder)
    path = folder / TABLE
    measured = read_measured(path).values if path.is_file() else {}
    problems = [
        f"{metric.id} is unavailable: {gauges.info(metric).unavailable}"
        for metric in metrics
        if not gauges.can(metric)
    ]
    usable = [metric for metric in metrics if gauges.can(metric)]
    is_new = not path.is_file()
    progress = Progress(f"{folder.name}, measuring", len(images), shown=True)
    with path.open("a", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        if is_new:
            table.writerow(TABLE_COLUMNS)
        for image in images:
            wanted = [
                metric
                for metric in usable
                if image.image not in measured.get(metric.id, {})
                and (image.reference or not metric.needs_reference)
            ]
            for metric in wanted:
                value = _value(folder, image, metric, gauges)
                if isinstance(value, str):
                    problems.append(f"{image.image}: {metric.id} failed ({value})")
                else:
                    table.writerow((image.image, metric.id, repr(value), metric.higher_is_better))
            file.flush()
            progress.step(image.image, worked=bool(wanted))
    return problems


def _value(folder: Path, image: FineImage, metric: Metric, gauges: Gauges) -> float | str:
    """The value, or why there is none."""
    try:
        reference = read_picture(folder / image.reference) if metric.needs_reference else None
        return gauges.measure(metric, read_picture(folder / image.image), reference)
    except InputError as error:
        return str(error)
    except Exception as error:  # whatever a library raises on one picture, the others go on
        return readable(error)


if __name__ == "__main__":
    raise SystemExit(main())
