"""The tables of a pairs run as Markdown for reading, JSON for programs and CSV per picture."""

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eval.intervals import COVERAGE, NUM_RESAMPLES, MeanInterval
from eval.pair_scores import PAIR_METRICS, Score
from eval.pair_tables import Group, Row
from eval.subjects import CLASSICAL, INPUT, MODEL, QUOTED
from eval.synthetic import NOTHING, SyntheticReport

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class PairsReport:
    """All that a run found out."""

    command: str
    seed: int
    versions: dict[str, str]  # package -> version
    groups: list[Group]
    totals: list[Group]
    scores: list[Score]
    synthetic: SyntheticReport | None
    problems: list[str]


def write_report(report: PairsReport, output: Path) -> None:
    """Writes `pairs.md`, `pairs.json` and `per_image.csv` into a folder, each whole or not at all."""
    output.mkdir(parents=True, exist_ok=True)
    _write(output / "pairs.md", markdown(report))
    _write(output / "pairs.json", json.dumps(as_json(report), indent=1) + "\n")
    _write(output / "per_image.csv", per_image_csv(report.scores))


def markdown(report: PairsReport) -> str:
    """The report for reading: what made it, a summary, a table per type, the judge, the problems."""
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    lines = [
        "# Restoration of degraded/clean pairs",
        "",
        "Generated; do not edit. Made by:",
        "",
        f"    {report.command}",
        "",
        f"Seed {report.seed}; {versions}.",
        f"Means over pictures with {COVERAGE:.0%} bootstrap intervals ({NUM_RESAMPLES} resamples), scored "
        "from 8-bit PNG files. PSNR: all RGB values. PSNR-Y and SSIM-Y: studio-range luma (`eval/metrics/` "
        "has the recipes). GMSD: structure, lower is better.",
        "",
    ]
    lines += _summary(report.groups)
    for group in report.groups + report.totals:
        lines += _group_section(group)
    if report.synthetic:
        lines += _synthetic_sections(report.synthetic)
    lines += ["## Problems", ""]
    lines += [f"- {problem}" for problem in report.problems] or ["None: every listed pair was used."]
    return "\n".join(lines) + "\n"


def as_json(report: PairsReport) -> dict[str, Any]:
    """The report in plain JSON types; `schema_version` changes when a field changes its meaning."""
    return {
        "schema_version": SCHEMA_VERSION,
        "command": report.command,
        "seed": report.seed,
        "versions": report.versions,
        "groups": [_group_json(group) for group in report.groups],
        "totals": [_group_json(group) for group in report.totals],
        "synthetic": asdict(report.synthetic) if report.synthetic else None,
        "problems": report.problems,
    }


def per_image_csv(scores: Sequence[Score]) -> str:
    """One line per picture and subject, values in full."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(
        ["type", "source", "pair", "subject", "elapsed_s", *(metric.name for metric in PAIR_METRICS)]
    )
    for one in scores:
        source = "real" if one.pair.real else "synthetic"
        head = [one.pair.type, source, one.pair.name, one.subject.name, f"{one.prediction.elapsed_s:.3f}"]
        table.writerow([*head, *(f"{one.values[metric.name]:.6f}" for metric in PAIR_METRICS)])
    return text.getvalue()


def _summary(groups: Sequence[Group]) -> list[str]:
    """One line per group: input, restoration, best classical baseline, best quoted peer, and the gains."""
    gained = ("gain over input, PSNR", "gain over input, SSIM-Y", "gain over best classical, PSNR")
    table = [["type", "pairs", "n", "input", "restored", "best classical", "best quoted", *gained]]
    for group in groups:
        untouched, best = group.row(INPUT), group.best_classical("PSNR")
        model = next((row for row in group.rows if row.kind == MODEL), None)
        peers = [row for row in group.rows if row.kind == QUOTED and row.num_pairs == group.num_pairs]
        peer = max(peers, key=lambda row: row.metrics["PSNR"].mean, default=None)
        over_input = group.gains.get((model.name, INPUT), {}) if model else {}
        over_best = group.gains.get((model.name, best.name), {}) if model and best else {}
        means = (_psnr_of(untouched), _psnr_of(model), _psnr_of(best, named=True), _psnr_of(peer, named=True))
        gains = (_gain(over_input, "PSNR", 2), _gain(over_input, "SSIM-Y", 4), _gain(over_best, "PSNR", 2))
        table.append([group.type, group.source, str(group.num_pairs), *means, *gains])
    return ["## Summary (PSNR in dB)", "", *_table(table), ""]


def _group_section(group: Group) -> list[str]:
    """A table of every subject in a group; the best classical value of each metric is bold."""
    header = ["", "what", "n"] + [f"{m.name} {m.unit}".strip() for m in PAIR_METRICS]
    table = [header]
    best = {metric.name: group.best_classical(metric.name) for metric in PAIR_METRICS}
    for row in group.rows:
        cells = []
        for metric in PAIR_METRICS:
            interval = row.metrics.get(metric.name)
            text = interval.text(metric.decimals) if interval else "–"
            cells.append(f"**{text}**" if best[metric.name] is row else text)
        table.append([row.name, row.kind, str(row.num_pairs), *cells])
    title = f"## {group.type}, {group.source} pairs (n = {group.num_pairs})"
    notes = []
    if any(row.kind == CLASSICAL for row in group.rows):
        notes.append("Bold: the best classical baseline of each column.")
    if any(row.kind == QUOTED for row in group.rows):
        notes.append("Quoted: published networks' values on these pairs, read from a file and not run here.")
    return [title, "", *_table(table), "", *([" ".join(notes), ""] if notes else [])]


def _synthetic_sections(report: SyntheticReport) -> list[str]:
    """The judge on clean photos harmed by us: naming, ranking, comparing, and leaving clean photos alone."""
    measured = ("named correctly, %", "Spearman of severity and falling score")
    told_apart = ("worse version by compare, %", "worse version by score, %")
    table = [["type", *measured, *told_apart, "series"]]
    for row in report.rows:
        shares = [one.text(1, scale=100) for one in (row.worse_by_compare, row.worse_by_score)]
        named_correctly = row.named_correctly.text(1, scale=100)
        num_series = str(row.rank_agreement.num_values)
        table.append([row.type, named_correctly, row.rank_agreement.text(3), *shares, num_series])
    levels = [["severity", "named correctly, %"]]
    levels += [[str(i + 1), one.text(1, scale=100)] for i, one in enumerate(report.named_by_severity)]
    types = list(report.called)
    others = sorted({name for row in report.called.values() for name in row} - {*types, NOTHING})
    columns = [*types, *others, NOTHING]
    named = [["is \\ called", *columns]]
    named += [[true, *(str(report.called[true].get(name, 0)) for name in columns)] for true in types]
    photos = report.clean_psnr_db.num_values
    return [
        f"## Clean photos harmed at severity 1 to 5 ({photos} photos)",
        "",
        "A series is one photo harmed by one type at each severity. Intervals are drawn over photos.",
        "",
        *_table(table),
        "",
        *_table(levels),
        "",
        "How often each harm was called what, as the main degradation:",
        "",
        *_table(named),
        "",
        f"Unharmed photos (n = {photos}): restored, they are {report.clean_psnr_db.text(2)} dB from "
        f"themselves; {report.called_clean.text(1, scale=100)} % are called clean.",
        "",
    ]


def _group_json(group: Group) -> dict[str, Any]:
    best = {metric.name: group.best_classical(metric.name) for metric in PAIR_METRICS}
    return {
        "type": group.type,
        "source": group.source,
        "n": group.num_pairs,
        "rows": [
            {
                "name": row.name,
                "kind": row.kind,
                "n": row.num_pairs,
                "metrics": {name: asdict(one) for name, one in row.metrics.items()},
            }
            for row in group.rows
        ],
        "best_classical": {name: row.name if row else None for name, row in best.items()},
        "gains": [
            {"of": ours, "over": theirs, "metrics": {name: asdict(one) for name, one in values.items()}}
            for (ours, theirs), values in group.gains.items()
        ],
    }


def _psnr_of(row: Row | None, named: bool = False) -> str:
    if row is None:
        return "–"
    value = f"{row.metrics['PSNR'].mean:.2f}"
    return f"{row.name} {value}" if named else value


def _gain(gains: dict[str, MeanInterval], metric: str, decimals: int) -> str:
    return gains[metric].text(decimals) if metric in gains else "–"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Markdown lines of a table whose first row is the header; a bar inside a cell is escaped."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(rows[0]), line("---" for _ in rows[0]), *(line(row) for row in rows[1:])]


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
