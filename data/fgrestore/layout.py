"""A set of pairs on disk: two tables, and the pictures beside them.

    SET/pairs.parquet     a `FinePair` a row: the labelled pairs
    SET/open.parquet      the same, without a label yet: what people are to be asked
    SET/images.parquet    a `FineImage` a row, with what made it
    SET/images/origin/task/content/restorer.png, SET/references/origin/task/content.png, SET/inputs/...
    SET/report.json, SET/figures/*.png

Paths are relative to SET. The authors of FGRestore publish no layout; a set of theirs, or of anybody, is read
where a file `fgrestore.yaml` beside it says which table and columns hold what:

    pairs: {file: pairs.csv, columns: {image_a: imgA, image_b: imgB, label: preference, task: task}}
    images: {file: mos.csv, columns: {image: name, task: task, score: MOS}}

Tables may be parquet, CSV or JSON Lines. What a label other than 1, 0 and 2 means is never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from data.fgrestore.labels import LABELS
from uare.errors import InputError

PAIRS, OPEN, IMAGES = "pairs.parquet", "open.parquet", "images.parquet"
MAPPING = "fgrestore.yaml"
INSTALL = 'pyarrow is not installed; sets of pairs need: pip install -e ".[eval]"'


@dataclass(frozen=True, kw_only=True)
class FinePair:
    """Two restorations of one picture."""

    id: str = ""
    image_a: str
    image_b: str
    label: int | None  # 1: A is better, 0: B is better, 2: equal; None: nobody said
    task: str = ""
    content: str = ""
    origin: str = ""
    source_a: str = ""  # restorer
    source_b: str = ""
    score_a: float | None = None
    score_b: float | None = None
    label_kind: str = ""  # human or pseudo
    label_made_by: str = ""
    votes_a: int | None = None
    votes_b: int | None = None
    votes_equal: int | None = None
    ssim: float | None = None
    reference: str = ""
    degraded: str = ""
    split_pair: str = ""  # train or test; empty: the set has no such split
    split_content: str = ""


@dataclass(frozen=True, kw_only=True)
class FineImage:
    """One restoration; those without a pair are listed too."""

    image: str
    task: str = ""
    content: str = ""
    origin: str = ""
    restorer: str = ""
    score: float | None = None  # higher is better, on the scale of its origin
    score_kind: str = ""  # human or pseudo
    reference: str = ""
    degraded: str = ""
    split_pair: str = ""
    split_content: str = ""
    width: int | None = None
    height: int | None = None
    sha256: str = ""
    made_by: str = ""  # command or filter that restored it, or the file that it was copied from


@dataclass(frozen=True, kw_only=True)
class FineSet:
    """A set in memory."""

    folder: Path
    pairs: tuple[FinePair, ...]
    images: tuple[FineImage, ...]


Row = TypeVar("Row", FinePair, FineImage)


def write_rows(rows: Sequence[FinePair] | Sequence[FineImage], kind: type[Row], path: Path) -> None:
    """Writes a parquet table; the same rows give the same bytes."""
    arrow, parquet = _libraries()
    types = {"str": arrow.string(), "int": arrow.int64(), "float": arrow.float64()}
    schema = arrow.schema([(one.name, types[str(one.type).split(" |")[0]]) for one in fields(kind)])
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.part")
    parquet.write_table(arrow.Table.from_pylist([asdict(row) for row in rows], schema=schema), partial)
    partial.replace(path)


def read_fgrestore(folder: Path) -> FineSet:
    """Reads a set written here, or another one by its `fgrestore.yaml`.

    Raises InputError where files or columns are missing, for labels other than 1, 0 and 2, and for a pair or
    image whose picture is not there.
    """
    if (folder / MAPPING).is_file():
        tables = _mapped(folder / MAPPING)
    elif (folder / PAIRS).is_file():
        tables = {"pairs": (folder / PAIRS, {}), "images": (folder / IMAGES, {})}
    else:
        raise InputError(f"{folder} has no {PAIRS} and no {MAPPING}; give the folder of a set of pairs")
    pairs = _rows(*tables["pairs"], FinePair)
    images = _rows(*tables["images"], FineImage) if "images" in tables else []
    path = tables["pairs"][0]
    for number, pair in enumerate(pairs, start=1):
        if pair.label not in LABELS:
            raise InputError(
                f"{path} row {number} has the label {pair.label!r}, expected 1 (A better), 0 (B better) or "
                "2 (equal); map the codes of the set to these"
            )
    names = [name for pair in pairs for name in (pair.image_a, pair.image_b)] + [one.image for one in images]
    missing = [name for name in dict.fromkeys(names) if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"{len(missing)} pictures of {folder} are not there, the first is {missing[0]}; bring them, or "
            "take their rows out"
        )
    return FineSet(folder=folder, pairs=tuple(pairs), images=tuple(images))


def read_open(folder: Path) -> list[FinePair]:
    """The pairs that wait for votes; none where the set has none."""
    path = folder / OPEN
    return _rows(path, {}, FinePair) if path.is_file() else []


def read_images(folder: Path) -> list[FineImage]:
    """The images of a set written here, labelled or not; InputError where there is no such table."""
    return _rows(folder / IMAGES, {}, FineImage)


def content_parts(folder: Path) -> dict[str, str]:
    """Content -> its part in the split by content of a set written here."""
    return {one.content: one.split_content for one in read_images(folder) if one.split_content}


def _mapped(path: Path) -> dict[str, tuple[Path, dict[str, str]]]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {
            name: (path.parent / content[name]["file"], dict(content[name].get("columns") or {}))
            for name in ("pairs", "images")
            if name in content or name == "pairs"
        }
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} does not say where the pairs are ({error!r}); expected pairs: {{file, columns}}"
        ) from error


def _rows(path: Path, columns: Mapping[str, str], kind: type[Row]) -> list[Row]:
    known = [one.name for one in fields(kind)]
    unknown = [name for name in columns if name not in known]
    if unknown:
        raise InputError(f"{path}: there is no field {', '.join(unknown)}; choose from {', '.join(known)}")
    found = _table(path)
    names = {name: columns.get(name, name) for name in known}
    needed = ("image_a", "image_b", "label") if kind is FinePair else ("image",)
    missing = [
        column
        for name, column in names.items()
        if (name in needed or name in columns) and column not in found
    ]
    if missing:
        raise InputError(
            f"{path} has the columns {', '.join(found) or 'none'}, expected also {', '.join(missing)}; name "
            f"them in {MAPPING}"
        )
    present = {name: found[column] for name, column in names.items() if column in found}
    number = len(next(iter(present.values())))
    rows = []
    for place in range(number):
        cells = {name: values[place] for name, values in present.items()}
        try:
            rows.append(kind(**{name: _cell(value, name, kind) for name, value in cells.items()}))
        except (TypeError, ValueError) as error:
            raise InputError(f"{path} row {place + 1} cannot be used ({error}); correct it") from error
    return rows


def _cell(value: Any, name: str, kind: type[Row]) -> Any:
    """A cell as its field has it: numbers may be written as text, a whole number as 1.0."""
    type_ = next(str(one.type) for one in fields(kind) if one.name == name)
    if type_ == "str":
        return "" if value is None else str(value)
    if value is None or value == "":
        return None
    if type_.startswith("int"):
        if float(value) != int(float(value)):
            raise ValueError(f"{name} is {value!r}, expected a whole number")
        return int(float(value))
    return float(value)


def _table(path: Path) -> dict[str, list[Any]]:
    """Column -> its cells."""
    arrow, parquet = _libraries()
    if not path.is_file():
        raise InputError(f"there is no file {path}; check the name in {MAPPING}, or build the set again")
    try:
        if path.suffix == ".parquet":
            table = parquet.read_table(path)
        elif path.suffix == ".csv":
            from pyarrow import csv

            table = csv.read_csv(path)
        elif path.suffix == ".jsonl":
            from pyarrow import json

            table = json.read_json(path)
        else:
            raise InputError(f"{path} is no table that can be read; expected .parquet, .csv or .jsonl")
    except (OSError, arrow.ArrowException) as error:
        raise InputError(f"{path} cannot be read as a table ({error}); bring it again") from error
    return dict(table.to_pydict())


def _libraries() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise InputError(INSTALL) from None
    return pyarrow, parquet
