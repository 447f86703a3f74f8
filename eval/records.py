"""What a run writes and reads: items, predictions, scores and the run itself, as JSON and JSON Lines.

    OUTPUT/run.json                                   one `RunInfo`
    OUTPUT/<suite>/items.jsonl                        an `Item` a line
    OUTPUT/<suite>/<subject>/predictions.jsonl        a `Prediction` a line, in the order of the items
    OUTPUT/<suite>/<subject>/scores.jsonl             a `Score` a line, in the order of items and metrics
    OUTPUT/<suite>/<subject>/pictures/<item>.png      restored pictures

While a run goes on, each process appends to a file of its own (`scores.part-1.jsonl`); readers take those in,
and the first process folds them into one when all are done. `eval.runner` fills these files and every report
is made of them alone.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from uare.errors import InputError
from uare.writing import write_atomically

SCHEMA_VERSION = 1
# Kinds of suites and items. Of COMPARE, `gt` is the other picture: scores are positive where `lq` is better.
RESTORE, SCORE, COMPARE = "restore", "score", "compare"
MODEL, CLASSICAL, UNTOUCHED, QUOTED = "model", "classical", "untouched", "quoted"  # kinds of subjects
PEER = "published network"  # a subject of `--peer-weights`
MADE_ELSEWHERE = "made elsewhere"  # a subject read from a folder of results
MEASURES = "metrics"  # the subject of scoring suites under which metrics of the pictures themselves stand
OWN_SCORE = "score"  # the protocol under which a subject's own opinion of a picture stands

Box = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One picture of a suite, with its reference or its human score where there is one."""

    id: str  # a plain file name without extension, unique in its suite
    group: str  # pictures of one group are averaged together
    kind: str  # RESTORE, SCORE or COMPARE
    lq: str  # path of the picture
    gt: str | None  # path of the reference
    scale: int  # the reference has `scale` times the sides of `lq`
    mos: float | None  # mean opinion of people, higher is better, on the scale of the suite
    tags: tuple[str, ...]
    lq_sha256: str
    gt_sha256: str | None
    crop: Box | None  # left, top, right, bottom in pixels of `lq` (and of `gt`, times `scale`); None: whole
    labels: dict[str, float] = field(default_factory=dict, hash=False)  # attribute -> score, higher is better


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a subject made of an item: a picture or a score, or the problem that kept it from it."""

    item: str
    file: str | None  # restored picture, relative to the subject's folder, or an absolute path
    score: float | None  # opinion of the picture, higher is better
    text: str | None  # what the subject said of the picture
    elapsed_s: float
    problem: str | None
    made_of: str = ""  # digest of what it depends on: another one, and it is made again
    sha256: str | None = None  # of the file
    attributes: dict[str, float] = field(default_factory=dict, hash=False)  # what it said of each


@dataclass(frozen=True, kw_only=True)
class Score:
    """One metric of one prediction; without a value there is a problem."""

    item: str
    protocol: str  # `id` of a metric
    value: float | None
    problem: str | None
    made_of: str = ""  # digest of what it depends on: another one, and it is measured again


@dataclass(frozen=True, kw_only=True)
class SuiteInfo:
    """A suite as it ran. `missing` says why nothing of it could, else None."""

    name: str
    title: str
    kind: str  # RESTORE, SCORE or COMPARE
    num_items: int
    num_listed: int  # before --limit; larger than `num_items` in a partial run
    groups: tuple[str, ...]  # in the order of tables
    data_sha256: str  # over the items: ids, pictures, references, crops, human scores
    missing: str | None
    notes: tuple[str, ...] = ()  # remarks on the data; nothing was left out


@dataclass(frozen=True, kw_only=True)
class SubjectInfo:
    """Who restored or judged. `folder` is its name on disk."""

    name: str
    folder: str
    kind: str  # MODEL, CLASSICAL, PEER, UNTOUCHED, QUOTED or MADE_ELSEWHERE
    source: str  # path of a model or of a folder of results or weights, empty for classical filters
    digest: str  # of its weights and settings


@dataclass(frozen=True, kw_only=True)
class MetricInfo:
    """A metric as it was used. `unavailable` says why it could not be, else None."""

    id: str
    name: str
    unit: str
    higher_is_better: bool
    lowest: float | None
    highest: float | None
    needs_reference: bool
    decimals: int
    version: str
    protocol: str
    unavailable: str | None


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """All that a report states beside the numbers."""

    schema_version: int = SCHEMA_VERSION
    command: str
    git_hash: str | None
    versions: dict[str, str]  # package -> version
    seed: int
    limit: int | None  # most items of a group; None: a full run
    suites: tuple[SuiteInfo, ...]
    subjects: tuple[SubjectInfo, ...]
    metrics: tuple[MetricInfo, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SubjectRun:
    """What one subject did in one suite, by item, and by item and protocol."""

    info: SubjectInfo
    predictions: dict[str, Prediction] = field(default_factory=dict)
    scores: dict[tuple[str, str], Score] = field(default_factory=dict)

    def value(self, item: str, protocol: str) -> float | None:
        """The value of a metric of an item; None where there is none."""
        score = self.scores.get((item, protocol))
        return score.value if score else None


@dataclass(frozen=True, kw_only=True)
class SuiteRun:
    """A suite's items in order, and its subjects in the order of the command."""

    info: SuiteInfo
    items: tuple[Item, ...]
    subjects: tuple[SubjectRun, ...]

    def subject(self, name: str) -> SubjectRun | None:
        """The subject of that name, None if it did nothing here."""
        return next((one for one in self.subjects if one.info.name == name), None)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as it lies on disk."""

    folder: Path
    info: RunInfo
    suites: tuple[SuiteRun, ...]


Record = TypeVar("Record", Item, Prediction, Score)


def file_name(name: str) -> str:
    """A name that is safe as that of a file or folder: all but letters, digits and `._+-` become `_`."""
    return re.sub(r"[^\w.+-]", "_", name).lstrip(".") or "_"


def read_lines(path: Path, kind: type[Record]) -> list[Record]:
    """The records of a JSON Lines file, none if there is no file; a torn last line is left out.

    Raises InputError for a line that is complete and no such record.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror or error}); check its permissions"
        ) from error
    whole, _, _ = text.rpartition(b"\n")
    return [_record(line, kind, path) for line in whole.split(b"\n") if line]


def write_lines(path: Path, records: Iterable[Item | Prediction | Score]) -> None:
    """Writes the records, replacing the file as a whole."""
    content = "".join(json_line(record) for record in records).encode("utf-8")
    write_atomically(path, lambda stream: stream.write(content), overwrite=True)


def json_line(record: Item | Prediction | Score) -> str:
    """A record as one line of JSON with its end."""
    return json.dumps(dataclasses.asdict(record), ensure_ascii=False, allow_nan=False) + "\n"


def parts(path: Path) -> list[Path]:
    """The file and those that processes of a running or broken run left beside it."""
    beside = sorted(path.parent.glob(f"{path.stem}.part-*.jsonl"))
    return [one for one in (path, *beside) if one.exists()]


def read_predictions(folder: Path) -> dict[str, Prediction]:
    """The predictions in a subject's folder, by item; the last line about an item counts."""
    lines = [one for path in parts(folder / "predictions.jsonl") for one in read_lines(path, Prediction)]
    return {one.item: one for one in lines}


def read_scores(folder: Path) -> dict[tuple[str, str], Score]:
    """The scores in a subject's folder, by item and protocol; the last line about one counts."""
    lines = [one for path in parts(folder / "scores.jsonl") for one in read_lines(path, Score)]
    return {(one.item, one.protocol): one for one in lines}


def write_run_info(info: RunInfo, output: Path) -> None:
    """Writes `run.json`."""
    content = (json.dumps(dataclasses.asdict(info), indent=1, ensure_ascii=False) + "\n").encode("utf-8")
    write_atomically(output / "run.json", lambda stream: stream.write(content), overwrite=True)


def read_run_info(output: Path) -> RunInfo:
    """Reads `run.json`; InputError if there is none, or one of another version."""
    path = output / "run.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); name the output folder of a run") from error
    found = content.get("schema_version") if isinstance(content, dict) else None
    if found != SCHEMA_VERSION:
        raise InputError(f"{path} has schema version {found}, expected {SCHEMA_VERSION}; run it again")
    return RunInfo(
        **{name: value for name, value in content.items() if name not in ("suites", "subjects", "metrics")}
        | {
            "suites": tuple(SuiteInfo(**_with_tuples(one)) for one in content["suites"]),
            "subjects": tuple(SubjectInfo(**one) for one in content["subjects"]),
            "metrics": tuple(MetricInfo(**one) for one in content["metrics"]),
            "problems": tuple(content["problems"]),
        }
    )


def read_run(output: Path) -> Run:
    """Reads a whole run: its information, items, predictions and scores, without the pictures."""
    info = read_run_info(output)
    suites = []
    for suite in info.suites:
        folder = output / suite.name
        items = tuple(read_lines(folder / "items.jsonl", Item))
        known = {item.id for item in items}
        present = [one for one in info.subjects if (folder / one.folder).is_dir()]
        subjects = tuple(_subject_run(one, folder / one.folder, known) for one in present)
        suites.append(SuiteRun(info=suite, items=items, subjects=subjects))
    return Run(folder=output, info=info, suites=tuple(suites))


def picture_of(prediction: Prediction, subject_folder: Path) -> Path | None:
    """Where the restored picture lies; None for a prediction without one."""
    return None if prediction.file is None else subject_folder / prediction.file


def _subject_run(info: SubjectInfo, folder: Path, known: set[str]) -> SubjectRun:
    """Leaves out what an earlier run with more items left in the folder."""
    predictions = {name: one for name, one in read_predictions(folder).items() if name in known}
    scores = {key: one for key, one in read_scores(folder).items() if key[0] in known}
    return SubjectRun(info=info, predictions=predictions, scores=scores)


def _record(line: bytes, kind: type[Record], path: Path) -> Record:
    try:
        return kind(**_with_tuples(json.loads(line)))
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} has a line that is no {kind.__name__} ({error}); delete the file or "
            "choose another --output"
        ) from error


def _with_tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """JSON knows lists alone, records hold tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def item_order(items: Sequence[Item]) -> dict[str, int]:
    """The place of each item by its id."""
    return {item.id: place for place, item in enumerate(items)}
