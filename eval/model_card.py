"""Puts the tables of runs into a model card, so that what the card says is what was measured.

    python eval/model_card.py --card uare/models/uare-tiny/MODEL_CARD.md results/uare-tiny results/realsr

Each RUN is an output folder of `eval/run_all.py`. The tables replace what stands between the two marks in the
card; all else stays. Exit code 2: a run cannot be read, or the card has no marks.
"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse
from collections.abc import Iterator, Sequence

from eval.judging_tables import judging_section
from eval.naming_tables import naming_section
from eval.paired import BETTER, WORSE
from eval.records import (
    CLASSICAL,
    MADE_ELSEWHERE,
    MODEL,
    PEER,
    QUOTED,
    RESTORE,
    UNTOUCHED,
    Item,
    MetricInfo,
    Run,
    SubjectRun,
    SuiteRun,
    read_run,
)
from eval.report.files import write_text
from eval.report.markdown import table_lines
from eval.report.means import compare_values, direction, mean_of, parts_of, values_of
from eval.report.model import Cell, Column, Table, count, mean, word
from uare.errors import InputError, UAREError

BEGIN, END = "<!-- tables: begin (eval/model_card.py) -->", "<!-- tables: end -->"
PSNR, SIMILARITY, STRUCTURE = ("psnr_rgb", "psnr_y_ycbcr"), ("ssim_y_yiq", "ssim_y_ycbcr"), ("gmsd",)
RIVALS = (CLASSICAL, PEER, QUOTED, MADE_ELSEWHERE)  # beside which the model stands, the best of each kind
LEGEND = (
    "Means with 95 % bootstrap intervals. ▲ better than the untouched photo, ▼ worse, by the interval of the "
    "paired difference; no mark: not told apart. The best of others is chosen for each row, after the fact, "
    "among those that did every photo of it. What is quoted was not run here."
)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Puts the tables of runs into a model card.")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="output folder of eval/run_all.py")
    parser.add_argument("--card", type=Path, required=True, help="the model card")
    chosen = parser.parse_args(argv)
    try:
        lines = [line for folder in chosen.runs for line in card_lines(read_run(folder))]
        card = filled(chosen.card.read_text(encoding="utf-8"), [LEGEND, "", *lines], chosen.card.name)
    except (UAREError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    write_text(chosen.card, card)
    print(chosen.card)
    return 0


def filled(card: str, lines: Sequence[str], name: str) -> str:
    """The card with these lines between its marks; InputError if it lacks them."""
    head, begin, rest = card.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise InputError(f"{name} has no lines {BEGIN!r} and {END!r}; put them where the tables belong")
    return "\n".join([head + BEGIN, "", *lines, end + tail])


def card_lines(run: Run) -> Iterator[str]:
    """The tables of a run as lines of Markdown: what it restored, what it named."""
    for suite in run.suites:
        if suite.info.kind == RESTORE and suite.subjects:
            yield from _with_title(restored_table(suite, run))
    for section in (judging_section(run), naming_section(run)):
        if section is not None:
            yield from _with_title(section.tables[0])


def _with_title(table: Table) -> list[str]:
    return [f"### {table.title}", "", *table_lines(table), "", *(f"{note}\n" for note in table.notes)]


def restored_table(suite: SuiteRun, run: Run) -> Table:
    """A suite's parts in rows: the model beside the untouched photo and the best of its rivals."""
    psnr, *others = (_first_measured(run.info.metrics, names) for names in (PSNR, SIMILARITY, STRUCTURE))
    untouched, model = _of_kind(suite, UNTOUCHED)[0], _of_kind(suite, MODEL)[0]
    parts = {name: items for name, items in parts_of(suite).items() if not name.startswith("severity")}
    columns = [Column(name="photos"), Column(name="n"), *_pair_of_columns(psnr, untouched, model)]
    rivals = {kind: of_kind for kind in RIVALS if (of_kind := _of_kind(suite, kind))}
    columns += [Column(name=f"best {kind}") for kind in rivals]
    for metric in others:
        columns += _pair_of_columns(metric, untouched, model)
    rows = []
    for name, items in {**parts, "all": list(suite.items)}.items():
        cells = [word(name), count(len(items)), *_pair(untouched, model, items, psnr, run.info.seed)]
        cells += [_best(of_kind, items, psnr, run.info.seed) for of_kind in rivals.values()]
        for metric in others:
            cells += _pair(untouched, model, items, metric, run.info.seed)
        rows.append(tuple(cells))
    return Table(title=suite.info.title, columns=tuple(columns), rows=tuple(rows))


def _first_measured(metrics: Sequence[MetricInfo], names: Sequence[str]) -> MetricInfo:
    by_id = {metric.id: metric for metric in metrics if metric.unavailable is None}
    found = next((by_id[name] for name in names if name in by_id), None)
    if found is None:
        raise InputError(f"the run measured none of {', '.join(names)}; run it again with one of them")
    return found


def _of_kind(suite: SuiteRun, kind: str) -> list[SubjectRun]:
    return [one for one in suite.subjects if one.info.kind == kind]


def _pair_of_columns(metric: MetricInfo, untouched: SubjectRun, model: SubjectRun) -> list[Column]:
    return [
        Column(name=f"{metric.id}: {untouched.info.kind}"),
        Column(name=model.info.name, better=direction(metric)),
    ]


def _pair(
    untouched: SubjectRun, model: SubjectRun, items: Sequence[Item], metric: MetricInfo, seed: int
) -> list[Cell]:
    before, after = values_of(untouched, items, metric.id), values_of(model, items, metric.id)
    compared = compare_values(after, before, items, metric, seed)
    shown = mean(mean_of(after, items, seed), metric.decimals)
    sign = {BETTER: " ▲", WORSE: " ▼"}.get(compared.verdict if compared else "", "")
    return [
        mean(mean_of(before, items, seed), metric.decimals),
        Cell(text=shown.text + sign, value=shown.value, n=shown.n),
    ]


def _best(rivals: Sequence[SubjectRun], items: Sequence[Item], metric: MetricInfo, seed: int) -> Cell:
    """The rival with the best mean of those that did every item; a dash if none did."""
    whole = [one for one in rivals if len(values_of(one, items, metric.id)) == len(items)]
    means = {one.info.name: mean_of(values_of(one, items, metric.id), items, seed) for one in whole}
    known = {name: found for name, found in means.items() if found is not None}
    if not known:
        return Cell(text="–")
    sign = 1 if metric.higher_is_better else -1
    name, best = max(known.items(), key=lambda pair: sign * pair[1].mean)
    return Cell(text=f"{best.text(metric.decimals)}, {name.removesuffix(' (quoted)')}", n=best.num_values)


if __name__ == "__main__":
    sys.exit(main())
