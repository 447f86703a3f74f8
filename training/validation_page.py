"""The page of a phase's validations: a row for each fixed sample, a column for each step, the newest first.

It is built from what the validations left in their folder, so that a resumed run goes on with the same page.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import fmean
from typing import Any

from training.curves import CURVES_FILE
from training.fixed_samples import FixedSample
from training.pages import figure, page, table

RESULTS_FILE = "results.json"  # of one step: each sample's PSNR and analysis by its number
KINDS = {
    False: "Pictures of the training sets, drawn with seeds that training never uses:",
    True: "Pictures of the sets that are held out:",
}
CURVES = "Losses, gradient norm, learning rate and speed by step"


def step_folder(step: int) -> str:
    """The folder of a step's validation; names sort like numbers."""
    return f"step-{step:08d}"


def validation_page(phase: str, folder: Path, samples: Sequence[FixedSample]) -> str:
    """The page over all steps in `folder`, with the run's curves where these lie beside it."""
    files = sorted(folder.glob(f"step-*/{RESULTS_FILE}"), reverse=True)
    steps = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    means = [
        f"<p>{words}</p>\n"
        + table(
            ("step", "degraded", "restored", "gain"),
            [_mean_row(step["step"], step["samples"], lq_db) for step in steps],
        )
        for is_held_out, words in KINDS.items()
        if (lq_db := {str(one.number): one.lq_db for one in samples if one.is_held_out is is_held_out})
    ]
    pictures = table(
        ("sample", "HQ", "LQ", *(f"step {step['step']}" for step in steps)),
        [_row(sample, steps) for sample in samples],
    )
    curves = f'<a href="../{CURVES_FILE}"><img src="../{CURVES_FILE}" alt="{CURVES}"></a>'
    return page(
        f"Validation of the phase {phase}",
        '<p class="quiet">The same pictures at every step, restored with the averaged weights. '
        "Mean PSNR in dB against HQ.</p>",
        *means,
        f"<h2>Pictures</h2>\n{pictures}",
        *([f"<h2>Curves</h2>\n<p>{curves}</p>"] if (folder.parent / CURVES_FILE).exists() else []),
    )


def _row(sample: FixedSample, steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sample's cells: what it is, HQ, LQ, and its restoration at every step."""
    height, width = sample.scene.hq.shape[-2:]
    lines = (*(["held out"] if sample.is_held_out else []), sample.harms, f"“{sample.instruction}”")
    cells = [
        f"<code>{escape(sample.id)}</code>" + "".join(f"<p>{escape(line)}</p>" for line in lines),
        figure(f"samples/{sample.number}-hq.png", (height, width), f"HQ, {width}x{height}"),
        figure(f"samples/{sample.number}-lq.png", (height, width), f"LQ, {sample.lq_db:.2f} dB"),
    ]
    for step in steps:
        found = step["samples"].get(str(sample.number))
        cells.append("" if found is None else _restored(sample, step["step"], found))
    return cells


def _restored(sample: FixedSample, step: int, found: Mapping[str, Any]) -> str:
    height, width = sample.scene.hq.shape[-2:]
    caption = f"{found['restored_db']:.2f} dB ({found['restored_db'] - sample.lq_db:+.2f})"
    shown = figure(f"{step_folder(step)}/{sample.number}.png", (height, width), caption)
    return shown + (f'<p class="said">{escape(found["analysis"])}</p>' if found["analysis"] else "")


def _mean_row(step: int, found: Mapping[str, Any], lq_db: Mapping[str, float]) -> list[str]:
    """Step, mean PSNR of degraded and restored pictures, and the gain."""
    known = [number for number in found if number in lq_db]  # a resumed run may validate with fewer samples
    if not known:
        return [str(step), "", "", ""]
    degraded = fmean([lq_db[number] for number in known])
    restored = fmean([found[number]["restored_db"] for number in known])
    return [str(step), f"{degraded:.2f}", f"{restored:.2f}", f"{restored - degraded:+.2f}"]
