"""Real phases for tests: a tiny true model, a folder of small pictures, and processes that train on them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from data.tasks import TASKS
from tests.uare.tiny import tiny_text_tokenizer, tiny_uare_model

CHECKOUT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 240.0


@dataclass(frozen=True)
class Workshop:
    """A folder with a model, pictures and the settings of phases."""

    folder: Path

    def settings(self, name: str, phase: str = "single", zero: int = 1, **changes: Any) -> Path:
        """Writes the settings of a phase whose output is `folder/name`; returns their file."""
        (self.folder / f"zero{zero}.json").write_text(json.dumps(_zero(zero)))
        sets = [{"reader": "folder", "root": str(self.folder / "pictures")}]
        tasks = tuple(TASKS) if phase == "unified" else ("restore",)
        harm = phase if phase in ("single", "multi") else "multi"
        document = {
            "phase": phase,
            "model": str(self.folder / "model"),
            "output": str(self.folder / name),
            "steps": 8,
            "precision": "float32",
            "deepspeed": f"zero{zero}.json",
            "recompute_layers": False,
            "optimizer": {"learning_rate": 1e-3, "warmup_steps": 2},
            "data": {
                "tokens_per_row": 400,
                "rows_per_step": 4,
                "workers": 0,
                "size": {"crops_px": [32, 48]},
                "groups": {task: {"task": task, "harm": harm, "weight": 1, "sets": sets} for task in tasks},
            },
            "checkpoint": {"every_steps": 4},
            "validation": {"samples": 0},
        }
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump({**document, **changes}))
        return path

    def losses(self, name: str) -> list[float]:
        """The loss of every step that a run has written down."""
        lines = (self.folder / name / "steps.jsonl").read_text().splitlines()
        return [json.loads(line)["loss"] for line in lines]


def _zero(stage: int) -> dict[str, Any]:
    extra = {"stage3_param_persistence_threshold": 0} if stage == 3 else {}
    return {"zero_optimization": {"stage": stage, "overlap_comm": False, **extra}}


def make_workshop(folder: Path) -> Workshop:
    """A tiny model, its tokenizer and eight pictures of 64 px."""
    tiny_uare_model().save_pretrained(folder / "model")
    tiny_text_tokenizer().save(folder / "model")
    pictures = folder / "pictures"
    pictures.mkdir()
    for number in range(8):
        generator = np.random.default_rng(number)
        coarse = generator.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC).save(pictures / f"{number}.png")
    return Workshop(folder)


def start(settings: Path, processes: int = 1, *options: str) -> subprocess.Popen[str]:
    """Starts a training as the head of a process group; its output is piped."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    script = [str(CHECKOUT / "training" / "train.py"), "--config", str(settings), *options]
    return subprocess.Popen(
        [sys.executable, *(launcher if processes > 1 else []), *script],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"},
        cwd=settings.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(settings: Path, processes: int = 1, *options: str, code: int = 0) -> str:
    """Trains to the end; returns what was printed."""
    process = start(settings, processes, *options)
    printed, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == code, printed
    return printed


def run_on_small_disk(workshop: Workshop, name: str, size: int, settings: Path, processes: int) -> str:
    """Trains with a disk of so many bytes under the checkpoints of a run, then goes on when it has grown.

    The disk is a memory file system of a name space of its own, whose files are copied out at the end. Skips
    the test where the system does not allow that.
    """
    folder = workshop.folder / name / "checkpoints"
    folder.mkdir(parents=True)
    mount = f"mount -t tmpfs -o size={size} tmpfs {folder}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], check=False).returncode:
        pytest.skip("no rights to mount a small file system")
    launcher = f"-m torch.distributed.run --standalone --nproc-per-node={processes}"
    script = f"{sys.executable} {launcher} {CHECKOUT / 'training' / 'train.py'} --config {settings}"
    kept = workshop.folder / f"{name}-kept"
    steps = (
        mount,
        f"! {script}",
        f"cp -r {folder} {kept}",
        f"mount -o remount,size=1g {folder}",
        f"{script} --resume auto",
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-ec", "\n".join(steps)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"},
        cwd=workshop.folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def wait_for_steps(workshop: Workshop, name: str, count: int) -> None:
    """Returns as soon as a running training has written down that many steps."""
    deadline = time.monotonic() + TIMEOUT_S
    path = workshop.folder / name / "steps.jsonl"
    while time.monotonic() < deadline:
        if path.exists() and len(path.read_text().splitlines()) >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"{name} did not reach step {count} in {TIMEOUT_S:.0f} s")


def kill_one_rank(launcher: subprocess.Popen[str]) -> None:
    """Kills a worker of a launcher outright, as a crash or the kernel's memory killer would."""
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
    os.kill(int(children[-1]), signal.SIGKILL)
