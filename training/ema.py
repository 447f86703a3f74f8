"""Averaged weights that are sharded like the optimiser's: no process ever holds a full copy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from training.engine import TrainingEngine, master_partitions

CHUNK = 2**24  # weights that are swapped at a time


class ShardedAverage:
    """Exponential moving average of this rank's partitions of the master weights."""

    def __init__(self, engine: TrainingEngine, decay: float) -> None:
        self.engine, self.decay = engine, decay
        self.partitions = [partition.detach().clone() for partition in self._masters()]

    def _masters(self) -> list[Tensor]:
        return master_partitions(self.engine.deepspeed.optimizer, self.engine.zero_stage)

    @torch.no_grad()
    def update(self) -> None:
        """Moves the average towards the weights, after a step: ema ← d·ema + (1 − d)·w."""
        for average, master in zip(self.partitions, self._masters(), strict=True):
            average.lerp_(master, 1 - self.decay)

    @contextmanager
    def in_place_of_masters(self) -> Iterator[None]:
        """The master weights are the average inside: for saving it, and for reading a saved one."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for averages, masters in zip(self.partitions, self._masters(), strict=True):
            for average, master in zip(averages.split(CHUNK), masters.split(CHUNK), strict=True):
                kept = master.clone()
                master.copy_(average)
                average.copy_(kept)
