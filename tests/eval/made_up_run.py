"""A small run in a folder, made up so that every number of its report is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from eval.records import (
    CLASSICAL,
    MEASURES,
    MODEL,
    OWN_SCORE,
    RESTORE,
    SCORE,
    UNTOUCHED,
    Item,
    MetricInfo,
    Prediction,
    Run,
    RunInfo,
    Score,
    SubjectInfo,
    SubjectRun,
    SuiteInfo,
    SuiteRun,
    write_lines,
    write_run_info,
)

NUM_ITEMS = 12
GROUPS = ("blur", "noise", "rain")
MODEL_NAME, INPUT_NAME, RIVAL_NAME, TWIN_NAME = "uare-tiny", "input", "bicubic", "twin"
PSNR, NIQE, LPIPS = "psnr_y_ycbcr", "niqe", "lpips_alex"
# Gain over the untouched input in dB for item k: the model loses on item 0, wins most on the last.
GAINS_DB = {INPUT_NAME: 0.0, RIVAL_NAME: 0.25, MODEL_NAME: None, TWIN_NAME: None}


def psnr_of(subject: str, k: int) -> float:
    """The made-up PSNR of item k in dB."""
    of_input = 20.0 + (k * 7) % 5
    if subject == MODEL_NAME:
        return of_input - 2.0 + 0.5 * k
    if subject == TWIN_NAME:  # differs from the model by chance alone
        return of_input - 2.0 + 0.5 * k + (0.01 if k % 2 else -0.01)
    return of_input + (0.25 if subject == RIVAL_NAME else 0.0)


def metric(
    id: str, *, higher: bool, reference: bool, decimals: int, unavailable: str | None = None
) -> MetricInfo:
    return MetricInfo(
        id=id,
        name=id.split("_", maxsplit=1)[0].upper(),
        unit="dB" if id == PSNR else "",
        higher_is_better=higher,
        lowest=0,
        highest=None,
        needs_reference=reference,
        decimals=decimals,
        version="ours",
        protocol="as made up <here> & there",
        unavailable=unavailable,
    )


def subject(name: str, kind: str) -> SubjectInfo:
    return SubjectInfo(name=name, folder=name, kind=kind, source="w" if kind == MODEL else "", digest="d")


def make_run(output: Path, *, limit: int | None = None, suites: tuple[str, ...] = ("sr", "iqa")) -> Path:
    """Writes the run; pictures are 48 x 32 px, those of the input half as large."""
    restorers = (
        subject(INPUT_NAME, UNTOUCHED),
        subject(RIVAL_NAME, CLASSICAL),
        subject(MODEL_NAME, MODEL),
        subject(TWIN_NAME, MODEL),
    )
    infos = []
    if "sr" in suites:
        infos.append(_restoring(output, restorers))
    if "iqa" in suites:
        infos.append(_judging(output))
    infos.append(
        _info("absent", "A set that is not here", SCORE, 0, missing="no folder absent; get it at example")
    )
    write_run_info(
        RunInfo(
            command="python eval/run_all.py --model uare-tiny <&>",
            git_hash="0123abc",
            versions={"python": "3.11", "numpy": "2"},
            seed=0,
            limit=limit,
            suites=tuple(infos),
            subjects=(*restorers, subject(MEASURES, UNTOUCHED)),
            metrics=(
                metric(PSNR, higher=True, reference=True, decimals=2),
                metric(
                    LPIPS, higher=False, reference=True, decimals=4, unavailable="its weights are not here"
                ),
                metric(NIQE, higher=False, reference=False, decimals=2),
                metric("gmsd", higher=False, reference=True, decimals=4),
            ),
            problems=("sr, broken: cannot be read", "absent: no folder absent", "gmsd of <photo03>: NaN"),
        ),
        output,
    )
    return output


def _info(name: str, title: str, kind: str, count: int, missing: str | None = None) -> SuiteInfo:
    return SuiteInfo(
        name=name,
        title=title,
        kind=kind,
        num_items=count,
        num_listed=count,
        groups=GROUPS if kind == RESTORE else (),
        data_sha256=f"digest-of-{name}",
        missing=missing,
    )


def _restoring(output: Path, restorers: tuple[SubjectInfo, ...]) -> SuiteInfo:
    items = []
    for k in range(NUM_ITEMS):
        lq, gt = output / "data" / f"lq{k}.png", output / "data" / f"gt{k}.png"
        _picture(lq, (24, 16), 40 + 10 * k)
        _picture(gt, (48, 32), 60 + 10 * k)
        items.append(
            Item(
                id=f"photo{k:02d}",
                group=GROUPS[k % 3],
                kind=RESTORE,
                lq=str(lq),
                gt=str(gt),
                scale=2,
                mos=None,
                tags=("text",) if k < 4 else ("food",),
                lq_sha256=f"lq{k}",
                gt_sha256=f"gt{k}",
                crop=None,
            )
        )
    write_lines(output / "sr" / "items.jsonl", items)
    for one in restorers:
        folder = output / "sr" / one.folder
        predictions, scores = [], []
        for k, item in enumerate(items):
            file = f"pictures/{item.id}.png"
            _picture(folder / file, (48, 32), 50 + 12 * k + len(one.name))
            predictions.append(
                Prediction(item=item.id, file=file, score=None, text=None, elapsed_s=0.5, problem=None)
            )
            value = psnr_of(one.name, k)
            scores.append(Score(item=item.id, protocol=PSNR, value=value, problem=None))
            scores.append(Score(item=item.id, protocol=NIQE, value=30 - value, problem=None))
            is_gap = one.name == RIVAL_NAME and k == 3
            gmsd = None if is_gap else 1 / value
            problem = "gmsd gave NaN" if is_gap else None
            scores.append(Score(item=item.id, protocol="gmsd", value=gmsd, problem=problem))
        write_lines(folder / "predictions.jsonl", predictions)
        write_lines(folder / "scores.jsonl", scores)
    return _info("sr", "Made-up restoration", RESTORE, NUM_ITEMS)


def _judging(output: Path) -> SuiteInfo:
    """The model ranks as people do; NIQE (lower is better) falls as opinions rise."""
    items = [
        Item(
            id=f"rated{k:02d}",
            group="",
            kind=SCORE,
            lq=str(output / "data" / "rated.png"),
            gt=None,
            scale=1,
            mos=float(k),
            tags=(),
            lq_sha256=f"r{k}",
            gt_sha256=None,
            crop=None,
        )
        for k in range(20)
    ]
    write_lines(output / "iqa" / "items.jsonl", items)
    wobble = np.random.default_rng(0).normal(0, 2, len(items))
    judged = {
        MODEL_NAME: (OWN_SCORE, lambda k: None if k == 5 else 1 + 0.01 * k**2),
        MEASURES: (NIQE, lambda k: float(9 - 0.2 * k + wobble[k])),
    }
    for name, (protocol, value_of) in judged.items():
        scores = [
            Score(
                item=item.id,
                protocol=protocol,
                value=value_of(k),
                problem=None if value_of(k) else "no number",
            )
            for k, item in enumerate(items)
        ]
        folder = output / "iqa" / name
        write_lines(folder / "scores.jsonl", scores)
        write_lines(folder / "predictions.jsonl", [])
    return _info("iqa", "Made-up opinions", SCORE, len(items))


def _picture(path: Path, size: tuple[int, int], level: int) -> None:
    """A slope with a grid on it, so that versions can be told apart."""
    width, height = size
    rows, columns = np.mgrid[:height, :width]
    pixels = np.clip(level + 120 * columns / width + 30 * (rows % 8 == 0), 0, 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.stack([pixels, pixels * 0.8, pixels * 0.6], axis=-1).astype(np.uint8)).save(path)


def judged_run(
    items: Iterable[Item], predictions: Mapping[str, Prediction], suite: str, kind: str = SCORE
) -> Run:
    """A run of one suite and one judge, which said this of its items."""
    listed = tuple(items)
    info = SuiteInfo(
        name=suite,
        title="",
        kind=kind,
        num_items=len(listed),
        num_listed=len(listed),
        groups=(),
        data_sha256="",
        missing=None,
    )
    judge = SubjectInfo(name="judge", folder="judge", kind=MODEL, source="", digest="0")
    run_info = RunInfo(
        command="",
        git_hash=None,
        versions={},
        seed=0,
        limit=None,
        suites=(info,),
        subjects=(judge,),
        metrics=(),
        problems=(),
    )
    done = SubjectRun(info=judge, predictions=dict(predictions))
    return Run(folder=Path("."), info=run_info, suites=(SuiteRun(info=info, items=listed, subjects=(done,)),))
