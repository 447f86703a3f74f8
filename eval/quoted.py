"""Published values of pictures that were not made here: rows beside ours, marked as quoted.

A file holds {model: {picture: [PSNR of RGB in dB, SSIM of Y]}}. Its row `identity` is no rival but proof that
both measured the same pictures alike.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from eval.baselines import IDENTITY
from eval.records import (
    QUOTED,
    Item,
    Run,
    Score,
    SubjectInfo,
    file_name,
    write_lines,
)
from uare.errors import InputError

Quoted = Mapping[str, Mapping[str, Mapping[str, float]]]  # model -> picture -> protocol -> value
PROTOCOLS = ("psnr_rgb", "ssim_y_ycbcr")  # in the order of the file
TOLERANCES = {"psnr_rgb": 0.02, "ssim_y_ycbcr": 0.001}  # dB and 1; JPEG decoders differ by a little less


def read_quoted(path: Path) -> Quoted:
    """Reads a file of quoted values; InputError for anything else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            model: {
                picture: dict(zip(PROTOCOLS, map(float, found), strict=True))
                for picture, found in values.items()
            }
            for model, values in content.items()
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} does not hold quoted values ({error}); expected {{model: {{picture: [PSNR, SSIM]}}}}"
        ) from error


def write_quoted(quoted: Quoted, source: str, items: Sequence[Item], folder: Path) -> list[SubjectInfo]:
    """Writes the values of a suite's items as scores of quoted subjects; gives those that have any."""
    subjects = []
    for model, values in quoted.items():
        scores = [
            Score(item=item.id, protocol=protocol, value=value, problem=None)
            for item in items
            for protocol, value in values.get(item.id, {}).items()
        ]
        if model == IDENTITY or not scores:
            continue
        name = f"{model} (quoted)"
        info = SubjectInfo(name=name, folder=file_name(name), kind=QUOTED, source=source, digest="")
        write_lines(folder / info.folder / "scores.jsonl", scores)
        subjects.append(info)
    return subjects


def check_quoted(run: Run, quoted: Quoted) -> list[str]:
    """A sentence for each picture whose input was quoted with other values than measured here."""
    stated = quoted.get(IDENTITY, {})
    problems = []
    for suite in run.suites:
        untouched = suite.subject(IDENTITY)
        for item in suite.items if untouched else ():
            for protocol, value in stated.get(item.id, {}).items():
                measured = untouched.value(item.id, protocol) if untouched else None
                if measured is not None and abs(measured - value) > TOLERANCES[protocol]:
                    problems.append(
                        f"{suite.info.name}, {item.id}: {protocol} of the input is quoted as {value:.4f}, "
                        f"measured {measured:.4f}; quoted rows may be of other pictures or another recipe"
                    )
    return problems
