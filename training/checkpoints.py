"""Checkpoints that are whole or not there, and load under any number of processes and any ZeRO stage.

Every process writes the weights that fall to it, whole and by name, into a folder with a temporary name; a
manifest with checksums and a rename make it a checkpoint. Frozen weights are not in it: they come from the
model that the phase started from.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch.distributed as dist
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from training.ema import ShardedAverage
from training.engine import TrainingEngine, trained_weights
from training.shards import MOMENTS, adam_steps, gathered, make_adam_state, scatter
from uare.errors import CheckpointError, ConfigError

PREFIX, PARTIAL = "step-", ".partial-"
MANIFEST = "manifest.json"


def save(engine: TrainingEngine, average: ShardedAverage, folder: Path, keep: int) -> Path:
    """Writes a checkpoint of the step done and removes the oldest beyond `keep`; all processes together.

    Raises CheckpointError where it cannot be written (a full disk); earlier checkpoints stay.
    """
    name = f"{PREFIX}{engine.step_index:08d}"
    partial, final = folder / f"{PARTIAL}{name}", folder / name
    share = _our_share(engine, average)  # all together, so that nobody waits for one whose disk is full
    problem, checksum = "", {}
    try:
        part = _write_share(engine, share, partial)
        checksum = {part.name: _sha256(part)}
    except (OSError, SafetensorError) as error:
        problem = str(error)
    checksums = _told_by_all(checksum, engine)  # empty where a process failed
    if all(checksums) and engine.ranks.rank == 0:
        try:
            _finish(engine, partial, final, {name: value for one in checksums for name, value in one.items()})
            for old in checkpoints_of(folder)[:-keep]:
                shutil.rmtree(old)
        except OSError as error:
            problem = str(error)
    problems = [one["problem"] for one in _told_by_all({"problem": problem}, engine) if one["problem"]]
    if problems:
        if engine.ranks.rank == 0:
            shutil.rmtree(partial, ignore_errors=True)
        raise CheckpointError(
            f"cannot write the checkpoint {final} ({problems[0]}); earlier ones are as they were: free space "
            "and go on with --resume auto"
        )
    return final


def _our_share(engine: TrainingEngine, average: ShardedAverage) -> dict[str, Tensor]:
    """The whole tensors that fall to this process, by kind and name; all processes together."""
    share: dict[str, Tensor] = {}
    is_ours = [
        i % engine.ranks.world == engine.ranks.rank for i in range(len(trained_weights(engine.module)))
    ]
    has_moments = adam_steps(engine) > 0

    def collect(kind: str, moment: str | None = None) -> None:
        for (name, weight), ours in zip(trained_weights(engine.module), is_ours, strict=True):
            value = gathered(weight, moment)
            if ours:
                share[f"{kind}/{name}"] = value.cpu().clone().contiguous()

    collect("weight")
    if has_moments:
        for moment in MOMENTS:
            collect(moment, moment)
    with average.in_place_of_masters():
        collect("average")
    return share


def _write_share(engine: TrainingEngine, share: dict[str, Tensor], partial: Path) -> Path:
    partial.mkdir(parents=True, exist_ok=True)
    path = partial / f"part-{engine.ranks.rank:05d}-of-{engine.ranks.world:05d}.safetensors"
    save_file(share, path)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return path


def _finish(engine: TrainingEngine, partial: Path, final: Path, checksums: dict[str, str]) -> None:
    """Rank 0: the manifest, then the name that makes it a checkpoint."""
    manifest = {
        "step": engine.step_index,
        "adam_steps": adam_steps(engine),
        "phase": engine.settings.phase,
        "sha256": checksums,
    }
    (partial / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    if final.exists():
        shutil.rmtree(final)
    os.replace(partial, final)


def refuse_earlier(folder: Path) -> None:
    """Raises ConfigError if the folder of a run that is to start anew holds checkpoints."""
    if checkpoints_of(folder):
        raise ConfigError(
            f"{folder.parent} holds checkpoints of an earlier run; go on with --resume auto or choose "
            "another output"
        )


def checkpoints_of(folder: Path) -> list[Path]:
    """Finished checkpoints of a run, oldest first."""
    return sorted(path for path in folder.glob(f"{PREFIX}*") if path.is_dir())


def newest_intact(folder: Path, warn: Any) -> Path | None:
    """The newest checkpoint whose files agree with its manifest; `warn(text)` is told of each that is not."""
    for checkpoint in reversed(checkpoints_of(folder)):
        problem = _damage(checkpoint)
        if problem is None:
            return checkpoint
        warn(f"{checkpoint} is damaged ({problem}); the checkpoint before it is tried")
    return None


def _damage(checkpoint: Path) -> str | None:
    try:
        sums = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))["sha256"]
        broken = [name for name, wanted in sums.items() if _sha256(checkpoint / name) != wanted]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return str(error)
    return f"{broken[0]} has another checksum" if broken else None


def load(engine: TrainingEngine, average: ShardedAverage, checkpoint: Path) -> None:
    """Continues from a checkpoint; all processes together. CheckpointError if it does not fit the network."""
    manifest = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
    if manifest["phase"] != engine.settings.phase:
        raise CheckpointError(
            f"{checkpoint} is of the phase {manifest['phase']}, expected {engine.settings.phase}; "
            "start the phase with `model` set to the finished model of the one before"
        )
    parts = _Parts(checkpoint)
    weights = dict(trained_weights(engine.module))
    if missing := sorted(weights.keys() - {name for kind, name in parts.names if kind == "weight"}):
        raise CheckpointError(f"{checkpoint} lacks {missing[0]}; it is of another model or other adapters")
    if manifest["adam_steps"]:
        make_adam_state(engine, manifest["adam_steps"])
    for kind, name, value in parts:
        if name in weights and kind in MOMENTS:
            scatter(weights[name], value.to(engine.ranks.device), kind)
    with average.in_place_of_masters():
        for kind, name, value in parts:
            if name in weights and kind == "average":
                scatter(weights[name], value.to(engine.ranks.device))
    for kind, name, value in parts:
        if name in weights and kind == "weight":
            scatter(weights[name], value.to(engine.ranks.device))
    engine.refresh_weights()
    engine.step_index = manifest["step"]


def stored_masters(checkpoint: Path) -> Iterator[tuple[str, Tensor]]:
    """Names and master values of the trained weights in a checkpoint, one at a time."""
    for kind, name, value in _Parts(checkpoint):
        if kind == "weight":
            yield name, value


class _Parts:
    """The tensors of a checkpoint, read one at a time."""

    def __init__(self, checkpoint: Path) -> None:
        self.paths = sorted(checkpoint.glob("part-*.safetensors"))
        self.names: set[tuple[str, str]] = set()
        for path in self.paths:
            with safe_open(path, framework="pt") as file:
                self.names |= {_split(key) for key in file.keys()}  # noqa: SIM118 - no mapping

    def __iter__(self) -> Iterator[tuple[str, str, Tensor]]:
        for path in self.paths:
            with safe_open(path, framework="pt") as file:
                for key in file.keys():  # noqa: SIM118 - no mapping
                    yield *_split(key), file.get_tensor(key)


def _split(key: str) -> tuple[str, str]:
    kind, _, name = key.partition("/")
    return kind, name


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _told_by_all(value: dict[str, str], engine: TrainingEngine) -> list[dict[str, str]]:
    """Every process's value, on every process."""
    values: list[Any] = [None] * engine.ranks.world
    dist.all_gather_object(values, value)
    return values
