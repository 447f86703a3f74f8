"""Whole tensors in and out of DeepSpeed's partitions: master weights and Adam's moments, by weight name.

ZeRO spreads them flat over processes. Reading gathers one weight at a time on all processes; writing lets
each process take its part, so that a state saved under one number of processes and ZeRO stage loads under
another.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from training.engine import TrainingEngine, master_partitions

MOMENTS = ("exp_avg", "exp_avg_sq")  # torch AdamW's names


def gathered(weight: nn.Parameter, moment: str | None = None) -> Tensor:
    """The float32 master weight, or a moment of it, whole; every process has to ask together."""
    from deepspeed.utils import safe_get_full_fp32_param, safe_get_full_optimizer_state

    value = (
        safe_get_full_fp32_param(weight) if moment is None else safe_get_full_optimizer_state(weight, moment)
    )
    assert value is not None
    return value


@torch.no_grad()
def scatter(weight: nn.Parameter, value: Tensor, moment: str | None = None) -> None:
    """Writes this process's part of a whole float32 tensor."""
    if not hasattr(weight, "ds_id"):  # ZeRO 1 and 2
        from deepspeed.utils import safe_set_full_fp32_param, safe_set_full_optimizer_state

        if moment is None:
            safe_set_full_fp32_param(weight, value)
        else:
            safe_set_full_optimizer_state(weight, value, moment)
        return
    # ZeRO 3. DeepSpeed's own setter refuses weights whose size is no multiple of the number of processes
    optimizer: Any = getattr(weight, "_z3_optimizer")  # noqa: B009 - an attribute that DeepSpeed adds
    partition, _ = optimizer._get_fp32_opt_state_partition(
        weight, release_swap_buffers=False, optim_state_key=moment
    )
    start = partition.numel() * optimizer._get_param_partition_rank(weight)
    part = value.flatten()[start : start + partition.numel()]
    partition[: len(part)].copy_(part)


def adam_steps(engine: TrainingEngine) -> int:
    """How many steps Adam has counted; 0 before the first."""
    states = engine.deepspeed.optimizer.optimizer.state.values()
    return max((int(state["step"]) for state in states if "step" in state), default=0)


@torch.no_grad()
def make_adam_state(engine: TrainingEngine, steps: int) -> None:
    """Gives every partition moments of zero and a count of steps, as if it had been trained before."""
    outer = engine.deepspeed.optimizer
    for partition in master_partitions(outer, engine.zero_stage):
        outer.optimizer.state[partition] = {
            "step": torch.tensor(float(steps), device=partition.device if partition.is_cuda else None),
            **{moment: torch.zeros_like(partition) for moment in MOMENTS},
        }
    if engine.zero_stage < 3:
        outer._lazy_init_hp_params_optimizer_state()
