"""Several processes that share a run: `torchrun` or `accelerate launch` start them and say who is who.

One process alone needs nothing of this and loads no torch for it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar, cast

from uare.errors import InputError

T = TypeVar("T")
# Longest that a process waits for the others: scoring a large set by heavy metrics takes hours.
PATIENCE = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """This process among `count`; `index` 0 leads: it lists, folds, analyses and reports."""

    index: int = 0
    local_index: int = 0  # among those of this machine: its GPU
    count: int = 1

    @property
    def leads(self) -> bool:
        """Says whether this is the process that does what only one may do."""
        return self.index == 0

    def share(self, value: T | None) -> T:
        """The value of the process that leads, in every process; also a point where all wait for all."""
        if self.count > 1:
            from torch import distributed

            box = [value]
            distributed.broadcast_object_list(box, src=0)
            value = box[0]
        return cast(T, value)

    def wait(self) -> None:
        """Returns when every process has come here."""
        if self.count > 1:
            from torch import distributed

            distributed.barrier()


def join_ranks() -> Ranks:
    """This process's place by the environment that a launcher sets; InputError if that is incomplete."""
    count = os.environ.get("WORLD_SIZE", "1")
    try:
        ranks = Ranks(
            index=int(os.environ.get("RANK", "0")),
            local_index=int(os.environ.get("LOCAL_RANK", "0")),
            count=int(count),
        )
    except ValueError:
        raise InputError(
            f"WORLD_SIZE, RANK and LOCAL_RANK must be whole numbers, found WORLD_SIZE={count!r}; start with "
            "torchrun or accelerate launch, or unset them"
        ) from None
    if ranks.count > 1:
        import torch
        from torch import distributed

        if torch.cuda.is_available():
            torch.cuda.set_device(ranks.local_index)  # of metrics too, which ask for "cuda" alone
        # Only short messages are exchanged, so the backend that every machine has.
        distributed.init_process_group("gloo", timeout=PATIENCE)
    return ranks


def leave_ranks(ranks: Ranks) -> None:
    """Ends what `join_ranks` began."""
    if ranks.count > 1:
        from torch import distributed

        distributed.destroy_process_group()
