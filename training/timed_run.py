"""What training runs with a budget of minutes share: schedule, averaged weights, precision, checkpoint.

The schedule follows the clock, not the steps, so that the same command fits a laptop and a GPU. Losses and
batches belong to the scripts.
"""

from __future__ import annotations

import contextlib
import copy
import json
import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from uare.errors import CheckpointError, ConfigError

EMA_DECAY = 0.999
WARMUP_S = 45.0
CHECKPOINT_EVERY_S = 120.0

M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Budget and optimiser of a run."""

    minutes: float  # training time in all, over every resumed part
    learning_rate: float = 4e-4  # convolutional nets of this size stand still at 1e-3 (measured)

    def __post_init__(self) -> None:
        if self.minutes <= 0 or self.learning_rate <= 0:
            raise ConfigError(f"minutes and learning_rate must be positive, found {self}; correct them")


@dataclass(kw_only=True)
class TimedRun(Generic[M]):
    """A network in training with its averaged copy; `elapsed_s` counts over all resumed parts."""

    model: M
    settings: RunSettings
    checkpoint: Path
    step: int = 0
    elapsed_s: float = 0.0
    average: M = field(init=False)
    optimizer: torch.optim.AdamW = field(init=False)
    _last_save_s: float = field(init=False, default=0.0)
    _last_tick: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.average = copy.deepcopy(self.model).requires_grad_(False).eval()
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=self.settings.learning_rate, weight_decay=1e-4
        )
        if self.checkpoint.exists():
            self._resume()
        self._last_save_s = self.elapsed_s
        self._last_tick = time.perf_counter()

    @property
    def is_over(self) -> bool:
        return self.elapsed_s >= 60 * self.settings.minutes

    def update(self, loss: Tensor) -> None:
        """One optimiser step on a float32 scalar loss; writes a checkpoint when one is due."""
        rate = self.settings.learning_rate * rate_factor(self.elapsed_s, 60 * self.settings.minutes)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        # a young average must not remember the initial weights
        move_average(self.average, self.model, min(EMA_DECAY, (1 + self.step) / (10 + self.step)))
        now = time.perf_counter()
        self.elapsed_s += now - self._last_tick
        self._last_tick = now
        if self.elapsed_s - self._last_save_s >= CHECKPOINT_EVERY_S:
            self.save()

    def save(self) -> None:
        """Writes the checkpoint, whole or not at all."""
        self._last_save_s = self.elapsed_s
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "elapsed_s": self.elapsed_s,
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        os.replace(partial, self.checkpoint)

    def _resume(self) -> None:
        try:
            state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.elapsed_s = state["step"], state["elapsed_s"]
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise CheckpointError(
                f"cannot resume from {self.checkpoint} ({error}); remove it to start anew"
            ) from error


def rate_factor(elapsed_s: float, budget_s: float) -> float:
    """Factor of the learning rate: linear warm-up (45 s or a twentieth of the run), then a cosine to zero."""
    warmup_s = min(WARMUP_S, budget_s / 20)
    if elapsed_s < warmup_s:
        return max(elapsed_s / warmup_s, 0.01)
    progress = min((elapsed_s - warmup_s) / (budget_s - warmup_s), 1.0)
    return 0.5 * (1 + math.cos(math.pi * progress))


@torch.no_grad()
def move_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Moves the averaged parameters towards the model's in place; buffers are not averaged."""
    for kept, current in zip(average.parameters(), model.parameters(), strict=True):
        kept.lerp_(current, 1 - decay)


def autocast_for(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """bfloat16 autocast on CUDA and on processors with bf16 units; without them it is slower than float32."""
    if device.type == "cuda" or (
        device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False)
    ):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def write_result(model: nn.Module, folder: Path, name: str, document: dict[str, Any]) -> None:
    """Writes `name.safetensors` with float16 weights and `name.json` with what rebuilds them."""
    weights = {key: value.detach().cpu().half().contiguous() for key, value in model.state_dict().items()}
    save_file(weights, folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def charbonnier(difference: Tensor, epsilon: float = 1e-2) -> Tensor:
    """sqrt(d² + eps²) - eps in float32: quadratic below `epsilon` (2.5 grey levels), then linear."""
    return torch.sqrt(difference.float().square() + epsilon**2) - epsilon
