"""Over-sharpening, invented and missing detail over a whole run: shares by subject, and the worst pictures.

Each restored picture is judged once, by its reference or else by its input; what was found stands in
`<suite>/<subject>/detail.jsonl`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from eval.adapters.subject import text_digest
from eval.generation import judge_detail
from eval.generation_blind import judge_detail_blind
from eval.generation_cases import FAITHFUL, KINDS
from eval.intervals import mean_with_interval
from eval.item_pictures import read_input, read_reference, read_result, result_size
from eval.progress import Progress
from eval.records import RESTORE, Item, Prediction, Run, SubjectRun, SuiteRun, picture_of
from eval.report.means import source_of
from eval.report.model import Cell, Column, Section, Table, count, number, percent, word
from uare.errors import InputError
from uare.writing import write_atomically

FILE = "detail.jsonl"
RECIPE = "1"  # counted up when a detector changes
WORST = 10  # pictures listed per subject


@dataclass(frozen=True, kw_only=True)
class Detail:
    """What became of the detail of one restored picture."""

    item: str
    made_of: str  # digest of picture, reference and recipe: another one, and it is judged again
    kind: str  # one of KINDS
    severity: float  # 0 for a faithful one, else how far beyond the limit, or how sure
    by_reference: bool


def detail_section(run: Run) -> Section | None:
    """Judges what is not judged yet; None where no picture was restored."""
    tables: list[Table] = []
    details: list[Table] = []
    for suite in run.suites:
        if suite.info.kind != RESTORE:
            continue
        judged = {
            subject.info.name: found
            for subject in suite.subjects
            if (found := _judge(suite, subject, run.folder))
        }
        if judged:
            tables.append(_shares(suite, judged, run.info.seed))
            details += [_worst(suite, name, found) for name, found in judged.items()]
    if not tables:
        return None
    return Section(
        id="detail",
        title="Too sharp, too much, too little",
        text=(
            "Pictures with a reference are judged by it (eval/generation.py), others by their input, "
            "which is less certain (eval/generation_blind.py).",
        ),
        tables=tuple(tables),
        details=tuple(one for one in details if one.rows),
    )


def _judge(suite: SuiteRun, subject: SubjectRun, output: Path) -> list[Detail]:
    """The verdicts on a subject's pictures in the order of the items; a picture that fails has none."""
    folder = output / suite.info.name / subject.info.folder
    known = {one.item: one for one in _read(folder / FILE)}
    todo = [item for item in suite.items if _picture(subject, item) is not None]
    if not todo:
        return []
    progress = Progress(f"{suite.info.name}, detail of {subject.info.name}", len(todo), shown=True)
    found: list[Detail] = []
    for item in todo:
        prediction = subject.predictions[item.id]
        made_of = text_digest(prediction.sha256, item.gt_sha256, item.lq_sha256, item.crop, RECIPE)
        verdict = known.get(item.id)
        is_new = verdict is None or verdict.made_of != made_of
        if is_new:
            verdict = _judge_one(item, prediction, folder, made_of)
        if verdict is not None:
            found.append(verdict)
        progress.step(item.id, worked=is_new)
    lines = "".join(json.dumps(asdict(one)) + "\n" for one in found).encode("utf-8")
    write_atomically(folder / FILE, lambda stream: stream.write(lines), overwrite=True)
    return found


def _picture(subject: SubjectRun, item: Item) -> Prediction | None:
    prediction = subject.predictions.get(item.id)
    return prediction if prediction is not None and prediction.file is not None else None


def _judge_one(item: Item, prediction: Prediction, folder: Path, made_of: str) -> Detail | None:
    """None for a picture that cannot be read or is too small; its scores have said so already."""
    file = picture_of(prediction, folder)
    assert file is not None
    try:
        result, reference = read_result(item, file, result_size(item)), read_reference(item)
        verdict = (
            judge_detail_blind(result, read_input(item))
            if reference is None
            else judge_detail(result, reference)
        )
    except InputError:
        return None
    return Detail(
        item=item.id,
        made_of=made_of,
        kind=verdict.kind,
        severity=verdict.severity,
        by_reference=reference is not None,
    )


def _read(path: Path) -> list[Detail]:
    """What an earlier run found; a file of another version is none."""
    try:
        return [Detail(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError, TypeError):
        return []


def _shares(suite: SuiteRun, judged: dict[str, list[Detail]], seed: int) -> Table:
    columns: tuple[Column, ...] = (Column(name="subject"), Column(name="n"), Column(name="judged by"))
    columns += tuple(Column(name=f"{kind}, %") for kind in KINDS)
    source = {item.id: source_of(item) for item in suite.items}
    rows = []
    for name, found in judged.items():
        sources = [source[one.item] for one in found]
        shares = [
            percent(mean_with_interval([float(one.kind == kind) for one in found], seed, sources))
            for kind in KINDS
        ]
        judge = "reference" if found[0].by_reference else "input"
        rows.append((word(name), count(len(found)), word(judge), *shares))
    return Table(title=f"{suite.info.title}: what became of detail", columns=columns, rows=tuple(rows))


def _worst(suite: SuiteRun, name: str, found: Sequence[Detail]) -> Table:
    faulty = sorted((one for one in found if one.kind != FAITHFUL), key=lambda one: -one.severity)
    rows: list[tuple[Cell, ...]] = [
        (word(one.item), word(one.kind, "warning"), number(one.severity, 2)) for one in faulty[:WORST]
    ]
    return Table(
        title=f"{suite.info.title}: worst of {name}, {min(WORST, len(faulty))} of {len(faulty)}",
        columns=(Column(name="picture"), Column(name="fault"), Column(name="severity")),
        rows=tuple(rows),
    )
