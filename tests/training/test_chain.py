"""The four small phases one after another, by the files of the tree and as real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from safetensors.torch import load_file
from torch import Tensor

from data.sample_photos import SAMPLE_PHOTOS, clean_photo, write_png
from tests.training.phases import CHECKOUT, TIMEOUT_S
from training.phases import is_trained
from uare.checkpoints.folders import find_folder

pytest.importorskip("deepspeed", reason="training needs the extra `train`")
pytest.importorskip("skimage", reason="the sample photos come with scikit-image")
pytestmark = pytest.mark.timeout(600)

# Phase -> its learning rate: the first moves weights by a hundred times what the others may.
RATES = {"single": 1e-3, "multi": 1e-6, "high_order": 1e-6, "unified": 1e-6}
STAGES = {"unified": 2}
STEPS = 2
NEAR = STEPS * 1e-6 * 1.5  # what AdamW can move a weight in the later phases, and rounding
FAR = 1e-4


def train(folder: Path, phase: str) -> None:
    """Runs `stageN_PHASE.yaml` of the tiny size in a folder with photos."""
    config = CHECKOUT / "training" / "configs" / "tiny" / f"stage{STAGES.get(phase, 1)}_{phase}.yaml"
    changes = (
        f"steps={STEPS}",
        "precision=float32",
        "ema_decay=0.5",
        f"optimizer={{learning_rate: {RATES[phase]}, warmup_steps: 0}}",
        "data.tokens_per_row=250",
        "data.rows_per_step=1",
        "data.workers=0",
        "validation.samples=0",
    )
    script = [str(CHECKOUT / "training" / "train.py"), "--config", str(config)]
    options = [word for change in changes for word in ("--set", change)]
    done = subprocess.run(
        [sys.executable, *script, *options],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def moved(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> dict[str, float]:
    """By how much each weight changed at most."""
    assert before.keys() == after.keys()
    return {name: float((after[name].float() - before[name].float()).abs().max()) for name in before}


def test_each_phase_goes_on_from_the_average_of_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for sample in SAMPLE_PHOTOS:
        write_png(clean_photo(sample.name), tmp_path / "photos" / f"{sample.name}.png")
    before = load_file(find_folder("uare-tiny") / "model.safetensors")
    for phase in RATES:
        train(tmp_path, phase)
        output = tmp_path / "runs" / "tiny" / f"stage{STAGES.get(phase, 1)}_{phase}"
        after = load_file(output / "model" / "model.safetensors")
        changes = moved(before, after)
        assert {name for name, change in changes.items() if change} <= {
            name for name in changes if is_trained(name, phase)
        }
        if phase == "single":
            assert max(changes.values()) > FAR
        else:
            assert 0 < max(changes.values()) < NEAR
        (part,) = (output / "checkpoints" / f"step-{STEPS:08d}").glob("part-*")
        saved = load_file(part)
        averages = {name: value for name, value in saved.items() if name.startswith("average/network.")}
        assert averages
        assert all(
            float((value - after[name.removeprefix("average/network.")]).abs().max()) == 0
            for name, value in averages.items()
        )
        before = after
