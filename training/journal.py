"""What a run says about itself: a JSONL line a step as the truth, and the same on the screen."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml

from training.settings import LogSettings, RunSettings
from uare.errors import ConfigError

PACKAGES = ("uare", "torch", "deepspeed", "transformers", "accelerate", "datasets", "peft")


class Journal:
    """Writes steps of a run to `steps.jsonl`, to the screen and, where wanted, to TensorBoard and W&B."""

    def __init__(self, folder: Path, settings: LogSettings) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "steps.jsonl"
        self.boards: list[Callable[[int, dict[str, float]], None]] = []
        if settings.tensorboard:
            self.boards.append(_tensorboard(folder))
        if settings.wandb:
            self.boards.append(_wandb(folder))

    def rewind(self, step: int) -> None:
        """Takes out the lines after a step, which a resumed run does again."""
        if not self.path.exists():
            return
        lines = self.path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if step_of(line) <= step]
        self.path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def step(self, row: dict[str, float]) -> None:
        """One line: `step` and its figures."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        for show in self.boards:
            show(int(row["step"]), row)
        figures = "  ".join(f"{name} {_shown(name, value)}" for name, value in row.items() if name != "step")
        self.say(f"step {int(row['step'])}  {figures}")

    def say(self, text: str) -> None:
        """A sentence for whoever watches."""
        print(text, file=sys.stderr, flush=True)


def _shown(name: str, value: float) -> str:
    return f"{value:.1%}" if name == "mfu" else f"{value:.4g}"


def _tensorboard(folder: Path) -> Callable[[int, dict[str, float]], None]:
    from torch.utils.tensorboard import SummaryWriter

    board = SummaryWriter(folder / "tensorboard")

    def show(step: int, row: dict[str, float]) -> None:
        for name, value in row.items():
            board.add_scalar(name, value, step)

    return show


def _wandb(folder: Path) -> Callable[[int, dict[str, float]], None]:
    try:
        import wandb  # type: ignore[import-not-found]  # optional, and never a dependency
    except ImportError:
        raise ConfigError(
            "log.wandb is on, but wandb is not installed; pip install wandb, or turn it off"
        ) from None
    wandb.init(project="uare", dir=str(folder), resume="allow")
    return lambda step, row: wandb.log(row, step=step)


def step_of(line: str) -> int:
    """The step of a line; a torn last line counts as one to take out."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return sys.maxsize


def read_steps(path: Path) -> list[dict[str, float]]:
    """The lines of a `steps.jsonl`."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_origin(folder: Path, settings: RunSettings) -> None:
    """The resolved settings, the code's version and the packages', beside the run."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = settings.model_dump(mode="json")
    (folder / "settings.yaml").write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    origin = {
        "git": _git_hash(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "seed": settings.seed,
    }
    (folder / "origin.json").write_text(json.dumps(origin, indent=1) + "\n", encoding="utf-8")


def _git_hash() -> str | None:
    """The commit of the checkout, with a + where files were changed; None outside of git."""
    root = Path(__file__).resolve().parents[1]

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
